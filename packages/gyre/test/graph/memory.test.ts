import { expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { memoryOf } from "../../src/graph/memory.ts";
import {
  add,
  causalAttention,
  exp,
  linearCrossEntropy,
  meanAll,
  mul,
  reshape,
  tanh,
} from "../../src/graph/ops.ts";
import type { Value } from "../../src/graph/types.ts";

const valueBytes = (build: (b: GraphBuilder) => Record<string, Value>) => {
  const builder = new GraphBuilder();
  return memoryOf(builder.graph(build(builder))).valueBytes;
};

test("a value is held to its last reader, and a result to the end", () => {
  // at any time an operand and what is made of it; inputs are the caller's
  expect(valueBytes((b) => ({ y: exp(tanh(exp(b.input("x", [10])))) }))).toBe(2 * 40);
  // a is held over b and c
  const residual = (b: GraphBuilder) => {
    const a = exp(b.input("x", [10]));
    return { y: add(a, tanh(tanh(a))) };
  };
  expect(valueBytes(residual)).toBe(3 * 40);
  const results = (b: GraphBuilder) => {
    const a = exp(b.input("x", [10]));
    return { a, b: tanh(tanh(a)) };
  };
  expect(valueBytes(results)).toBe(3 * 40);
});

test("another shape of a value is no copy, and holds what it is made of", () => {
  expect(valueBytes((b) => ({ y: tanh(reshape(exp(b.input("x", [10])), [2, 5])) }))).toBe(2 * 40);
});

test("attention holds half of its weights for the gradients, and brings one mask for all layers", () => {
  const of = (tokens: number, layers: number) => {
    const builder = new GraphBuilder();
    const shape = [2, 3, tokens, 4];
    let x: Value = builder.input("x", shape);
    const first = x;
    for (let layer = 0; layer < layers; layer++) x = causalAttention(x, x, mul(x, 2), 64);
    const [gradient] = gradients(meanAll(x), [first]);
    return memoryOf(builder.graph({ gradient: gradient as Value }));
  };
  const pairs = (tokens: number) => (tokens * (tokens + 64)) / 2;
  expect(of(1024, 2).constantBytes).toBe(4 * pairs(1024));
  expect(of(1024, 1).constantBytes).toBe(4 * pairs(1024));
  const weights = 4 * 2 * 3 * pairs(1024);
  const more = of(1024, 3).valueBytes - of(1024, 2).valueBytes;
  expect(more).toBeGreaterThan(weights);
  expect(more).toBeLessThan(1.2 * weights); // and the layer's own values
});

test("cross-entropy holds all logits, and of their gradients some blocks", () => {
  const of = (rows: number, block: number) =>
    valueBytes((b) => {
      const [x, w] = [b.input("x", [rows, 8]), b.input("w", [1000, 8])];
      const loss = meanAll(linearCrossEntropy(x, w, b.input("targets", [rows], "int"), block));
      const [dx, dw] = gradients(loss, [x, w]);
      return { dx: dx as Value, dw: dw as Value };
    });
  const logits = 4 * 512 * 1000;
  expect(of(512, 64) - logits).toBeGreaterThan((2 * logits) / 8);
  expect(of(512, 64) - logits).toBeLessThan((2.5 * logits) / 8);
});
