import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import type { GoldenCurve } from "../../../../scripts/golden-case.ts";
import { faultText } from "../../src/runtime/devices.node.ts";
import { deviceWrong } from "../../src/runtime/errors.ts";
import { nodeHost } from "../../src/runtime/host.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { wrongText } from "../../src/runtime/self-test.ts";
import { softwareGpu, textOf } from "./device.case.ts";
import type { DeviceTests } from "./device-worker.ts";

/** What a process sees of a device; with `driver`, of the GPU in software that it describes. */
async function inProcess<Name extends keyof DeviceTests>(
  [what, device]: readonly [Name, string],
  gpu: Readonly<Record<string, string>> = { VK_ICD_FILENAMES: "/none" },
): Promise<DeviceTests[Name] & { readonly error?: string }> {
  const worker = fileURLToPath(new URL("device-worker.ts", import.meta.url));
  const words = [
    "--import",
    import.meta.resolve("tsx"),
    "--conditions",
    "@gyre/source",
    worker,
    what,
    device,
  ];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, {
    env: { ...process.env, ...gpu },
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

describe("devices that are not there", () => {
  test("another name is refused with those that there are", async () => {
    await expect(openOnnxRuntime({ device: "tpu" as "cpu" })).rejects.toThrow(
      'RUNTIME_DEVICE: the device "tpu"\n  expected: "cpu", "webgpu", "cuda" or "auto"',
    );
  });

  test.runIf(process.platform === "linux" && process.arch === "x64")(
    "CUDA without its libraries: which is missing and what to install, and nothing of the loader's",
    { timeout: 60_000 },
    async () => {
      const { error } = await inProcess(["open", "cuda"]);
      expect(error).toMatch(/^GyreError: RUNTIME_DEVICE: the device cuda, but lib[\w.]+ is missing\n/);
      expect(error).toMatch(/expected: an NVIDIA GPU with CUDA 12 and cuDNN 9/);
      expect(error).toMatch(/fix: .*ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node/);
      expect(error).not.toMatch(/ONNXRuntimeError|cannot open shared object/);
    },
  );

  test.runIf(process.platform === "linux")("WebGPU without a GPU", { timeout: 60_000 }, async () => {
    const { error } = await inProcess(["open", "webgpu"]);
    expect(error).toMatch(
      /RUNTIME_DEVICE: the device webgpu, but (no GPU that it can use was found|libvulkan\.so\.1 is missing)\n/,
    );
  });

  test.runIf(process.platform === "linux")("auto is the CPU, and says why", { timeout: 60_000 }, async () => {
    const { device, reason } = await inProcess(["open", "auto"]);
    expect(device).toBe("cpu");
    expect(reason).toMatch(/^cuda: .*; webgpu: (no GPU|libvulkan)/);
  });

  test("float64 is for the CPU and for threads there are bounds, on any device", async () => {
    await expect(openOnnxRuntime({ device: "auto", precision: "float64" })).rejects.toThrow(
      "RUNTIME_DEVICE: float64 on the device auto\n  expected: float32",
    );
    await expect(openOnnxRuntime({ device: "webgpu", threads: 0 })).rejects.toThrow("RUNTIME_THREADS");
  });
});

test.each([
  [
    "libcublasLt.so.12: cannot open shared object file: No such file or directory",
    "libcublasLt.so.12 is missing",
  ],
  [
    "/x/liba.so: cannot open shared object file\n/x/liba.so: cannot open shared object file",
    "liba.so is missing",
  ],
  ['which depends on "cublas64_12.dll" which is missing. (Error 126: ...)', "cublas64_12.dll is missing"],
  ["Failed to get a WebGPU adapter: No supported adapters", "no GPU that it can use was found"],
  ["CUDA failure 35", "it does not open"],
])("of what a loader says, %j, only what is missing is told", (stderr, reason) => {
  expect(faultText({ stderr })).toBe(reason);
});

test("a process that a driver ends is told with its signal", () => {
  expect(faultText({ stderr: "", signal: "SIGABRT" })).toBe("a process that opened it ended by SIGABRT");
});

test("operations that a device has wrong are listed with their errors", () => {
  const wrong = [
    { op: "concat", error: 1 },
    { op: "softmax", error: 0.00021 },
  ] as const;
  expect(deviceWrong("webgpu", wrongText(wrong)).message).toMatch(
    /^RUNTIME_DEVICE_WRONG: the device webgpu, which computes concat \(1e\+0 off\), softmax \(2e-4 off\) wrongly\n/,
  );
});

test("the name says the device, what the host does for it, and why it was chosen", () => {
  const hosted = [
    { op: "sin", error: 2e-4 },
    { op: "cos", error: 2e-4 },
  ] as const;
  const ort = {} as Parameters<typeof nodeHost>[0];
  const name = (opened: Parameters<typeof nodeHost>[2]) => nodeHost(ort, {}, opened).name;
  expect(name({ device: "cpu", hosted: [] })).toBe("onnxruntime-node 1.30.0 (cpu)");
  expect(name({ device: "webgpu", hosted, reason: "cuda: none" })).toBe(
    "onnxruntime-node 1.30.0 (webgpu; sin and cos on the host; cuda: none)",
  );
});

const file = new URL("../../../../golden/tiny-looped.json", import.meta.url);
const golden = JSON.parse(readFileSync(file, "utf8")) as GoldenCurve;

// a GPU in software takes a minute or two
describe.skipIf(!softwareGpu)("WebGPU on the software Vulkan of Chromium", { timeout: 600_000 }, () => {
  let seen: DeviceTests["steps"];
  beforeAll(async () => {
    const outcome = await inProcess(["steps", "webgpu"], softwareGpu);
    expect(outcome.error).toBeUndefined();
    seen = outcome;
  }, 600_000);

  test("opens with sine and cosine on the host", () => {
    expect(seen.name).toBe("onnxruntime-node 1.30.0 (webgpu; sin and cos on the host)");
  });

  test("ten golden training steps", () => {
    expect(seen.curve.steps).toHaveLength(golden.steps.length);
    for (const [index, step] of golden.steps.entries())
      for (const name of ["loss", "lossLong", "lossShort", "consistency", "gradientNorm"] as const) {
        const gap = Math.abs((seen.curve.steps[index]?.[name] ?? Number.NaN) - step[name]);
        expect(gap, `${name} at step ${index + 1}`).toBeLessThan(1e-5);
      }
    for (const [loops, loss] of Object.entries(golden.lossAfter))
      expect(Math.abs((seen.curve.lossAfter[loops] ?? Number.NaN) - loss)).toBeLessThan(1e-5);
  });

  test("the official code's outputs, gradients and steps", () => {
    expect(seen.missed).toEqual([[], []]);
  });

  test("text is that of the CPU", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    expect(seen.text).toEqual(await textOf(runtime));
  });

  test("auto leaves it for the CPU, which is faster", async () => {
    const { device, reason } = await inProcess(["open", "auto"], softwareGpu);
    expect(device).toBe("cpu");
    expect(reason).toMatch(/webgpu: a product of \d+ x \d+ takes [\d.]+ ms, [\d.]+ ms on the CPU$/);
  });
});
