import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import {
  add,
  gather,
  linearCrossEntropy,
  meanAll,
  mul,
  reduceSum,
  reshape,
  stopGradient,
  sub,
} from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { forward, parameterInputs, readOut, tokenHead } from "../../models/assembly.ts";
import { parameters } from "../../models/parameters.ts";
import type { Spec } from "../../models/spec.ts";
import { sizeOf } from "../../util/tensor.ts";
import type { Objective } from "../options.ts";

/** The sizes that a training step is compiled for. */
export interface StepShape {
  readonly batch: number;
  readonly tokens: number;
  /** Loops of the long run, and of the short one where the objective has one. */
  readonly loops: number;
  readonly shortLoops?: number;
  /** Rows that are scored, where not every position is: they are gathered before the head. */
  readonly scored?: number;
}

/** How a training step is built, without a change of what it computes. */
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
 * outputs `loss`, its parts, and `grad/NAME`. With `scored` rows S the inputs are `tokens` [B, T] and, all [S], `scoredAt`,
 * `targets` and `shares`: which of the B T positions are scored, what should be predicted there, and the share of
 * each in every mean; a row that only fills the batch has none. A model without step sizes runs once, with a tap where the
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
  const { run, crossEntropy, scoring } = parts(builder, spec, shape, options);
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
    const states = { hiddenLong, hiddenShort, crossEntropy, scoring };
    const elastic = shortLoss(builder, spec, objective, states, outputs);
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
function parts(builder: GraphBuilder, spec: Spec, shape: StepShape, options: StepOptions) {
  const { batch, tokens } = shape;
  const scoring = scoredRows(builder, shape);
  const head = tokenHead(builder, spec);
  return {
    scoring,
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
      scoring.mean(linearCrossEntropy(scoring.rows(hidden), head, scoring.targets, options.logitRows)),
  };
}

/** What is scored of the B T positions. */
interface Scoring {
  /** States [B T, d] at the scored positions. */
  readonly rows: (hidden: Value) => Value;
  readonly targets: Value;
  /** The mean of values of the scored rows, [S] or [S, n]. */
  readonly mean: (values: Value) => Value;
}

function scoredRows(builder: GraphBuilder, { batch, tokens, scored }: StepShape): Scoring {
  if (scored === undefined) {
    const targets = reshape(builder.input("targets", [batch, tokens], "int"), [batch * tokens]);
    return { rows: (hidden) => hidden, targets, mean: meanAll };
  }
  const at = builder.input("scoredAt", [scored], "int");
  const shares = builder.input("shares", [scored]);
  return {
    rows: (hidden) => gather(hidden, at),
    targets: builder.input("targets", [scored], "int"),
    mean: (values) => {
      const each = sizeOf(values.shape) / scored;
      const shared = mul(reshape(values, [scored, each]), reshape(shares, [scored, 1]));
      return mul(reshape(reduceSum(reshape(shared, [1, scored * each]), [1]), []), 1 / each);
    },
  };
}

/**
 * shortWeight CE_short + consistencyWeight MSE(stop_grad(long), short); both parts become outputs. Hidden states are
 * matched at every position, as later ones read them where nothing is scored as well; logits where they are scored.
 */
function shortLoss(
  builder: GraphBuilder,
  spec: Spec,
  { shortWeight, consistencyWeight, consistency }: Objective & { kind: "elastic" },
  run: {
    readonly hiddenLong: Value;
    readonly hiddenShort: Value;
    readonly crossEntropy: (hidden: Value) => Value;
    readonly scoring: Scoring;
  },
  outputs: Record<string, Value>,
): Value {
  const { rows, mean } = run.scoring;
  const ofHidden = consistency === "hidden";
  const match = (hidden: Value) => (ofHidden ? hidden : readOut(builder, spec, rows(hidden)));
  const gap = sub(stopGradient(match(run.hiddenLong)), match(run.hiddenShort));
  const lossShort = run.crossEntropy(run.hiddenShort);
  const lossConsistency = (ofHidden ? meanAll : mean)(mul(gap, gap));
  outputs["loss/short"] = lossShort;
  outputs["loss/consistency"] = lossConsistency;
  const weighted = mul(lossShort, shortWeight);
  return consistencyWeight > 0 ? add(weighted, mul(lossConsistency, consistencyWeight)) : weighted;
}
