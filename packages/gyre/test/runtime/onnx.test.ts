import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { add, exp, matmul, mul, rmsNorm } from "../../src/graph/ops.ts";
import { prepareGraph } from "../../src/graph/passes/index.ts";
import type { Graph } from "../../src/graph/types.ts";
import { interpret } from "../../src/interp/interpret.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { loopformer } from "../../src/models/presets.ts";
import { conditions } from "../../src/models/spec.ts";
import { toOnnx } from "../../src/onnx/encode.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime, testContrib } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { threadCount } from "../../src/runtime/threads.node.ts";
import { SHORT_ROUTE, stepGraph } from "../../src/train/objectives/elastic.ts";
import { rng } from "../../src/util/rng.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { runtimeConformance } from "./runtime.case.ts";

// Values up to 100 in float32 carry errors up to 100 x 2^-24 a rounding.
runtimeConformance("onnxruntime, float32", {
  open: () => openOnnxRuntime({ threads: 2 }),
  tolerance: 2e-5,
  cast: ({ data, shape }) => ({ data: data instanceof Int32Array ? data : Float32Array.from(data), shape }),
});

const single = (...data: number[]): Tensor => ({ data: Float32Array.from(data), shape: [data.length] });

function scaled(factor: number): Graph {
  const builder = new GraphBuilder();
  return builder.graph({ y: mul(builder.input("x", [2]), factor) });
}

runtimeConformance("onnxruntime with its own operations", {
  open: () => openOnnxRuntime({ threads: 2, contrib: true }),
  tolerance: 2e-5,
  cast: ({ data, shape }) => ({ data: data instanceof Int32Array ? data : Float32Array.from(data), shape }),
});

test("its own operations are used only when asked for", () => {
  const builder = new GraphBuilder();
  const product = matmul(builder.input("a", [2, 2, 3]), builder.input("b", [2, 2, 3]), { transB: true });
  const graph = builder.graph({ y: product });
  const operations = (keepTransB: boolean) =>
    toOnnx(prepareGraph(graph, { keepTransB }), { precision: "float32" }).nodes.map((node) => node.opType);
  expect(operations(false)).toEqual(["Transpose", "MatMul"]);
  expect(operations(true)).toEqual(["FusedMatMul"]);
});

describe("the self-test of its own operations", () => {
  /** The interpreter, whose results are then changed. */
  function altered(change: (value: number) => number): Runtime {
    const exact = interpreterRuntime();
    return {
      ...exact,
      async compile(graph, options) {
        const program = await exact.compile(graph, options);
        const run = async (inputs: ReadonlyMap<string, Tensor>) =>
          new Map(
            [...(await program.run(inputs))].map(([name, { data, shape }]) => [
              name,
              { data: Float64Array.from(data, change), shape },
            ]),
          );
        return { ...program, run };
      },
    };
  }

  test("lets right results pass, and small differences", async () => {
    await expect(testContrib(altered((value) => value))).resolves.toBeUndefined();
    await expect(testContrib(altered((value) => value + 5e-6))).resolves.toBeUndefined();
  });

  test.each([
    ["2e-5 off", (value: number) => value + 2e-5],
    ["transposed or scaled", (value: number) => -value],
    ["no number", () => Number.NaN],
  ])("refuses results that are %s", async (_, change) => {
    await expect(testContrib(altered(change))).rejects.toThrow(/^RUNTIME_CONTRIB: FusedMatMul .* off/);
  });
});

test.each([
  [[4], ["RMSNormalization"]],
  [[1, 4], ["RMSNormalization"]],
  [
    [3, 1],
    ["RMSNormalization", "Mul"],
  ],
])("a norm that stays whole takes a gain %j of its columns along", async (shape, expected) => {
  const builder = new GraphBuilder();
  const graph = builder.graph({
    y: mul(rmsNorm(builder.input("x", [3, 4]), 1e-5), builder.input("gain", shape)),
  });
  const plain = prepareGraph(graph, { keepTransB: false, keep: ["rmsNorm"] });
  expect(toOnnx(plain, { precision: "float32" }).nodes.map((node) => node.opType)).toEqual(expected);
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const random = rng(1, "gain");
  const draw = (size: readonly number[]): Tensor => ({
    data: Float32Array.from({ length: size.reduce((a, b) => a * b) }, () => random.normal()),
    shape: size,
  });
  const inputs = new Map([
    ["x", draw([3, 4])],
    ["gain", draw(shape)],
  ]);
  const given = (await (await runtime.compile(graph, { fused: true })).run(inputs)).get("y")?.data ?? [];
  const exact = interpret(graph, inputs).get("y")?.data ?? [];
  expect(exact).toHaveLength(12);
  for (const [index, value] of exact.entries()) expect(given[index]).toBeCloseTo(value as number, 5);
});

test.each([
  [100_000, /RUNTIME_THREADS: 100000 threads\n {2}expected: at most \d+ on the \d+ cores/],
  [0, /RUNTIME_THREADS: 0 threads\n {2}expected: a whole number/],
  [1.5, /RUNTIME_THREADS: 1\.5 threads/],
  [Number.NaN, /RUNTIME_THREADS: NaN threads/],
])("%d threads are refused", async (threads, message) => {
  await expect(openOnnxRuntime({ threads })).rejects.toThrow(message);
});

test("there are as many threads as cores unless told, and up to four times as many", () => {
  expect(threadCount()).toBe(availableParallelism());
  expect(threadCount(4 * availableParallelism())).toBe(4 * availableParallelism());
  expect(() => threadCount(4 * availableParallelism() + 1)).toThrow("RUNTIME_THREADS");
});

describe("programs", () => {
  test("equal graphs share one, and an equal graph object is not encoded again", async () => {
    await using runtime = await openOnnxRuntime();
    const first = await runtime.compile(scaled(3));
    expect(await runtime.compile(scaled(3))).toBe(first);
    expect(await runtime.compile(scaled(4))).not.toBe(first);
    expect(runtime.livePrograms).toBe(2);
  });

  test("one that is shared lives until the last holder disposes of it", async () => {
    await using runtime = await openOnnxRuntime();
    const [mine, yours] = [await runtime.compile(scaled(3)), await runtime.compile(scaled(3))];
    await mine[Symbol.asyncDispose]();
    const out = await yours.run(new Map([["x", single(1, 2)]]));
    expect([...(out.get("y") as Tensor).data]).toEqual([3, 6]);
    await yours[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
  });

  test("the least recently used one is let go", async () => {
    await using runtime = await openOnnxRuntime({ keep: 2 });
    const oldest = await runtime.compile(scaled(1.5));
    const kept = await runtime.compile(scaled(2));
    await runtime.compile(scaled(1.5));
    await runtime.compile(scaled(3));
    expect(runtime.livePrograms).toBe(2);
    await expect(kept.run(new Map([["x", single(1, 2)]]))).rejects.toThrow("RUNTIME_DISPOSED");
    const out = await oldest.run(new Map([["x", single(1, 2)]]));
    expect([...(out.get("y") as Tensor).data]).toEqual([1.5, 3]);
  });

  test("results stay valid for as many runs as there are buffers", async () => {
    await using runtime = await openOnnxRuntime();
    const program = await runtime.compile(scaled(2), { buffers: 2 });
    const run = async (value: number) =>
      (await program.run(new Map([["x", single(value, 0)]]))).get("y") as Tensor;
    const [first, second] = [await run(1), await run(2)];
    expect([first.data[0], second.data[0]]).toEqual([2, 4]);
    const third = await run(3);
    expect(third.data).toBe(first.data);
    expect([second.data[0], third.data[0]]).toEqual([4, 6]);
  });

  test("disposal frees them and refuses further runs", async () => {
    const runtime = await openOnnxRuntime();
    const program = await runtime.compile(scaled(7));
    await runtime[Symbol.asyncDispose]();
    expect(runtime.livePrograms).toBe(0);
    await expect(program.run(new Map([["x", single(1, 2)]]))).rejects.toThrow("RUNTIME_DISPOSED");
  });

  test("one value may be several outputs, and an input or a constant may be one", async () => {
    await using runtime = await openOnnxRuntime();
    const builder = new GraphBuilder();
    const x = builder.input("x", [2]);
    const y = exp(x);
    const graph = builder.graph({ a: y, b: y, x, c: builder.constant([5, 6], [2]), sum: add(x, y) });
    const out = await (await runtime.compile(graph)).run(new Map([["x", single(0, 1)]]));
    const read = (name: string) => [...(out.get(name) as Tensor).data];
    expect(read("a")).toEqual(read("b"));
    expect(read("x")).toEqual([0, 1]);
    expect(read("c")).toEqual([5, 6]);
    expect(read("sum")[0]).toBe(1);
  });
});

test("over 1,000 training steps no buffer and no program is added, and memory stays", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const spec = loopformer({ vocab: 32, context: 16, width: 16, heads: 2, mlp: 32, layers: 1, loops: 3 });
  const objective = {
    kind: "elastic",
    shortWeight: 0.1,
    consistencyWeight: 0.1,
    consistency: "hidden",
  } as const;
  const shape = { batch: 2, tokens: 16, loops: 3, shortLoops: 2 };
  const program = await runtime.compile(stepGraph(spec, objective, shape));
  const ids = { data: Int32Array.from({ length: 32 }, (_, index) => index), shape: [2, 16] };
  const inputs = new Map<string, Tensor>([...initialWeights(spec, 1), ["tokens", ids], ["targets", ids]]);
  for (const [route, loops] of [
    ["", 3],
    [SHORT_ROUTE, 2],
  ] as const) {
    const { t, dt } = conditions(spec, loops);
    inputs.set(`${route}t`, { data: t, shape: [loops] });
    inputs.set(`${route}dt`, { data: dt, shape: [loops] });
  }
  const seen = new Set<unknown>();
  const run = async (steps: number) => {
    for (let step = 0; step < steps; step++) seen.add((await program.run(inputs)).get("loss")?.data);
  };
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const settled = async () => {
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise((done) => setImmediate(done));
    }
    return process.memoryUsage();
  };
  await run(1000);
  const before = await settled();
  await run(1000);
  const after = await settled();
  expect(seen.size).toBe(2);
  expect(runtime.livePrograms).toBe(1);
  // One leaked set of outputs a step would be 1,000 x 27 KB = 27 MB; a leaked arena far more.
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1e6);
  expect(after.external - before.external).toBeLessThan(1e6);
  expect(after.rss - before.rss).toBeLessThan(20e6);
});
