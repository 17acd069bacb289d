import { describe, expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { add, concat, gather, meanAll, mul, reshape, rmsNorm, slice, tanh } from "../../src/graph/ops.ts";
import type { OpName, Value } from "../../src/graph/types.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { floats, opCases } from "../graph/op-cases.ts";
import { buildCase, toMap, worstError } from "../graph/run-case.ts";

export interface Conformance {
  readonly open: () => Promise<Runtime>;
  /** Largest absolute error of the cases, whose values and sums stay below 100. */
  readonly tolerance: number;
  /** What a runtime wants floats as. */
  readonly cast: (tensor: Tensor) => Tensor;
}

/** What every runtime must do, whatever it runs on. */
export function runtimeConformance(name: string, { open, tolerance, cast }: Conformance): void {
  const castAll = (inputs: Readonly<Record<string, Tensor>>) =>
    new Map([...toMap(inputs)].map(([key, tensor]) => [key, cast(tensor)]));

  describe(`every operation on ${name}`, () => {
    for (const op of Object.keys(opCases) as OpName[]) {
      test(op, async () => {
        await using runtime = await open();
        for (const opCase of opCases[op]) {
          const { graph, out } = buildCase(opCase);
          const program = await runtime.compile(graph);
          const y = (await program.run(castAll(opCase.inputs))).get("y") as Tensor;
          expect(worstError(y.data, opCase.expected)).toBeLessThan(tolerance);
          expect(y.shape).toEqual(out.shape);
        }
      });
    }
  });

  test(`${name}: a recomputed segment gives the same gradients, bit for bit`, async () => {
    await using runtime = await open();
    const results: number[][] = [];
    for (const recompute of [false, true]) {
      const builder = new GraphBuilder();
      const x = builder.input("x", [4]);
      const body = () => tanh(mul(tanh(x), x));
      const y = recompute ? builder.recomputed(body) : body();
      const [dx] = gradients(meanAll(mul(y, y)), [x]) as [Value];
      const program = await runtime.compile(builder.graph({ dx }));
      const out = await program.run(castAll({ x: floats([4], 0.5, -1, 2, 0.1) }));
      results.push([...(out.get("dx") as Tensor).data]);
    }
    expect(results[1]).toEqual(results[0]);
  });

  test(`${name}: bound inputs need not be passed`, async () => {
    await using runtime = await open();
    const builder = new GraphBuilder();
    const graph = builder.graph({ y: add(builder.input("a", [2]), builder.input("b", [2])) });
    const bound = castAll({ b: floats([2], 10, 20) });
    const program = await runtime.compile(graph, { bound });
    const out = await program.run(castAll({ a: floats([2], 1, 2) }));
    expect([...(out.get("y") as Tensor).data]).toEqual([11, 22]);
  });

  test(`${name}: inputs may have any name`, async () => {
    await using runtime = await open();
    const builder = new GraphBuilder();
    const names = ["v0", "v1", "v2", "v3", "i0", "f1", "x/y"];
    const [first, ...others] = names.map((each) => builder.input(each, [2])) as [Value, ...Value[]];
    const sum = others.reduce((total, each) => add(total, slice(concat([each, each], 0), 0, 0, 2)), first);
    const program = await runtime.compile(builder.graph({ y: add(sum, 1) }));
    const values = Object.fromEntries(names.map((each, index) => [each, floats([2], index, 10 * index)]));
    expect([...((await program.run(castAll(values))).get("y") as Tensor).data]).toEqual([22, 211]);
  });

  describe(`${name}: a graph that is repeated`, () => {
    const repeat = { times: 3, carried: ["x"], shared: ["scale"] };

    test("carries, shares, and cuts up", async () => {
      await using runtime = await open();
      const builder = new GraphBuilder();
      const [x, scale, w] = [builder.input("x", [2]), builder.input("scale", [1]), builder.input("w", [2])];
      const next = add(mul(x, scale), builder.input("step", [2]));
      const graph = builder.graph({ x: next, seen: mul(next, w) });
      const bound = castAll({ w: floats([2], 1, -1) });
      const program = await runtime.compile(graph, { bound, repeat });
      const inputs = {
        x: floats([2], 1, 2),
        scale: floats([1], 2),
        step: floats([3, 2], 0, 1, 10, 20, 0, 0),
      };
      for (let run = 0; run < 2; run++) {
        const out = await program.run(castAll(inputs));
        expect(out.get("x")).toMatchObject({
          shape: [2],
          data: castAll({ x: floats([2], 28, 60) }).get("x")?.data,
        });
        expect([...(out.get("seen") as Tensor).data]).toEqual([2, -5, 14, -30, 28, -60]);
        expect(out.get("seen")?.shape).toEqual([3, 2]);
      }
    });

    test("reads what is carried once more, after the last time", async () => {
      await using runtime = await open();
      const builder = new GraphBuilder();
      const next = add(builder.input("x", [2]), builder.input("step", [2]));
      const last = new GraphBuilder();
      const normed = rmsNorm(mul(last.input("x", [2]), last.input("w", [2])), 0);
      const epilogue = last.graph({ y: normed, twice: mul(last.input("x", [2]), 2) });
      const bound = castAll({ w: floats([2], 1, -1) });
      const program = await runtime.compile(builder.graph({ x: next, each: mul(next, 1) }), {
        bound,
        fused: true,
        repeat: { ...repeat, shared: [], epilogue },
      });
      const out = await program.run(
        castAll({ x: floats([2], 1, 2), step: floats([3, 2], 1, 1, 1, 1, 1, 0) }),
      );
      expect([...(out.get("x") as Tensor).data]).toEqual([4, 4]);
      expect([...(out.get("y") as Tensor).data]).toEqual([1, -1]);
      expect(out.get("twice")).toMatchObject({
        shape: [2],
        data: castAll({ x: floats([2], 8, 8) }).get("x")?.data,
      });
      expect([...(out.get("each") as Tensor).data]).toEqual([2, 3, 3, 4, 4, 4]);
    });

    test("begins with what feeds it, and ends with what reads it and more", async () => {
      await using runtime = await open();
      const first = new GraphBuilder();
      const start = gather(first.input("table", [3, 2]), first.input("ids", [1], "int"));
      const x = reshape(add(start, first.input("mask", [2])), [2]);
      const prologue = first.graph({ x, scale: x, kept: x, noted: mul(x, -1) });
      const builder = new GraphBuilder();
      const next = add(
        mul(builder.input("x", [2]), builder.input("w", [2])),
        mul(builder.input("scale", [2]), builder.input("mask", [2])),
      );
      const last = new GraphBuilder();
      const epilogue = last.graph({
        y: add(mul(last.input("x", [2]), last.input("mask", [2])), last.input("more", [2])),
        scaled: mul(last.input("scale", [2]), last.input("w", [2])),
      });
      const bound = castAll({ table: floats([3, 2], 0, 0, 1, 2, 0, 0), w: floats([2], 2, 3) });
      const program = await runtime.compile(builder.graph({ x: next, each: mul(next, 1) }), {
        bound,
        fused: true,
        repeat: { times: 2, carried: ["x"], shared: ["scale", "mask"], prologue, epilogue },
      });
      const out = await program.run(
        new Map<string, Tensor>([
          ["ids", { data: Int32Array.of(1), shape: [1] }],
          ...castAll({ mask: floats([2], 1, 3), more: floats([2], 10, 5) }),
        ]),
      );
      expect(Object.fromEntries([...out].map(([name, { data }]) => [name, [...data]]))).toEqual({
        x: [14, 105],
        each: [6, 30, 14, 105],
        kept: [2, 5],
        noted: [-2, -5],
        y: [24, 320],
        scaled: [4, 15],
      });
    });

    test("keeps what is carried to itself where nothing else reads it", async () => {
      await using runtime = await open();
      const builder = new GraphBuilder();
      const next = mul(builder.input("x", [1]), builder.input("scale", [1]));
      const last = new GraphBuilder();
      const epilogue = last.graph({ y: add(last.input("x", [1]), 1) });
      const program = await runtime.compile(builder.graph({ x: next }), {
        repeat: { ...repeat, within: ["x"], epilogue },
      });
      const out = await program.run(castAll({ x: floats([1], 1), scale: floats([1], 3) }));
      expect([...out].map(([name, { data }]) => [name, [...data]])).toEqual([["y", [28]]]);
    });

    test("may have nothing to cut up", async () => {
      await using runtime = await open();
      const builder = new GraphBuilder();
      const next = mul(builder.input("x", [1]), builder.input("scale", [1]));
      const program = await runtime.compile(builder.graph({ x: next }), { repeat });
      const out = await program.run(castAll({ x: floats([1], 1), scale: floats([1], 3) }));
      expect([...(out.get("x") as Tensor).data]).toEqual([27]);
    });

    test("wants inputs for all times", async () => {
      await using runtime = await open();
      const builder = new GraphBuilder();
      const graph = builder.graph({ x: add(builder.input("x", [2]), builder.input("step", [2])) });
      const program = await runtime.compile(graph, { repeat });
      const run = program.run(castAll({ x: floats([2], 1, 2), step: floats([2], 1, 2) }));
      await expect(run).rejects.toThrow(/_SHAPE.*step.*\n.*\[3, 2\]/);
    });
  });

  test(`${name}: an input that is missing or of another size is refused by name`, async () => {
    await using runtime = await open();
    const builder = new GraphBuilder();
    const program = await runtime.compile(builder.graph({ y: tanh(builder.input("speed", [2])) }));
    await expect(program.run(new Map())).rejects.toThrow(/_INPUT.*\n.*speed/);
    await expect(program.run(castAll({ speed: floats([3], 1, 2, 3) }))).rejects.toThrow(/_SHAPE.*speed/);
  });
}
