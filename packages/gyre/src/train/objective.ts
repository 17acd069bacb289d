import * as z from "zod";
import { gradients } from "../grad/gradients.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { add, linearCrossEntropy, meanAll, mul, reshape, stopGradient, sub } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, parameterInputs, readOut } from "../models/assembly.ts";
import { parameters } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";

/**
 * What is minimised. `final`: cross-entropy after all loops. `elastic`: CE_long + shortWeight CE_short +
 * consistencyWeight MSE(stop_grad(long), short), LoopFormer Eq. 7 and train.py; `naive` early exit is
 * `elastic` with consistencyWeight 0.
 */
export const objectiveSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("final") }),
  z.strictObject({
    kind: z.literal("elastic"),
    shortWeight: z.number().min(0).default(0.1).describe("weight of the short run's cross-entropy"),
    consistencyWeight: z.number().min(0).default(0.1).describe("weight of the consistency term"),
    consistency: z
      .enum(["hidden", "logits"])
      .default("hidden")
      .describe(
        "what the short run must match: hidden states after the final norm (code, Eq. 7) or logits (section 3.3)",
      ),
  }),
]);
export type Objective = z.infer<typeof objectiveSchema>;

export interface StepShape {
  readonly batch: number;
  readonly tokens: number;
  /** Loops of the long run, and of the short one where the objective has one. */
  readonly loops: number;
  readonly shortLoops?: number;
}

export interface StepOptions {
  readonly recompute?: boolean;
  /** Rows of attention and of logits at a time. */
  readonly tile?: number;
  readonly logitRows?: number;
  /** Also return logits and hidden states. */
  readonly inspect?: boolean;
  /** Also return the gradients, as `grad/NAME`; true by default. */
  readonly backward?: boolean;
}

/** Names of the inputs that tell a run its trajectory: the long run, and a short run of its own. */
export const SHORT_ROUTE = "short/";

/**
 * The graph of one training step: inputs `tokens`, `targets` [B, T], trajectories, and every parameter;
 * outputs `loss`, its parts, and `grad/NAME`. A model without step sizes runs once, with a tap where the
 * short run ends: its short run is a prefix of the long one. LoopFormer runs twice.
 */
export function stepGraph(
  spec: Spec,
  objective: Objective,
  shape: StepShape,
  options: StepOptions = {},
): Graph {
  const builder = new GraphBuilder();
  const { batch, tokens, loops, shortLoops } = shape;
  const rows = batch * tokens;
  const targets = reshape(builder.input("targets", [batch, tokens], "int"), [rows]);
  const run = (count: number, route: string, taps: readonly number[]) =>
    forward(builder, spec, {
      batch,
      tokens,
      loops: count,
      route,
      taps,
      ...(options.tile ? { tile: options.tile } : {}),
      ...(options.recompute ? { recompute: true } : {}),
    });
  const head = parameterInputs(builder, spec)("transformer.wte.weight");
  const crossEntropy = (hidden: Value) =>
    meanAll(linearCrossEntropy(hidden, head, targets, options.logitRows ?? rows));

  const hasShort = objective.kind === "elastic" && shortLoops !== undefined;
  const ownRoute = spec.conditioning === "time";
  const long = run(loops, "", hasShort && !ownRoute ? [loops, shortLoops] : [loops]);
  const hiddenLong = long.get(loops) as Value;
  const outputs: Record<string, Value> = { "loss/long": crossEntropy(hiddenLong) };
  let loss = outputs["loss/long"] as Value;
  const seen: Record<string, Value> = { long: hiddenLong };
  if (hasShort) {
    const route = ownRoute ? run(shortLoops, SHORT_ROUTE, [shortLoops]) : long;
    const hiddenShort = route.get(shortLoops) as Value;
    seen["short"] = hiddenShort;
    const match = (hidden: Value) =>
      objective.consistency === "hidden" ? hidden : readOut(builder, spec, hidden);
    const gap = sub(stopGradient(match(hiddenLong)), match(hiddenShort));
    outputs["loss/short"] = crossEntropy(hiddenShort);
    outputs["loss/consistency"] = meanAll(mul(gap, gap));
    loss = add(loss, mul(outputs["loss/short"], objective.shortWeight));
    if (objective.consistencyWeight > 0)
      loss = add(loss, mul(outputs["loss/consistency"], objective.consistencyWeight));
  }
  outputs["loss"] = loss;
  if (options.inspect) {
    for (const [name, hidden] of Object.entries(seen)) {
      outputs[`hidden/${name}`] = hidden;
      outputs[`logits/${name}`] = readOut(builder, spec, hidden);
    }
  }
  if (options.backward ?? true) {
    const names = [...parameters(spec).keys()];
    const params = parameterInputs(builder, spec);
    const grads = gradients(
      loss,
      names.map((name) => params(name)),
    );
    for (const [index, name] of names.entries()) outputs[`grad/${name}`] = grads[index] as Value;
  }
  return builder.graph(outputs);
}
