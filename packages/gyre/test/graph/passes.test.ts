import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import {
  add,
  broadcastTo,
  exp,
  gelu,
  linearCrossEntropy,
  matmul,
  meanAll,
  mul,
  neg,
  reshape,
  slice,
  softmax,
  sub,
  swapLast,
  tanh,
  transpose,
} from "../../src/graph/ops.ts";
import { expand, lower, prepareGraph, simplify, transposesInSteps } from "../../src/graph/passes/index.ts";
import { keepInPlace } from "../../src/graph/passes/keep-in-place.ts";
import { rematerialize } from "../../src/graph/passes/rematerialize.ts";
import { printGraph } from "../../src/graph/print.ts";
import type { Graph, OpName, Value } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { drawn, opCases } from "./op-cases.ts";
import { buildCase, toMap, worstError } from "./run-case.ts";

const print = (
  build: (b: GraphBuilder) => Record<string, Value>,
  pass: (graph: Graph) => Graph = (g) => g,
) => {
  const builder = new GraphBuilder();
  return `\n${printGraph(pass(builder.graph(build(builder))))}\n`;
};

describe("the builder", () => {
  test("builds equal expressions once and leaves dead ones out", () => {
    expect(
      print((b) => {
        const x = b.input("x", [2]);
        tanh(x);
        return { y: add(exp(x), exp(x)) };
      }),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "x" : [2]
      %1 = exp(%0) : [2]
      %2 = add(%1, %1) : [2]
      return y = %2
      "
    `);
  });

  test("stores equal constants once, and tells zero from minus zero", () => {
    const b = new GraphBuilder();
    expect(b.constant([1, 2], [2])).toBe(b.constant([1, 2], [2]));
    expect(b.constant([1, 2], [2])).not.toBe(b.constant([1, 2], [2, 1]));
    expect(b.constant([0], [])).not.toBe(b.constant([-0], []));
  });

  test("refuses values of another graph, and one input name for two types", () => {
    const [a, b] = [new GraphBuilder(), new GraphBuilder()];
    expect(() => add(a.input("x", [2]), b.input("x", [2]))).toThrow(/GRAPH_BUILDERS: add/);
    expect(() => a.graph({ y: b.input("x", [2]) })).toThrow(/GRAPH_BUILDERS: graph output/);
    expect(() => a.input("x", [3])).toThrow(/GRAPH_INPUT: two inputs named "x"/);
  });
});

describe("simplify", () => {
  test("folds constants and gathers scalings outside", () => {
    expect(
      print((b) => {
        const x = b.input("x", [2]);
        return { y: mul(mul(mul(x, exp(b.scalar(0))), 3), mul(tanh(x), mul(b.scalar(2), b.scalar(5)))) };
      }, simplify),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "x" : [2]
      %1 = tanh(%0) : [2]
      %2 = mul(%0, %1) : [2]
      %4 = mul(%2, 30) : [2]
      return y = %4
      "
    `);
  });

  test("cancels movement that undoes itself", () => {
    expect(
      print((b) => {
        const x = b.input("x", [2, 3]);
        return { y: swapLast(add(swapLast(x), swapLast(reshape(reshape(x, [6]), [2, 3])))) };
      }, simplify),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "x" : [2, 3]
      %1 = add(%0, %0) : [2, 3]
      return y = %1
      "
    `);
  });
});

test("simplify lets a sum spread what was spread for it", () => {
  expect(
    print((b) => {
      const [x, column] = [b.input("x", [2, 3]), b.input("column", [2, 1])];
      return { y: sub(x, broadcastTo(column, [2, 3])) };
    }, simplify),
  ).toMatchInlineSnapshot(`
    "
    %0 = input "x" : [2, 3]
    %1 = input "column" : [2, 1]
    %2 = sub(%0, %1) : [2, 3]
    return y = %2
    "
  `);
});

test("transposes of many small matrices become one large one and one of whole rows", () => {
  const build = (shape: readonly number[], perm: readonly number[]) => (b: GraphBuilder) => ({
    y: transpose(b.input("x", shape), perm),
  });
  expect(print(build([16, 4, 8, 10], [0, 2, 3, 1]), transposesInSteps)).toMatchInlineSnapshot(`
    "
    %0 = input "x" : [16, 4, 8, 10]
    %1 = reshape(%0, shape: [64, 80]) : [64, 80]
    %2 = transpose(%1, perm: [1, 0]) : [80, 64]
    %3 = reshape(%2, shape: [8, 10, 16, 4]) : [8, 10, 16, 4]
    %4 = transpose(%3, perm: [2, 0, 1, 3]) : [16, 8, 10, 4]
    return y = %4
    "
  `);
  const unchanged = [
    build([16, 4, 8, 10], [0, 2, 1, 3]),
    build([64, 80], [1, 0]),
    build([2, 3, 4], [0, 2, 1]),
    build([16, 4, 8, 10], [1, 2, 3, 0]),
  ];
  for (const same of unchanged) expect(print(same, transposesInSteps)).toBe(print(same));
});

describe("lower", () => {
  test("makes one Gemm of a linear layer with a scaling and a sum", () => {
    expect(
      print((b) => {
        const [x, w] = [b.input("x", [4, 2]), b.input("w", [3, 2])];
        return { y: add(b.input("rest", [4, 3]), mul(matmul(x, w, { transB: true }), 0.5)) };
      }, lower),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "x" : [4, 2]
      %1 = input "w" : [3, 2]
      %2 = input "rest" : [4, 3]
      %3 = gemm(%0, %1, %2, transB, alpha: 0.5) : [4, 3]
      return y = %3
      "
    `);
  });

  test("leaves a large sum to itself where threads would wait for the copy of C", () => {
    const build = (rows: number) => (b: GraphBuilder) => ({
      y: add(b.input("rest", [rows, 128]), matmul(b.input("x", [rows, 2]), b.input("w", [2, 128]))),
    });
    const parallel = (graph: Graph) => lower(graph, { parallel: true });
    expect(print(build(128), parallel)).toContain("gemm(");
    expect(print(build(129), parallel)).not.toContain("gemm(");
    expect(print(build(129), (graph) => lower(graph))).toContain("gemm(");
  });

  test("accumulates weight gradients through C", () => {
    expect(
      print(
        (b) => {
          const [x, w] = [b.input("x", [4, 2]), b.input("w", [2, 2])];
          const once = matmul(x, w);
          const [dw] = gradients(meanAll(matmul(once, w)), [w]) as [Value];
          return { dw };
        },
        (graph) => lower(simplify(graph)),
      ),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "x" : [4, 2]
      %1 = input "w" : [2, 2]
      %2 = matmul(%0, %1) : [4, 2]
      %4 = reshape(0.125, shape: [1, 1]) : [1, 1]
      %5 = broadcastTo(%4, shape: [1, 8]) : [1, 8]
      %6 = reshape(%5, shape: [4, 2]) : [4, 2]
      %7 = matmul(%6, %1, transB) : [4, 2]
      %8 = matmul(%2, %6, transA) : [2, 2]
      %9 = gemm(%0, %7, %8, transA) : [2, 2]
      return dw = %9
      "
    `);
  });

  test("transposes a batched operand once for all of its slices", () => {
    expect(
      print((b) => {
        const [q, k] = [b.input("q", [2, 2, 3]), b.input("k", [2, 4, 3])];
        const part = (start: number, end: number) => matmul(q, slice(k, 1, start, end), { transB: true });
        return { a: part(0, 2), b: part(2, 4) };
      }, lower),
    ).toMatchInlineSnapshot(`
      "
      %0 = input "q" : [2, 2, 3]
      %1 = input "k" : [2, 4, 3]
      %2 = transpose(%1, perm: [0, 2, 1]) : [2, 3, 4]
      %3 = slice(%2, axis: 2, start: 0, end: 2) : [2, 3, 2]
      %4 = matmul(%0, %3) : [2, 2, 2]
      %5 = slice(%2, axis: 2, start: 2, end: 4) : [2, 3, 2]
      %6 = matmul(%0, %5) : [2, 2, 2]
      return a = %4, b = %6
      "
    `);
  });
});

test("expand spells fused operations out", () => {
  expect(
    print(
      (b) => ({ y: gelu(b.input("x", [3])) }),
      (graph) => simplify(expand(graph)),
    ),
  ).toMatchInlineSnapshot(`
    "
    %0 = input "x" : [3]
    %2 = mul(%0, 0.7071068) : [3]
    %3 = erf(%2) : [3]
    %5 = add(%3, 1) : [3]
    %6 = mul(%2, %5) : [3]
    %7 = mul(%6, 0.7071068) : [3]
    return y = %7
    "
  `);
});

test("keepInPlace holds the next product back until a late one is done", () => {
  const pass = (graph: Graph) => keepInPlace(graph);
  const text = print((b) => {
    const [x, w] = [b.input("x", [2, 2]), b.input("w", [2, 2])];
    const late = matmul(x, w, { transA: true });
    let y = matmul(x, w);
    for (let count = 0; count < 40; count++) y = tanh(y);
    return { y, late };
  }, pass);
  expect(text).toMatch(/= after\(%\d+, %\d+\)/);
  expect(text.match(/matmul\(/g)).toHaveLength(2);
});

test("rematerialize computes a cheap large value again where a far reader wants it", () => {
  const build = (b: GraphBuilder) => {
    const [x, s] = [b.input("x", [256, 256]), b.input("s", [256, 256])];
    const kept = tanh(x);
    const cheap = mul(kept, s);
    let y = tanh(cheap);
    for (let count = 0; count < 300; count++) y = tanh(y);
    return { y: mul(mul(y, cheap), kept) };
  };
  const muls = (text: string) => text.match(/= mul\(/g)?.length;
  expect(muls(print(build, rematerialize))).toBe((muls(print(build)) ?? 0) + 1);
});

describe("passes do not change what is computed", () => {
  const parallel = (graph: Graph) => prepareGraph(graph, { parallel: true });
  const passes = {
    expand,
    simplify,
    lower,
    keepInPlace,
    rematerialize,
    transposesInSteps,
    prepareGraph,
    parallel,
  };
  const checkAll = (graph: Graph, inputs: Map<string, never>) => {
    const before = interpret(graph, inputs);
    for (const [name, pass] of Object.entries(passes)) {
      const changed = interpret(pass(graph), inputs);
      for (const [output, { data }] of before) {
        expect(worstError(changed.get(output)!.data, data), `${name}, ${output}`).toBeLessThan(1e-12);
      }
    }
  };

  test("of any operation", () => {
    for (const op of Object.keys(opCases) as OpName[]) {
      for (const opCase of opCases[op]) checkAll(buildCase(opCase).graph, toMap(opCase.inputs) as never);
    }
  });

  test("of random graphs and their gradients", () => {
    const steps: readonly ((a: Value, b: Value) => Value)[] = [
      add,
      sub,
      mul,
      (a) => mul(a, 0.5),
      (a) => mul(-2, a),
      (a, b) => matmul(a, b),
      (a, b) => matmul(a, b, { transA: true }),
      (a, b) => matmul(a, b, { transB: true, alpha: 0.5 }),
      (a) => swapLast(a),
      (a) => softmax(a),
      (a) => gelu(a),
      neg,
    ];
    const choice = fc.record({ op: fc.nat(steps.length - 1), a: fc.nat(9), b: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(choice, { minLength: 1, maxLength: 8 }), (choices) => {
        const builder = new GraphBuilder();
        const leaves = [builder.input("x", [3, 3]), builder.input("w", [3, 3])];
        const ids = builder.input("ids", [3], "int");
        const values: Value[] = [...leaves];
        for (const { op, a, b } of choices)
          values.push(tanh(steps[op]!(values[a % values.length]!, values[b % values.length]!)));
        const loss = meanAll(linearCrossEntropy(values.at(-1)!, leaves[1]!, ids, 2));
        const [dx, dw] = gradients(loss, leaves) as [Value, Value];
        const inputs = toMap({
          x: drawn([3, 3], 21),
          w: drawn([3, 3], 22),
          ids: { data: Int32Array.of(0, 2, 1), shape: [3] },
        });
        checkAll(builder.graph({ loss, dx, dw }), inputs as never);
      }),
      { numRuns: 60 },
    );
  });
});
