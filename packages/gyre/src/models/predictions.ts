import { GraphBuilder } from "../graph/builder.ts";
import { gather, reshape } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, readOut } from "./assembly.ts";
import { badReading, notPrompts } from "./errors.ts";
import { hasVectors, type Spec } from "./spec.ts";

// Shapes: B prompts, T tokens, R readings, k outputs.

/** The sizes of a graph over prompts. */
export interface PromptShape {
  readonly batch: number;
  readonly tokens: number;
  readonly readAt: readonly number[];
  readonly loops: number;
}

/**
 * What a model predicts for prompts: `prompts` [B, T, width] and every parameter -> `prediction/LOOP` [B, R, k]
 * after each loop of `taps`. Throws LAB_MODEL, LAB_READING, CONTEXT.
 */
export function predictionGraph(spec: Spec, shape: PromptShape, taps: readonly number[]): Graph {
  const builder = new GraphBuilder();
  const predicted = predictions(builder, spec, shape, taps, {});
  return builder.graph(
    Object.fromEntries([...predicted].map(([loop, value]) => [`prediction/${loop}`, value])),
  );
}

/** [B, R, k]. */
export const predictionShape = (spec: Spec, { batch, readAt }: PromptShape): number[] => [
  batch,
  readAt.length,
  spec.readout.kind === "vectors" ? spec.readout.outputs : 0,
];

/**
 * Predictions [B, R, k] by number of loops, in a graph under construction. All tokens are read out and then some
 * chosen: few numbers move. Throws LAB_MODEL, LAB_READING, CONTEXT.
 */
export function predictions(
  builder: GraphBuilder,
  spec: Spec,
  shape: PromptShape,
  taps: readonly number[],
  options: { readonly recompute?: boolean; readonly detachedLoops?: number },
): Map<number, Value> {
  const { batch, tokens, readAt, loops } = shape;
  if (!hasVectors(spec)) throw notPrompts(spec.family);
  const wrong = readAt.find((at) => !(Number.isInteger(at) && at >= 0 && at < tokens));
  if (wrong !== undefined || readAt.length === 0) throw badReading(readAt, tokens);
  const rows = Array.from({ length: batch }, (_, prompt) => readAt.map((at) => prompt * tokens + at)).flat();
  const ids = builder.constant(rows, [rows.length], "int");
  const states = forward(builder, spec, { batch, tokens, loops, taps, ...options });
  return new Map(
    taps.map((loop) => {
      const read = gather(readOut(builder, spec, states.get(loop) as Value), ids);
      return [loop, reshape(read, predictionShape(spec, shape))];
    }),
  );
}
