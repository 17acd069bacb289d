import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import {
  add,
  exp,
  matmul,
  mul,
  neg,
  reduceSum,
  reshape,
  sin,
  softmax,
  stopGradient,
  sub,
  tanh,
} from "../../src/graph/ops.ts";
import type { OpName, Value } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { sizeOf, type Tensor } from "../../src/util/tensor.ts";
import { drawn, floats, opCases } from "../graph/op-cases.ts";
import { buildCase, toMap, worstError } from "../graph/run-case.ts";

/** What reverse mode does with each operation; a new one must say. */
const treatment: { readonly [Op in OpName]: "rule" | "zero" | "refused" } = {
  input: "rule",
  constant: "zero",
  neg: "rule",
  exp: "rule",
  log: "rule",
  sqrt: "rule",
  reciprocal: "rule",
  erf: "rule",
  tanh: "rule",
  sigmoid: "rule",
  relu: "rule",
  step: "zero",
  sin: "rule",
  cos: "rule",
  add: "rule",
  sub: "rule",
  mul: "rule",
  div: "rule",
  matmul: "rule",
  gemm: "refused",
  reduceSum: "rule",
  softmax: "rule",
  logSoftmax: "rule",
  reshape: "rule",
  transpose: "rule",
  broadcastTo: "rule",
  slice: "rule",
  pad: "rule",
  concat: "rule",
  gather: "rule",
  scatterAdd: "rule",
  pick: "rule",
  addAt: "rule",
  gelu: "rule",
  geluGrad: "refused",
  rmsNorm: "rule",
  causalAttention: "rule",
  causalAttentionGrad: "refused",
  linearCrossEntropy: "rule",
  linearCrossEntropyGrad: "refused",
  stopGradient: "zero",
  after: "rule",
};

/** A scalar that reads every element of `out` with a weight of its own. */
function weighted(out: Value): Value {
  const weights = out.builder.constant(drawn(out.shape, 99).data, out.shape);
  return reshape(reduceSum(reshape(mul(out, weights), [1, sizeOf(out.shape)]), [1]), []);
}

/** Central differences of a scalar function of one input, in float64. */
function differences(
  loss: (inputs: Map<string, Tensor>) => number,
  inputs: Map<string, Tensor>,
  name: string,
) {
  const { data, shape } = inputs.get(name)!;
  const h = 1e-5;
  return Array.from(data, (value, index) => {
    const at = (moved: number) => {
      const copy = Float64Array.from(data);
      copy[index] = moved;
      return loss(new Map([...inputs, [name, { data: copy, shape }]]));
    };
    return (at(value + h) - at(value - h)) / (2 * h);
  });
}

describe("every gradient equals finite differences", () => {
  for (const op of Object.keys(opCases) as OpName[]) {
    test(`${op}: ${treatment[op]}`, () => {
      for (const opCase of opCases[op]) {
        const { builder, inputs, out } = buildCase(opCase);
        const loss = weighted(out);
        const names = Object.keys(inputs).filter((name) => inputs[name]?.dtype === "float");
        const wrt = names.map((name) => inputs[name] as Value);
        if (treatment[op] === "refused") {
          expect(() => gradients(loss, wrt)).toThrow(`GRAD_UNDEFINED: a gradient through ${op}`);
          continue;
        }
        const found = gradients(loss, wrt);
        const outputs = Object.fromEntries(names.map((name, index) => [name, found[index] as Value]));
        const given = interpret(builder.graph(outputs), toMap(opCase.inputs));
        const value = (at: Map<string, Tensor>) =>
          interpret(builder.graph({ loss }), at).get("loss")!.data[0]!;
        for (const name of names) {
          const isZero = treatment[op] === "zero" || (op === "after" && name === "earlier");
          const expected = isZero
            ? new Array(given.get(name)!.data.length).fill(0)
            : differences(value, toMap(opCase.inputs), name);
          expect(worstError(given.get(name)!.data, expected)).toBeLessThan(1e-8);
        }
      }
    });
  }
});

test("a value that is read twice gets both gradients; one that is not read gets zeros", () => {
  const builder = new GraphBuilder();
  const [x, unused] = [builder.input("x", [2]), builder.input("unused", [3])];
  const loss = weighted(add(mul(x, x), x));
  const [dx, dUnused] = gradients(loss, [x, unused]) as [Value, Value];
  const given = interpret(builder.graph({ dx, dUnused }), new Map([["x", floats([2], 3, -1)]]));
  const weights = drawn([2], 99).data;
  expect(worstError(given.get("dx")!.data, [weights[0]! * 7, weights[1]! * -1])).toBeLessThan(1e-15);
  expect([...given.get("dUnused")!.data]).toEqual([0, 0, 0]);
});

test("no gradient passes a stop, and others still do", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", []);
  const [dx] = gradients(mul(stopGradient(exp(x)), x), [x]) as [Value];
  const given = interpret(builder.graph({ dx }), new Map([["x", floats([], 2)]]));
  expect(given.get("dx")!.data[0]).toBeCloseTo(Math.exp(2), 14);
});

test("gradients of a second loss are added to those of the first", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", []);
  const first = gradients(mul(x, x), [x]);
  const [both] = gradients(exp(x), [x], first) as [Value];
  const given = interpret(builder.graph({ both }), new Map([["x", floats([], 3)]]));
  expect(given.get("both")!.data[0]).toBeCloseTo(6 + Math.exp(3), 13);
});

test("a loss must be a scalar", () => {
  const x = new GraphBuilder().input("x", [2]);
  expect(() => gradients(x, [x])).toThrow(/GRAD_LOSS: a loss of shape \[2\]/);
});

test("random graphs: reverse mode equals finite differences, with and without recomputation", () => {
  const steps: readonly ((a: Value, b: Value) => Value)[] = [
    add,
    sub,
    mul,
    (a, b) => matmul(a, b),
    (a, b) => matmul(a, b, { transA: true }),
    (a) => tanh(a),
    (a) => sin(a),
    (a) => neg(a),
    (a) => softmax(a),
    (a, b) => mul(a, reduceSum(b, [1])),
    (a, b) => add(stopGradient(a), b),
  ];
  const choice = fc.record({
    op: fc.nat(steps.length - 1),
    a: fc.nat(7),
    b: fc.nat(7),
    isRebuilt: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(choice, { minLength: 1, maxLength: 6 }), (choices) => {
      const make = (recompute: boolean) => {
        const builder = new GraphBuilder();
        const leaves = [builder.input("x", [2, 2]), builder.input("y", [2, 2])];
        const values: Value[] = [...leaves];
        for (const { op, a, b, isRebuilt } of choices) {
          const next = () => tanh(steps[op]!(values[a % values.length]!, values[b % values.length]!));
          values.push(recompute && isRebuilt ? builder.recomputed(next) : next());
        }
        const loss = weighted(values.at(-1)!);
        const [dx, dy] = gradients(loss, leaves) as [Value, Value];
        return { builder, outputs: { x: dx, y: dy }, loss };
      };
      const inputs = toMap({ x: drawn([2, 2], 11), y: drawn([2, 2], 12) });
      const plain = make(false);
      const given = interpret(plain.builder.graph(plain.outputs), inputs);
      const rebuilt = make(true);
      const again = interpret(rebuilt.builder.graph(rebuilt.outputs), inputs);
      expect([...again.get("x")!.data]).toEqual([...given.get("x")!.data]);
      expect([...again.get("y")!.data]).toEqual([...given.get("y")!.data]);
      if (choices.some(({ op }) => op === 10)) return; // differences see through a stopped gradient
      const value = (at: Map<string, Tensor>) =>
        interpret(plain.builder.graph({ loss: plain.loss }), at).get("loss")!.data[0]!;
      for (const name of ["x", "y"]) {
        expect(worstError(given.get(name)!.data, differences(value, inputs, name))).toBeLessThan(1e-8);
      }
    }),
    { numRuns: 60 },
  );
});
