import { GraphBuilder } from "../graph/builder.ts";
import { matmul } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import { type DeviceChoice, openDevice } from "./devices.node.ts";
import { contribWrong, devicePrecision } from "./errors.ts";
import { loadOrt, nodeHost } from "./host.node.ts";
import type { Runtime } from "./runtime.ts";
import { OnnxRuntime, type SessionOptions } from "./session-runtime.ts";
import { threadCount } from "./threads.node.ts";

/** How onnxruntime runs in Node. */
export interface OnnxRuntimeOptions extends SessionOptions {
  /** Where graphs are computed: "cpu", the default, "webgpu", "cuda", or "auto", the best device that computes rightly. */
  readonly device?: DeviceChoice;
  /** Threads within one operation; all cores by default, at most four a core. Of a GPU, those for what it leaves to the CPU. */
  readonly threads?: number;
  /**
   * Use operations that only onnxruntime has, once a numeric self-test has found them right; off by default.
   * At present FusedMatMul, which spares attention some transposes.
   */
  readonly contrib?: boolean;
  /** Write an onnxruntime profile with this prefix. */
  readonly profile?: string;
}

/**
 * Opens onnxruntime-node on the CPU or on another device, which must pass a self-test; see `openDevice`. The runtime's
 * name says the device, what the host computes for it, and why `auto` chose it. Throws RUNTIME_THREADS, PACKAGE_MISSING when
 * the package cannot be loaded, RUNTIME_CONTRIB when its own operations were asked for and fail their self-test, and
 * RUNTIME_DEVICE and RUNTIME_DEVICE_WRONG as `openDevice` does, or for float64 on a GPU.
 *
 * @example
 * await using runtime = await openOnnxRuntime({ device: "auto" });
 * console.log(runtime.name);
 */
export async function openOnnxRuntime(options: OnnxRuntimeOptions = {}): Promise<OnnxRuntime> {
  threadCount(options.threads);
  const { device = "cpu", precision } = options;
  if (device !== "cpu" && precision === "float64") throw devicePrecision(device);
  const opened = await openDevice(device);
  const runtime = new OnnxRuntime(nodeHost(await loadOrt(), options, opened), options);
  if (options.contrib) await testContrib(runtime);
  return runtime;
}

/** Compares a runtime's batched product with the interpreter's. Throws RUNTIME_CONTRIB beyond 1e-5. */
export async function testContrib(runtime: Runtime): Promise<void> {
  const builder = new GraphBuilder();
  const [a, b] = [builder.input("a", [2, 3, 5, 4]), builder.input("b", [2, 3, 7, 4])];
  const graph = builder.graph({ y: matmul(a, b, { transB: true }) });
  const random = rng(1, "contrib");
  const draw = ({ shape }: Value): Tensor => {
    const data = Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
    return { data: runtime.precision === "float32" ? Float32Array.from(data) : data, shape };
  };
  const inputs = new Map([
    ["a", draw(a)],
    ["b", draw(b)],
  ]);
  const expected = interpret(graph, inputs).get("y")?.data ?? [];
  const given = (await (await runtime.compile(graph)).run(inputs)).get("y")?.data ?? [];
  const error = Math.max(
    ...Array.from(expected, (value, index) => Math.abs(value - (given[index] ?? Number.NaN))),
  );
  if (!(error < 1e-5)) throw contribWrong("FusedMatMul", error);
}
