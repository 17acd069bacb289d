import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { add, mul } from "../../src/graph/ops.ts";
import type { Value } from "../../src/graph/types.ts";
import { mostWebThreads, openWebRuntime } from "../../src/runtime/onnx.web.ts";
import { selfTest } from "../../src/runtime/self-test.ts";
import { runtimeConformance } from "./runtime.case.ts";

// The wasm of pages, in Node: values up to 100 in float32 carry errors up to 100 x 2^-24 a rounding.
runtimeConformance("onnxruntime-web, float32", {
  open: async () => (await openWebRuntime({ threads: 1 })).runtime,
  tolerance: 2e-5,
  cast: ({ data, shape }) => ({ data: data instanceof Int32Array ? data : Float32Array.from(data), shape }),
});

describe("threads", () => {
  test("the name says how many", async () => {
    const { runtime, ...rest } = await openWebRuntime();
    expect(rest).toEqual({ provider: "wasm", hosted: [] });
    expect(runtime.name).toBe("onnxruntime-web 1.30.0 (wasm, 1 thread)");
  });

  test.each([
    [0, /RUNTIME_THREADS: 0 threads\n {2}expected: a whole number of at least 1/],
    [1.5, /a whole number/],
    [100_000, /expected: (at most \d+, the cores of this machine|1: more need a cross-origin isolated page)/],
  ])("%s are refused", async (threads, message) => {
    await expect(openWebRuntime({ threads })).rejects.toThrow(message);
  });

  test.runIf(mostWebThreads() > 1)("another number than the first runtime's is refused", async () => {
    await expect(openWebRuntime({ threads: 2 })).rejects.toThrow(/expected: 1, as the first runtime/);
  });
});

test("without a GPU WebAssembly opens, and the reason is said", async () => {
  const { provider, reason, runtime } = await openWebRuntime({ provider: "webgpu", threads: 1 });
  expect([provider, reason]).toEqual(["wasm", "this browser has no WebGPU"]);
  expect(await selfTest(runtime)).toEqual([]);
});

test("runs and compilations that are begun together take turns, and each has its own results", async () => {
  const { runtime } = await openWebRuntime({ threads: 1 });
  const one = { data: Float32Array.of(1), shape: [1] };
  const sums = Array.from({ length: 12 }, async (_, at) => {
    const builder = new GraphBuilder();
    const names = Array.from({ length: 4 + at }, (__, input) => `x${input}`);
    const total = names
      .map((name): Value => builder.input(name, [1]))
      .reduce((sum, x) => add(mul(sum, 2), x));
    const program = await runtime.compile(builder.graph({ total }));
    const outputs = await program.run(new Map(names.map((name) => [name, one])));
    return outputs.get("total")?.data[0];
  });
  expect(await Promise.all(sums)).toEqual(sums.map((_, at) => 2 ** (4 + at) - 1));
});
