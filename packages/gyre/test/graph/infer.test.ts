import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import {
  add,
  addAt,
  broadcastTo,
  causalAttention,
  concat,
  gather,
  linearCrossEntropy,
  matmul,
  pad,
  pick,
  reduceSum,
  reshape,
  scatterAdd,
  slice,
  swapLast,
  transpose,
} from "../../src/graph/ops.ts";
import type { Value } from "../../src/graph/types.ts";

const value = (builder: GraphBuilder, shape: readonly number[], dtype: "float" | "int" = "float"): Value =>
  builder.input(`${dtype}${shape.join("x")}`, shape, dtype);

test("broadcasting follows NumPy's rule", () => {
  const sum = (a: readonly number[], b: readonly number[]) => {
    const builder = new GraphBuilder();
    return add(builder.input("a", a), builder.input("b", b)).shape;
  };
  const shape = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 4 });
  fc.assert(
    fc.property(shape, shape, (a, b) => {
      const rank = Math.max(a.length, b.length);
      const [left, right] = [a, b].map((s) => [...new Array<number>(rank - s.length).fill(1), ...s]) as [
        number[],
        number[],
      ];
      const fits = left.every((dim, axis) => dim === right[axis] || dim === 1 || right[axis] === 1);
      if (fits) {
        expect(sum(a, b)).toEqual(left.map((dim, axis) => Math.max(dim, right[axis] as number)));
      } else {
        expect(() => sum(a, b)).toThrow(`GRAPH_SHAPE: add: operands [${a.join(", ")}] and [${b.join(", ")}]`);
      }
    }),
  );
});

describe("a wrong shape is refused, naming the operation and the shapes", () => {
  const cases: readonly [
    string,
    (make: (...shape: number[]) => Value, ids: (...shape: number[]) => Value) => unknown,
    RegExp,
  ][] = [
    ["add", (f) => add(f(2, 3), f(2, 2)), /add: operands \[2, 3\] and \[2, 2\]/],
    ["matmul", (f) => matmul(f(2, 3), f(2, 3)), /matmul: operands \[2, 3\] and \[2, 3\]/],
    ["matmul batch", (f) => matmul(f(2, 2, 3), f(3, 3, 2)), /matmul: operands \[2, 2, 3\] and \[3, 3, 2\]/],
    ["reshape", (f) => reshape(f(2, 3), [4, -1]), /reshape: operands \[2, 3\] and \[4, -1\]/],
    ["broadcastTo", (f) => broadcastTo(f(2, 3), [2, 4]), /broadcastTo: operands \[2, 3\] and \[2, 4\]/],
    ["transpose", (f) => transpose(f(2, 3), [0, 0]), /transpose of \[2, 3\].*perm \[0, 0\]/s],
    ["swapLast", (f) => swapLast(f(2)), /transpose of \[2\]/],
    ["slice", (f) => slice(f(2, 3), 1, 2, 5), /slice of \[2, 3\].*2 to 5 of axis 1/s],
    ["slice axis", (f) => slice(f(2, 3), 2, 0, 1), /slice of \[2, 3\].*axis 2/s],
    ["pad", (f) => pad(f(2, 3), 1, -1, 0), /pad of \[2, 3\]/],
    ["reduceSum", (f) => reduceSum(f(2, 3), [5]), /reduceSum of \[2, 3\].*axis 5/s],
    ["concat", (f) => concat([f(2, 3), f(3, 2)], 0), /concat: operands \[2, 3\] and \[3, 2\]/],
    ["gather", (f, i) => gather(f(2, 3, 4), i(2)), /gather: operands \[2, 3, 4\]/],
    ["scatterAdd", (f, i) => scatterAdd(f(2, 3), i(3), 4), /scatterAdd: operands \[2, 3\] and \[3\]/],
    ["pick", (f, i) => pick(f(2, 3), i(3)), /pick: operands \[2, 3\] and \[3\]/],
    ["addAt", (f, i) => addAt(f(2, 3), f(3), i(2)), /addAt: operands \[2, 3\] and \[3\] and \[2\]/],
    [
      "attention",
      (f) => causalAttention(f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 5)),
      /causalAttention: operands/,
    ],
    ["cross-entropy", (f, i) => linearCrossEntropy(f(2, 3), f(4, 2), i(2)), /linearCrossEntropy: operands/],
  ];
  test.each(cases)("%s", (_, build, message) => {
    const builder = new GraphBuilder();
    const attempt = () =>
      build(
        (...shape) => value(builder, shape),
        (...shape) => value(builder, shape, "int"),
      );
    expect(attempt).toThrow(/GRAPH_(SHAPE|ATTRIBUTE)/);
    expect(attempt).toThrow(message);
  });

  test("floats where whole numbers belong, and the other way", () => {
    const builder = new GraphBuilder();
    const [f, i] = [value(builder, [2, 3]), value(builder, [2], "int")];
    expect(() => gather(f, value(builder, [2]))).toThrow(/GRAPH_DTYPE: gather: operand 1/);
    expect(() => add(i, i)).toThrow(/GRAPH_DTYPE: add: operand 0/);
  });
});
