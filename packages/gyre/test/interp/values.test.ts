import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { add, gather, pick } from "../../src/graph/ops.ts";
import type { OpName } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { erf } from "../../src/interp/special.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { floats, ints, opCases } from "../graph/op-cases.ts";
import { buildCase, toMap, worstError } from "../graph/run-case.ts";

describe("every operation gives what its definition says", () => {
  for (const op of Object.keys(opCases) as OpName[]) {
    test(op, () => {
      for (const opCase of opCases[op]) {
        const { graph, out } = buildCase(opCase);
        const { data, shape } = interpret(graph, toMap(opCase.inputs)).get("y")!;
        expect(worstError(data, opCase.expected)).toBeLessThan(1e-13);
        expect(shape).toEqual(out.shape);
      }
    });
  }
});

test("erf is right to 1e-15 over its whole range", () => {
  // Values to 16 digits: NIST Digital Library of Mathematical Functions, 7.23, and its odd symmetry.
  const known: [number, number][] = [
    [0.1, 0.1124629160182849],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [3, 0.9999779095030014],
    [5, 0.9999999999984626],
    [7, 1],
  ];
  for (const [x, value] of known) {
    expect(Math.abs(erf(x) - value)).toBeLessThan(1e-15);
    expect(erf(-x)).toBe(-erf(x));
  }
});

describe("the interpreter refuses", () => {
  const builder = new GraphBuilder();
  const graph = builder.graph({ y: add(builder.input("a", [2]), builder.input("b", [2])) });

  test("a missing input, by name", () => {
    expect(() => interpret(graph, new Map([["a", floats([2], 1, 2)]]))).toThrow(/INTERPRET_INPUT.*\n.*"b"/);
  });
  test("an input of another size", () => {
    const inputs = new Map([
      ["a", floats([2], 1, 2)],
      ["b", floats([3], 1, 2, 3)],
    ]);
    expect(() => interpret(graph, inputs)).toThrow(/INTERPRET_SHAPE: "b" of shape \[3\]/);
  });
  test("an index outside its table", () => {
    const table = builder.input("table", [2, 1]);
    const ids = builder.input("ids", [1], "int");
    const rows = builder.graph({ y: gather(table, ids) });
    const picked = builder.graph({ y: pick(table, builder.input("two", [2], "int")) });
    const inputs = new Map<string, Tensor>([
      ["table", floats([2, 1], 1, 2)],
      ["ids", ints([1], 2)],
      ["two", ints([2], 0, -1)],
    ]);
    expect(() => interpret(rows, inputs)).toThrow(/INTERPRET_INDEX: index 2 in gather/);
    expect(() => interpret(picked, inputs)).toThrow(/INTERPRET_INDEX: index -1 in pick/);
  });
});
