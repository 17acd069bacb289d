import { expect, test } from "vitest";
import { prepareGraph } from "../../src/graph/passes/index.ts";
import type { OpName } from "../../src/graph/types.ts";
import { loopformer } from "../../src/models/presets.ts";
import { operationsOf, splitOff } from "../../src/runtime/hosted.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { selfTest } from "../../src/runtime/self-test.ts";
import { stepGraph } from "../../src/train/objectives/elastic.ts";
import type { Tensor } from "../../src/util/tensor.ts";

const spec = loopformer({ vocab: 32, context: 16, width: 16, heads: 2, mlp: 40, layers: 1, loops: 4 });
const step = prepareGraph(
  stepGraph(
    spec,
    { kind: "elastic", shortWeight: 0.1, consistencyWeight: 0.1, consistency: "hidden" },
    {
      batch: 2,
      tokens: 16,
      loops: 4,
      shortLoops: 2,
    },
  ),
);

/** The interpreter with a mistake in every program that computes one operation. */
function mistaken(op: OpName): Runtime {
  const exact = interpreterRuntime();
  return {
    ...exact,
    compile: async (graph, options) => {
      const program = await exact.compile(graph, options);
      if (!operationsOf(graph).has(op)) return program;
      return {
        ...program,
        run: async (inputs) => {
          const results = await program.run(inputs);
          const y = results.get("y") as Tensor;
          const data = Float64Array.from(y.data);
          data[0] = (data[0] as number) + 0.01;
          return new Map([["y", { ...y, data }]]);
        },
      };
    },
  };
}

test("native onnxruntime and the interpreter pass", async () => {
  await using runtime = await openOnnxRuntime({ threads: 2 });
  expect(await selfTest(runtime)).toEqual([]);
  expect(await selfTest(interpreterRuntime())).toEqual([]);
});

test("it tries every operation that a training step uses once it is lowered", async () => {
  const untried: string[] = [];
  for (const op of operationsOf(step)) {
    if (op === "after" || op === "stopGradient") continue;
    const wrong = await selfTest(mistaken(op));
    if (!wrong.some((one) => one.op === op && Math.abs(one.error) > 1e-5)) untried.push(op);
  }
  expect(untried).toEqual([]);
});

test("what a device has wrong is computed ahead, from the loops' times alone", () => {
  const { graph, before } = splitOff(step, new Set(["sin", "cos"]));
  expect(operationsOf(graph).has("sin")).toBe(false);
  expect(before?.inputs.map(({ attrs }) => attrs.name).sort()).toEqual(["dt", "short/dt", "short/t", "t"]);
  expect(
    [...(before?.outputs.keys() ?? [])].every((name) =>
      graph.inputs.some(({ attrs }) => attrs.name === name),
    ),
  ).toBe(true);
  expect(splitOff(step, new Set()).before).toBeUndefined();
});
