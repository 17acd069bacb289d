// profile-step.ts CONFIG THREADS STEPS PREFIX: runs training steps under onnxruntime's profiler, which writes PREFIX_*.json, and
// prints the milliseconds of each step and the best rate of square products.
import process from "node:process";
import { matmulPeak } from "../../packages/gyre/src/measure/matmul-peak.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import type { BenchConfig } from "../configs.ts";
import { openStep } from "./open-step.ts";

const [config = "{}", threads = "1", steps = "1", prefix = ""] = process.argv.slice(2);
const plain = await openOnnxRuntime({ threads: Number(threads) });
const { runtime, step } = await openStep(JSON.parse(config) as BenchConfig, Number(threads), {
  profile: prefix,
});
const ms: number[] = [];
let peak = 0;
for (let done = 0; done < Number(steps); done++) {
  peak = Math.max(peak, await matmulPeak(plain, { ms: 100 }));
  const start = performance.now();
  await step();
  ms.push(performance.now() - start);
}
await runtime[Symbol.asyncDispose](); // the profile ends here
console.log(JSON.stringify({ ms, peakGflops: peak / 1e9 }));
