import { afterAll, describe, expect, test } from "vitest";
import { ProgramCache } from "../../src/decode/programs.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { mul } from "../../src/graph/ops.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";

const runtime = await openOnnxRuntime({ threads: 1 });
afterAll(() => runtime[Symbol.asyncDispose]());

/** Compiles a program that multiplies by `factor`, and notes that it did. */
const compiled: number[] = [];
const compile = (factor: number) => async () => {
  compiled.push(factor);
  const builder = new GraphBuilder();
  const graph = builder.graph({ y: mul(builder.input("x", [1]), factor) });
  return { program: await runtime.compile(graph, { pinned: "others" }), factor };
};

describe("a program cache", () => {
  test("compiles once, and keeps those used last; the others are gone before it answers", async () => {
    compiled.length = 0;
    const cache = new ProgramCache<Awaited<ReturnType<ReturnType<typeof compile>>>>(2);
    for (const factor of [2, 3, 2, 4, 2])
      expect((await cache.get(`${factor}`, compile(factor))).factor).toBe(factor);
    expect(compiled).toEqual([2, 3, 4]);
    expect(runtime.livePrograms).toBe(2);
    await cache.get("3", compile(3));
    await cache.get("2", compile(2));
    expect(compiled).toEqual([2, 3, 4, 3]);
    expect(runtime.livePrograms).toBe(2);
    await cache[Symbol.asyncDispose]();
  });

  test("forgets a compilation that was rejected", async () => {
    const cache = new ProgramCache(2);
    const refused = cache.get("a", async () => {
      throw new Error("no memory");
    });
    await expect(refused).rejects.toThrow("no memory");
    const { program } = await cache.get("a", compile(5));
    const out = await program.run(new Map([["x", { data: Float32Array.of(2), shape: [1] }]]));
    expect([...out.get("y")!.data]).toEqual([10]);
    await cache[Symbol.asyncDispose]();
  });

  test("lets go of all when it is disposed of, and may be asked again", async () => {
    compiled.length = 0;
    const cache = new ProgramCache(4);
    for (const factor of [2, 3]) await cache.get(`${factor}`, compile(factor));
    await cache[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
    await cache.get("2", compile(2));
    expect(compiled).toEqual([2, 3, 2]);
    await cache[Symbol.asyncDispose]();
  });
});
