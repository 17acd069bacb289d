import { availableParallelism } from "node:os";
import { GraphBuilder } from "../graph/builder.ts";
import { matmul } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { sha256Of } from "../util/checksum.node.ts";
import { loadPackage } from "../util/packages.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import { badThreads, contribWrong } from "./errors.ts";
import type { Runtime } from "./runtime.ts";
import { type Host, OnnxRuntime, type SessionOptions } from "./session-runtime.ts";

/** How onnxruntime runs in Node. */
export interface OnnxRuntimeOptions extends SessionOptions {
  /** Threads within one operation; all cores by default, at most four a core. */
  readonly threads?: number;
  /**
   * Use operations that only onnxruntime has, once a numeric self-test has found them right; off by default.
   * At present FusedMatMul, which spares attention some transposes.
   */
  readonly contrib?: boolean;
  /** Write an onnxruntime profile with this prefix. */
  readonly profile?: string;
}

/** Idle threads wait for the next run: longer than the JavaScript between two tokens takes, or not so long as to hold up others. */
const SPIN_ON = {
  alone: { intra_op: { spin_duration_us: "500" } },
  others: { intra_op: { spin_duration_us: "100" } },
};
/** Idle threads sleep when a run ends, and leave the cores to other programs. */
const SPIN_WITHIN_RUN = { force_spinning_stop: "1" };

type Ort = typeof import("onnxruntime-node");

/** More than the cores, so that a run goes on with the threads it was trained with on a smaller machine too. */
const THREADS_A_CORE = 4;

/** The most threads that a runtime takes on this machine. */
export const mostThreads = (): number => THREADS_A_CORE * availableParallelism();

/**
 * The number of threads of a runtime: all cores, or as many as were asked for, up to four a core: every thread takes
 * memory, and none beyond the cores saves time. Throws RUNTIME_THREADS.
 */
export function threadCount(asked?: number): number {
  const cores = availableParallelism();
  if (asked === undefined) return cores;
  const most = mostThreads();
  if (!Number.isInteger(asked) || asked < 1) throw badThreads(asked, "a whole number of at least 1");
  if (asked > most) throw badThreads(asked, `at most ${most} on the ${cores} cores of this machine`);
  return asked;
}

/**
 * Opens onnxruntime-node on the CPU. Throws RUNTIME_THREADS, PACKAGE_MISSING when the package cannot be loaded, and
 * RUNTIME_CONTRIB when its own operations were asked for and fail their self-test.
 */
export async function openOnnxRuntime(options: OnnxRuntimeOptions = {}): Promise<OnnxRuntime> {
  threadCount(options.threads);
  const loaded = await loadPackage("onnxruntime-node", () => import("onnxruntime-node"));
  const runtime = new OnnxRuntime(
    nodeHost((loaded as unknown as { default?: Ort }).default ?? loaded, options),
    options,
  );
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

/** onnxruntime-node on the CPU. */
function nodeHost(ort: Ort, { threads, profile }: OnnxRuntimeOptions): Host {
  return {
    name: "onnxruntime-node 1.30.0 (cpu)",
    threads: threadCount(threads),
    writesOutputs: true,
    hash: sha256Of,
    createSession: (bytes, { pinned }) =>
      ort.InferenceSession.create(bytes, {
        ...(threads ? { intraOpNumThreads: threads } : {}),
        ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
        graphOptimizationLevel: "disabled",
        executionMode: "sequential",
        // one block for all values of a run: faster for short runs, but twice the memory for training steps
        enableMemPattern: pinned !== undefined,
        extra: {
          session: {
            ...(pinned ? SPIN_ON[pinned] : SPIN_WITHIN_RUN),
            use_device_allocator_for_initializers: "1",
          },
        },
      }),
    tensor: (type, data, shape) => new ort.Tensor(type as "float32", data as Float32Array, shape),
  };
}
