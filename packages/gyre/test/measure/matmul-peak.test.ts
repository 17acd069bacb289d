import { expect, test } from "vitest";
import { matmulPeak } from "../../src/measure/matmul-peak.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";

test("a peak is a number of FLOPs per second on any runtime", async () => {
  await using onnx = await openOnnxRuntime({ threads: 1 });
  const [interpreted, compiled] = [
    await matmulPeak(interpreterRuntime(), { size: 16, ms: 1 }),
    await matmulPeak(onnx, { size: 256, ms: 20 }),
  ];
  // 4 products of 2 n^3 FLOPs take from a nanosecond to a minute, whatever the machine
  for (const [peak, size] of [
    [interpreted, 16],
    [compiled, 256],
  ] as const) {
    expect(peak).toBeGreaterThan((8 * size ** 3) / 60);
    expect(peak).toBeLessThan(8 * size ** 3 * 1e9);
  }
  expect(compiled).toBeGreaterThan(interpreted);
});

test("runs are counted and timed by what they compute", async () => {
  const runs: number[] = [];
  const inner = interpreterRuntime();
  const counting = {
    ...inner,
    compile: async (...of: Parameters<typeof inner.compile>) => {
      const program = await inner.compile(...of);
      return {
        run: (inputs: Parameters<typeof program.run>[0]) => {
          runs.push([...inputs.values()][0]?.data.length ?? 0);
          return program.run(inputs);
        },
        [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
      };
    },
  };
  await matmulPeak(counting, { size: 8, ms: 0 });
  expect(runs).toEqual([64, 64]);
});
