import { GraphBuilder } from "../../graph/builder.ts";
import { add, mul, reduceSum, relu, reshape, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { forward, readOut, tokenHead } from "../../models/assembly.ts";
import type { Model } from "../../models/model.ts";
import { type Budget, conditions, type Spec } from "../../models/spec.ts";
import type { Program } from "../../runtime/runtime.ts";
import type { FloatData, Tensor } from "../../util/tensor.ts";
import type { Rows } from "./rows.ts";

// Shapes: T tokens of one text, d width, M loops, n rows read out at a time.

/**
 * How far the attention of a core's layers moved from one loop to the next, by token [T]: the total variation distance of
 * each row of weights to the one before, sum max(0, a - b) = sum |a - b| / 2, as a mean over layers and heads. 0 where all
 * attend as before, 1 where none attends to anything that it did. Maps [1, H, T, T], one a layer.
 */
export function attentionDrift(before: readonly Value[], now: readonly Value[]): Value {
  const moved = now.map((map, layer) => {
    const [, heads, tokens] = map.shape as [number, number, number];
    const ofHeads = reduceSum(relu(sub(map, before[layer] as Value)), [3]);
    return mul(reshape(reduceSum(ofHeads, [1]), [tokens]), 1 / (heads * now.length));
  });
  return moved.reduce((sum, part) => add(sum, part));
}

/**
 * Everything that a run of M loops over one text computes between its loops: `tokens` [1, T] and a trajectory -> `state/l`
 * [T, d] after each number of loops l from 0 (if there is a state before the first loop), and `hidden/l` [T, d] from 1,
 * what the head would read: after coda and final norm; `drift/l` [T] from 2. Throws MODEL_VECTORS, CONTEXT.
 */
function statesGraph(spec: Spec, loops: number, tokens: number): Graph {
  const builder = new GraphBuilder();
  tokenHead(builder, spec);
  const outputs: Record<string, Value> = {};
  const maps: Value[][] = [];
  const hidden = forward(builder, spec, {
    batch: 1,
    tokens,
    loops,
    taps: Array.from({ length: loops }, (_, index) => index + 1),
    onState(state, after) {
      outputs[`state/${after}`] = state;
    },
    onAttention(weights, layer) {
      if (layer === 0) maps.push([]);
      maps.at(-1)?.push(weights);
    },
  });
  for (const [after, value] of hidden) outputs[`hidden/${after}`] = value;
  for (const [index, now] of maps.entries()) {
    const before = maps[index - 1];
    if (before) outputs[`drift/${index + 1}`] = attentionDrift(before, now);
  }
  return builder.graph(outputs);
}

/** Logits of what the head reads: `hidden` [n, d] -> `logits` [n, vocab]. Throws MODEL_VECTORS. */
function lensGraph(spec: Spec, rows: number): Graph {
  const builder = new GraphBuilder();
  tokenHead(builder, spec);
  return builder.graph({ logits: readOut(builder, spec, builder.input("hidden", [rows, spec.width])) });
}

/** What one text's tokens were like in a run. */
export interface CollectedStates {
  /** The numbers of loops after which `states` are: from 0, or from 1 where the first loop reads no state. */
  readonly loops: readonly number[];
  /** Rows [T, d] before coda and final norm. */
  readonly states: readonly Rows[];
  /** Rows [T, d] that the head reads after 1, 2, ... loops. */
  readonly hidden: readonly Rows[];
  /** How far each token's attention moved [T], in the loops from the second on. */
  readonly drift: readonly FloatData[];
}

/** Reads texts of one length at one budget: compiled once. */
export interface StateReader extends AsyncDisposable {
  /** The states of a text of `tokens` tokens after every loop. */
  read(text: ArrayLike<number>): Promise<CollectedStates>;
}

/** Opens a reader of texts of `tokens` tokens. Throws MODEL_VECTORS, CONTEXT, LOOPS or TRAJECTORY. */
export async function openStateReader(
  { spec, weights, runtime }: Model,
  { budget, tokens }: { readonly budget: Budget; readonly tokens: number },
): Promise<StateReader> {
  const { loops, t, dt } = conditions(spec, budget);
  const graph = statesGraph(spec, loops, tokens);
  const program = await runtime.compile(graph, { bound: weights, buffers: 1 });
  const route: [string, Tensor][] = [
    ["t", { data: t, shape: [loops] }],
    ["dt", { data: dt, shape: [loops] }],
  ];
  return {
    async read(text) {
      const data = Int32Array.from({ length: tokens }, (_, at) => text[at] as number);
      const outputs = await program.run(new Map([...route, ["tokens", { data, shape: [1, tokens] }]]));
      const own = (name: string): Rows => {
        const { data, shape } = outputs.get(name) as Tensor<FloatData>;
        return { data: data.slice(), shape };
      };
      const after = [...graph.outputs.keys()].flatMap((name) =>
        name.startsWith("state/") ? [Number(name.slice(6))] : [],
      );
      return {
        loops: after,
        states: after.map((one) => own(`state/${one}`)),
        hidden: Array.from({ length: loops }, (_, index) => own(`hidden/${index + 1}`)),
        drift: Array.from({ length: loops - 1 }, (_, index) => own(`drift/${index + 2}`).data),
      };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Logits that are held at a time; a vocabulary may be large. */
const LOGITS_AT_A_TIME = 2 ** 22;

/** Reads logits out of what the head reads, some rows at a time. */
export interface LensReader extends AsyncDisposable {
  /** Rows [n, d] -> the logits [vocab] of each, in order. */
  logits(hidden: Rows): AsyncIterable<FloatData>;
}

/** Throws MODEL_VECTORS. */
export async function openLensReader({ spec, weights, runtime }: Model, tokens: number): Promise<LensReader> {
  const rows = Math.max(1, Math.min(tokens, Math.floor(LOGITS_AT_A_TIME / spec.vocab)));
  const program: Program = await runtime.compile(lensGraph(spec, rows), { bound: weights, buffers: 1 });
  return {
    async *logits({ data, shape }) {
      const [count, width] = shape as [number, number];
      for (let first = 0; first < count; first += rows) {
        const taken = new Float32Array(rows * width);
        taken.set(data.subarray(first * width, Math.min(first + rows, count) * width));
        const outputs = await program.run(new Map([["hidden", { data: taken, shape: [rows, width] }]]));
        const logits = (outputs.get("logits") as Tensor<FloatData>).data;
        for (let row = 0; row < Math.min(rows, count - first); row++)
          yield logits.slice(row * spec.vocab, (row + 1) * spec.vocab);
      }
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
