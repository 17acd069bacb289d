import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import type { OpCase } from "./op-cases.ts";

export interface BuiltCase {
  readonly builder: GraphBuilder;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly out: Value;
  readonly graph: Graph;
}

/** The graph of a case, with its result as the output `y`. */
export function buildCase({ inputs, build }: OpCase): BuiltCase {
  const builder = new GraphBuilder();
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      builder.input(name, shape, data instanceof Int32Array ? "int" : "float") as Value,
    ]),
  );
  const out = build(values, builder);
  return { builder, inputs: values, out, graph: builder.graph({ y: out }) };
}

/** Largest absolute difference; infinite where the lengths differ. */
export function worstError(given: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (given.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let index = 0; index < given.length; index++) {
    const error = Math.abs((given[index] as number) - (expected[index] as number));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

export const toMap = (inputs: Readonly<Record<string, Tensor>>) => new Map(Object.entries(inputs));
