import * as z from "zod";

const positive = z.int().positive();
const count = z.int().min(0);

/** The first form of a spec: one level, with LoopFormer's options by name. It never changes. */
const flatSchema = z.strictObject({
  family: z.string(),
  vocab: count.default(0),
  vectors: z.strictObject({ inputs: positive, outputs: positive }).optional(),
  context: positive,
  width: positive,
  heads: positive,
  mlp: positive,
  prelude: count.default(0),
  layers: positive,
  coda: count.default(0),
  loops: positive,
  conditioning: z.enum(["none", "loop", "time"]),
  start: z.enum(["embedding", "zeros", "ones"]).default("embedding"),
  inject: z.enum(["none", "add", "multiply", "everyLayer"]).default("none"),
  frame: z.enum(["run", "loop"]).default("run"),
  norm: z.enum(["rms", "layer"]).default("rms"),
  normGain: z.boolean(),
  bias: z.boolean(),
  activation: z.enum(["gelu", "relu", "silu", "geluTanh"]),
  adalnInit: z.enum(["official", "zero"]),
});

/** Whether JSON is a spec of the old form: heads stood beside the width then. */
export const isFlatSpec = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "heads" in json && !("attention" in json);

/** A spec of the old, flat form in today's: runs, reports and golden files of then are read. */
export const fromFlatSpec = flatSchema.transform((flat) => ({
  family: flat.family,
  vocab: flat.vocab,
  context: flat.context,
  width: flat.width,
  loops: flat.loops,
  layers: { prelude: flat.prelude, core: flat.layers, coda: flat.coda },
  attention: { heads: flat.heads, bias: flat.bias },
  mlp: { width: flat.mlp, activation: flat.activation, bias: flat.bias },
  norm: { kind: flat.norm, gain: flat.normGain, bias: flat.norm === "layer" && flat.bias },
  conditioning: { kind: flat.conditioning, init: flat.adalnInit },
  inject: flat.inject,
  start: flat.start,
  frame: flat.frame,
  readout: flat.vectors ? { kind: "vectors", ...flat.vectors } : { kind: "tokens", tied: true },
}));
