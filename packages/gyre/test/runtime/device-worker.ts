// What the tests of devices do in a process of its own, whose environment names a GPU driver: prints a line of JSON.
import { readFileSync } from "node:fs";
import process from "node:process";
import { checkCase } from "../../../../scripts/conformance-case.ts";
import { goldenCurve } from "../../../../scripts/golden-case.ts";
import { type DeviceChoice, openDevice } from "../../src/runtime/devices.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { textOf } from "./device.case.ts";

/** Quantities of an oracle's case that the runtime misses. */
async function missed(runtime: Runtime, name: string): Promise<string[]> {
  const file = new URL(`../../../../golden/oracle/${name}.safetensors`, import.meta.url);
  const checks = await checkCase(readFileSync(file), name, runtime);
  return checks.filter(({ ok }) => !ok).map(({ name: quantity, error }) => `${quantity}: ${error}`);
}

const tests = {
  open: async (device: DeviceChoice) => openDevice(device),
  steps: async (device: DeviceChoice) => {
    await using runtime = await openOnnxRuntime({ device, threads: 1 });
    const { name } = runtime;
    return {
      name,
      curve: await goldenCurve(runtime),
      text: await textOf(runtime),
      missed: [await missed(runtime, "loopformer"), await missed(runtime, "looped_icl")],
    };
  },
};
export type DeviceTests = {
  readonly [Name in keyof typeof tests]: Awaited<ReturnType<(typeof tests)[Name]>>;
};

const [what, device] = process.argv.slice(2) as [keyof typeof tests, DeviceChoice];
const seen = await tests[what](device).catch((error: unknown) => ({ error: String(error) }));
process.stdout.write(`${JSON.stringify(seen)}\n`);
