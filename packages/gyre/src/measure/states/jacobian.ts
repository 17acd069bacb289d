import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { mul, reduceSum, reshape } from "../../graph/ops.ts";
import { expand } from "../../graph/passes/expand.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { forward } from "../../models/assembly.ts";
import type { Model } from "../../models/model.ts";
import { type Budget, conditions, type Spec } from "../../models/spec.ts";
import { type FloatData, type Tensor, zeros } from "../../util/tensor.ts";
import type { Product } from "./radius.ts";
import { type Rows, rowsOf } from "./rows.ts";
import { dot } from "./symmetric.ts";

// J = d h_next / d h [T d, T d] of one loop, at the states h of one text's T tokens. It is never written out.

/** The side on which the Jacobian is multiplied: J v, or J^T v. */
export type Side = "forward" | "backward";

/** One loop alone: `tokens` [1, T], the `state` [T, d] that enters it, its `t` and `dt` [1] -> the `next` state. Throws CONTEXT. */
function oneLoopGraph(spec: Spec, tokens: number): Graph {
  const builder = new GraphBuilder();
  const states: Value[] = [];
  const from = builder.input("state", [tokens, spec.width]);
  forward(builder, spec, { batch: 1, tokens, loops: 1, from, onState: (state) => states.push(state) });
  return builder.graph({ next: states.at(-1) as Value });
}

/**
 * Products with the Jacobian of a graph's output `next` with respect to its input `state`: a further input `vector` v, of the
 * state's shape -> `product`, and `next` as before. `backward` is reverse mode, J^T v. `forward` is reverse mode twice: J^T u
 * is linear in u, and its own vector-Jacobian product is J v. Fused operations are spelled out first, as their derivatives
 * have none.
 */
export function productGraph(map: Graph, side: Side): Graph {
  const plain = expand(map);
  const next = plain.outputs.get("next") as Value;
  const state = plain.inputs.find(({ attrs }) => attrs.name === "state") as Value;
  const { builder } = next;
  const vector = builder.input("vector", side === "forward" ? state.shape : next.shape);
  const cotangent = side === "forward" ? builder.input("cotangent", next.shape) : vector;
  const [back] = gradients(inner(next, cotangent), [state]) as [Value];
  if (side === "backward") return builder.graph({ next, product: back });
  const [product] = gradients(inner(back, vector), [cotangent]) as [Value];
  return builder.graph({ next, product });
}

function inner(x: Value, y: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return reshape(reduceSum(mul(x, y), axes), []);
}

/** The Jacobian of a loop at one text's states, as products. */
export interface LoopJacobian {
  /** Where the loop takes the states, [T, d]. */
  readonly next: Rows;
  readonly times: Product;
  readonly transposedTimes: Product;
}

/** Linearises one loop of a model at the states of a text. */
export interface JacobianReader extends AsyncDisposable {
  /** Linearises at `states` [T, d] of a text. */
  at(text: ArrayLike<number>, states: Rows): Promise<LoopJacobian>;
}

/**
 * Opens the Jacobian of a run's last loop, as that loop is told its time or index. Throws CONTEXT, LOOPS or TRAJECTORY.
 */
export async function openJacobian(
  { spec, weights, runtime }: Model,
  { budget, tokens }: { readonly budget: Budget; readonly tokens: number },
): Promise<JacobianReader> {
  const { t, dt } = conditions(spec, budget);
  const loop = oneLoopGraph(spec, tokens);
  const compile = (side: Side) => runtime.compile(productGraph(loop, side), { bound: weights, buffers: 1 });
  const [forward, backward] = [await compile("forward"), await compile("backward")];
  const shape = [tokens, spec.width];
  const tensor = (data: ArrayLike<number>): Tensor => {
    const own = zeros(runtime.precision, data.length);
    own.set(data);
    return { data: own, shape };
  };
  return {
    async at(text, states) {
      const fixed: [string, Tensor][] = [
        ["t", { data: t.slice(-1), shape: [1] }],
        ["dt", { data: dt.slice(-1), shape: [1] }],
        [
          "tokens",
          { data: Int32Array.from({ length: tokens }, (_, at) => text[at] as number), shape: [1, tokens] },
        ],
        ["state", tensor(states.data)],
      ];
      const run = async (program: typeof forward, vector: Float64Array, name: string) => {
        const outputs = await program.run(new Map([...fixed, ["vector", tensor(vector)]]));
        return Float64Array.from((outputs.get(name) as Tensor<FloatData>).data);
      };
      return {
        next: { data: await run(forward, new Float64Array(tokens * spec.width), "next"), shape },
        times: (vector) => run(forward, vector, "product"),
        transposedTimes: (vector) => run(backward, vector, "product"),
      };
    },
    async [Symbol.asyncDispose]() {
      await forward[Symbol.asyncDispose]();
      await backward[Symbol.asyncDispose]();
    },
  };
}

/**
 * The Jacobian of the same loop on directions: of the map from h_t / |h_t| to h'_t / |h'_t| of every token, at fixed lengths:
 * P' J P v |h_t| / |h'_t| with P and P' the projections off h_t and h'_t. A head behind a norm sees nothing else. A pre-norm
 * loop adds to its state, so that J is the identity and something: its radius is about 1 or more however settled directions are.
 */
export function directional(states: Rows, { next, times }: Pick<LoopJacobian, "next" | "times">): Product {
  const [before, after] = [rowsOf(states), rowsOf(next)];
  const width = states.shape[1] as number;
  const perToken = (vector: Float64Array, change: (row: Float64Array, token: number) => Float64Array) => {
    const changed = new Float64Array(vector.length);
    for (const token of before.keys()) {
      const row = vector.subarray(token * width, (token + 1) * width);
      changed.set(change(row, token), token * width);
    }
    return changed;
  };
  const off = (row: Float64Array, axis: Float64Array, factor: number) => {
    const along = dot(row, axis) / dot(axis, axis);
    return row.map((value, at) => factor * (value - along * (axis[at] as number)));
  };
  const size = (axis: Float64Array) => Math.sqrt(dot(axis, axis));
  return async (vector) => {
    const inside = perToken(vector, (row, token) => {
      const axis = before[token] as Float64Array;
      return off(row, axis, size(axis));
    });
    return perToken(await times(inside), (row, token) => {
      const axis = after[token] as Float64Array;
      return off(row, axis, 1 / size(axis));
    });
  };
}
