import type { GraphBuilder } from "../../src/graph/builder.ts";
import { expand } from "../../src/graph/passes/index.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { parameters } from "../../src/models/parameters.ts";
import type { Size } from "../../src/models/presets.ts";
import { type Budget, conditions, type Spec } from "../../src/models/spec.ts";
import { rng } from "../../src/util/rng.ts";
import { sizeOf, type Tensor } from "../../src/util/tensor.ts";

export const tinySize: Size = { vocab: 11, context: 6, width: 8, heads: 2, mlp: 12, layers: 2, loops: 4 };

/**
 * A spec as JSON with other values in some fields. Objects keep the fields that `changes` does not name, unless it
 * names another kind.
 */
export function changed(spec: Spec, changes: Readonly<Record<string, unknown>>): unknown {
  const merged = Object.entries(changes).map(([name, value]) => {
    const own = (spec as Record<string, unknown>)[name];
    const isPart = isObject(own) && isObject(value) && (value["kind"] ?? own["kind"]) === own["kind"];
    return [name, isPart ? { ...own, ...value } : value];
  });
  return { ...spec, ...Object.fromEntries(merged) };
}
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Weights far from the initial ones, gains and biases included, so that every part of a model shows. */
export function randomWeights(spec: Spec, seed: number, scale = 0.3): Map<string, Tensor<Float32Array>> {
  return new Map(
    [...parameters(spec)].map(([name, { shape }]) => {
      const random = rng(seed, name);
      return [
        name,
        { data: Float32Array.from({ length: sizeOf(shape) }, () => scale * random.normal()), shape },
      ];
    }),
  );
}

/** Random whole numbers below `bound`. */
export function randomInts(shape: readonly number[], bound: number, seed: number): Tensor<Int32Array> {
  const random = rng(seed, "ints");
  return { data: Int32Array.from({ length: sizeOf(shape) }, () => random.below(bound)), shape };
}

/** The inputs `t` and `dt` of a run along a budget. */
export function routeInputs(spec: Spec, budget: Budget, route = ""): [string, Tensor][] {
  const { loops, t, dt } = conditions(spec, budget);
  return [
    [`${route}t`, { data: t, shape: [loops] }],
    [`${route}dt`, { data: dt, shape: [loops] }],
  ];
}

/** Runs a graph in float64 and returns the numbers of each output. */
export function valuesOf(graph: Graph, inputs: Iterable<[string, Tensor]>): Map<string, number[]> {
  return new Map([...interpret(graph, new Map(inputs))].map(([name, { data }]) => [name, [...data]]));
}

/** Operations of the matrix products of a graph in plain operations, two per multiply-add. */
export function countMatmulFlops(graph: Graph): number {
  const products = expand(graph).values.filter((value): value is Value<"matmul"> => value.op === "matmul");
  return products.reduce((sum, { shape, inputs, attrs }) => {
    const inner = (inputs[0] as Value).shape.at((attrs as { transA: boolean }).transA ? -2 : -1);
    return sum + 2 * sizeOf(shape) * (inner as number);
  }, 0);
}

/** How many values of a graph are of one operation. */
export const countOps = (graph: Graph | GraphBuilder, op: string): number =>
  graph.values.filter((value) => value.op === op).length;

/** Largest absolute difference of two equally long lists. */
export function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] as number))), 0);
}
