import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { add, linearCrossEntropy, meanAll, mul, reshape, stopGradient, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { forward, parameterInputs, readOut, tokenHead } from "../../models/assembly.ts";
import { parameters } from "../../models/parameters.ts";
import type { Spec } from "../../models/spec.ts";
import type { Objective } from "../options.ts";

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
 * short run ends: its short run is a prefix of the long one. LoopFormer runs twice, and as no gradient flows
 * from the short loss into the long run, the long one's backward pass comes first and frees its activations.
 * Throws MODEL_VECTORS.
 */
export function stepGraph(
  spec: Spec,
  objective: Objective,
  shape: StepShape,
  options: StepOptions = {},
): Graph {
  const builder = new GraphBuilder();
  const { loops, shortLoops } = shape;
  const params = parameterInputs(builder, spec);
  const names = [...parameters(spec).keys()];
  const leaves = names.map((name) => params(name));
  const backward = options.backward ?? true;
  const { run, crossEntropy } = parts(builder, spec, shape, options);
  const outputs: Record<string, Value> = {};
  const seen = new Map<string, Value>();

  const hasShort = objective.kind === "elastic" && shortLoops !== undefined;
  const isPrefix = hasShort && spec.conditioning.kind !== "time";
  const long = run(loops, "", isPrefix ? [loops, shortLoops] : [loops]);
  const hiddenLong = long.get(loops) as Value;
  seen.set("long", hiddenLong);
  const lossLong = crossEntropy(hiddenLong);
  outputs["loss/long"] = lossLong;
  let loss = lossLong;
  let grads: Value[] = [];
  if (hasShort) {
    if (backward && !isPrefix) grads = gradients(lossLong, leaves);
    const short = isPrefix ? long : run(shortLoops, SHORT_ROUTE, [shortLoops]);
    const hiddenShort = short.get(shortLoops) as Value;
    seen.set("short", hiddenShort);
    const elastic = shortLoss(builder, spec, objective, { hiddenLong, hiddenShort, crossEntropy }, outputs);
    loss = add(lossLong, elastic);
    if (backward) grads = isPrefix ? gradients(loss, leaves) : gradients(elastic, leaves, grads);
  } else if (backward) grads = gradients(loss, leaves);
  outputs["loss"] = loss;
  if (options.inspect) {
    for (const [name, hidden] of seen) {
      outputs[`hidden/${name}`] = hidden;
      outputs[`logits/${name}`] = readOut(builder, spec, hidden);
    }
  }
  for (const [index, grad] of grads.entries()) outputs[`grad/${names[index]}`] = grad;
  return builder.graph(outputs);
}

/** The pieces of an objective: a run of the model, and the mean cross-entropy of its hidden states. */
function parts(builder: GraphBuilder, spec: Spec, { batch, tokens }: StepShape, options: StepOptions) {
  const rows = batch * tokens;
  const targets = reshape(builder.input("targets", [batch, tokens], "int"), [rows]);
  const head = tokenHead(builder, spec);
  return {
    run: (loops: number, route: string, taps: readonly number[]) =>
      forward(builder, spec, {
        batch,
        tokens,
        loops,
        route,
        taps,
        ...(options.tile ? { tile: options.tile } : {}),
        ...(options.recompute ? { recompute: true } : {}),
      }),
    crossEntropy: (hidden: Value) =>
      meanAll(linearCrossEntropy(hidden, head, targets, options.logitRows ?? rows)),
  };
}

/** shortWeight CE_short + consistencyWeight MSE(stop_grad(long), short); both parts become outputs. */
function shortLoss(
  builder: GraphBuilder,
  spec: Spec,
  { shortWeight, consistencyWeight, consistency }: Objective & { kind: "elastic" },
  run: { hiddenLong: Value; hiddenShort: Value; crossEntropy: (hidden: Value) => Value },
  outputs: Record<string, Value>,
): Value {
  const match = (hidden: Value) => (consistency === "hidden" ? hidden : readOut(builder, spec, hidden));
  const gap = sub(stopGradient(match(run.hiddenLong)), match(run.hiddenShort));
  const lossShort = run.crossEntropy(run.hiddenShort);
  const lossConsistency = meanAll(mul(gap, gap));
  outputs["loss/short"] = lossShort;
  outputs["loss/consistency"] = lossConsistency;
  const weighted = mul(lossShort, shortWeight);
  return consistencyWeight > 0 ? add(weighted, mul(lossConsistency, consistencyWeight)) : weighted;
}
