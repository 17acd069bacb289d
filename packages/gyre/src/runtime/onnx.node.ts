import { availableParallelism } from "node:os";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { GraphBuilder } from "../graph/builder.ts";
import { matmul } from "../graph/ops.ts";
import { prepareGraph } from "../graph/passes/index.ts";
import { repeatedShape } from "../graph/repeat.ts";
import type { Graph, OpName, Shape, Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { encodeGraph, ZERO } from "../onnx/encode.ts";
import { sha256Of } from "../util/checksum.node.ts";
import { rng } from "../util/rng.ts";
import { type Precision, sizeOf, type Tensor } from "../util/tensor.ts";
import { contribWrong, disposed, inputMissing, inputShape, runtimeMissing } from "./errors.ts";
import { foldBound } from "./fold.ts";
import type { CompileOptions, Program, Runtime } from "./runtime.ts";

export interface OnnxRuntimeOptions {
  /** Threads within one operation; all cores by default. */
  readonly threads?: number;
  readonly precision?: Precision;
  /** Programs kept compiled; the least recently used one is let go beyond it, pinned ones apart. 16 by default. */
  readonly keep?: number;
  /**
   * Use operations that only onnxruntime has, once a numeric self-test has found them right; off by default.
   * At present FusedMatMul, which spares attention some transposes.
   */
  readonly contrib?: boolean;
  /** Write an onnxruntime profile with this prefix. */
  readonly profile?: string;
}

/** Fused operations that ONNX, and so onnxruntime, has whole. */
const FUSED: readonly OpName[] = ["gelu", "rmsNorm"];

/** Idle threads wait for the next run: longer than the JavaScript between two tokens takes, or not so long as to hold up others. */
const SPIN_ON = {
  alone: { intra_op: { spin_duration_us: "500" } },
  others: { intra_op: { spin_duration_us: "100" } },
};
/** Idle threads sleep when a run ends, and leave the cores to other programs. */
const SPIN_WITHIN_RUN = { force_spinning_stop: "1" };

type Ort = typeof import("onnxruntime-node");

/**
 * Opens onnxruntime-node on the CPU. Throws RUNTIME_MISSING when the package cannot be loaded, and
 * RUNTIME_CONTRIB when its own operations were asked for and fail their self-test.
 */
export async function openOnnxRuntime(options: OnnxRuntimeOptions = {}): Promise<OnnxRuntime> {
  const loaded = await import("onnxruntime-node").catch((cause) => {
    throw runtimeMissing("onnxruntime-node", cause);
  });
  const runtime = new OnnxRuntime((loaded as unknown as { default?: Ort }).default ?? loaded, options);
  if (options.contrib) await testContrib(runtime);
  return runtime;
}

/** Compares onnxruntime's own operations with the interpreter. Throws RUNTIME_CONTRIB. */
async function testContrib(runtime: Runtime): Promise<void> {
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

/** The native runtime. Sessions are cached by the hash of their graph. */
export class OnnxRuntime implements Runtime {
  readonly name = "onnxruntime-node 1.30.0 (cpu)";
  readonly precision: Precision;
  readonly #ort: Ort;
  readonly #options: OnnxRuntimeOptions;
  readonly #programs = new Map<string, OnnxProgram>();
  readonly #pinned = new WeakSet<OnnxProgram>();
  /** Key of a graph object that was compiled before without bound inputs: spares encoding it again. */
  readonly #keys = new WeakMap<Graph, string>();

  constructor(ort: Ort, options: OnnxRuntimeOptions) {
    this.#ort = ort;
    this.#options = options;
    this.precision = options.precision ?? "float32";
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    const { bound, buffers = 2, lean = false, fused = false, pinned, repeat } = options;
    const seen = bound || repeat ? undefined : this.#keys.get(graph);
    const kind = `${buffers} ${lean} ${fused} ${pinned}`;
    const ready = seen && this.#reuse(`${kind} ${seen}`);
    if (ready) return ready;
    const { precision } = this;
    const { contrib: keepTransB = false, threads = availableParallelism() } = this.#options;
    // a sum of its own holds one result more than Gemm's C
    const parallel = threads > 1 && !lean;
    const prepare = (one: Graph) =>
      foldBound(prepareGraph(one, { keepTransB, parallel, keep: fused ? FUSED : [] }), bound ?? new Map());
    const prepared = prepare(graph);
    const bytes = encodeGraph(prepared.graph, {
      precision,
      hideShapes: lean,
      joinSlices: fused,
      bound: prepared.bound,
      repeat,
      epilogue: repeat?.epilogue && prepare(repeat.epilogue),
    });
    const hash = sha256Of(bytes);
    const key = `${kind} ${hash}`;
    if (!bound && !repeat) this.#keys.set(graph, hash);
    const known = this.#reuse(key);
    if (known) return known;
    const spin = pinned ? SPIN_ON[pinned] : SPIN_WITHIN_RUN;
    const session = await this.#ort.InferenceSession.create(bytes, {
      ...(this.#options.threads ? { intraOpNumThreads: this.#options.threads } : {}),
      ...(this.#options.profile ? { enableProfiling: true, profileFilePrefix: this.#options.profile } : {}),
      graphOptimizationLevel: "disabled",
      executionMode: "sequential",
      // one block for all values of a run: faster for short runs, but twice the memory for training steps
      enableMemPattern: pinned !== undefined,
      extra: { session: { ...spin, use_device_allocator_for_initializers: "1" } },
    });
    const shaped = (name: string, shape: Shape) => ({ name, shape: repeatedShape(repeat, name, shape) });
    const each = [...graph.outputs].map(([name, { shape, dtype }]) => ({ ...shaped(name, shape), dtype }));
    const last = [...(repeat?.epilogue?.outputs ?? [])];
    const program = new OnnxProgram(
      this.#ort,
      session,
      precision,
      graph.inputs
        .filter(({ attrs }) => !bound?.has(attrs.name))
        .map(({ attrs, shape }) => shaped(attrs.name, shape)),
      [...each, ...last.map(([name, { shape, dtype }]) => ({ name, shape, dtype }))],
      { buffers, lean },
      () => this.#programs.delete(key),
    );
    this.#programs.set(key, program);
    if (pinned) this.#pinned.add(program);
    const loose = [...this.#programs.values()].filter((one) => !this.#pinned.has(one));
    for (const oldest of loose.slice(0, -(this.#options.keep ?? 16))) await oldest.release();
    return program;
  }

  /** The program of a key, if there is one; it becomes the most recently used. */
  #reuse(key: string): OnnxProgram | undefined {
    const program = this.#programs.get(key);
    if (program) {
      program.holders++;
      this.#programs.delete(key);
      this.#programs.set(key, program);
    }
    return program;
  }

  /** Programs that hold native memory now. */
  get livePrograms(): number {
    return this.#programs.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.#programs.values()]) await program.release();
  }
}

interface Shaped {
  readonly name: string;
  readonly shape: Shape;
}

interface OutputSet {
  readonly fetches: Record<string, OrtTensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

class OnnxProgram implements Program {
  /** How many calls of `compile` have given it away and not been disposed of. */
  holders = 1;
  readonly #ort: Ort;
  #session: InferenceSession | undefined;
  readonly #inputs: readonly Shaped[];
  readonly #sets: readonly OutputSet[];
  readonly #onDispose: () => void;
  readonly #constant: Readonly<Record<string, OrtTensor>>;
  #turn = 0;

  constructor(
    ort: Ort,
    session: InferenceSession,
    precision: Precision,
    inputs: readonly Shaped[],
    outputs: readonly (Shaped & Pick<Value, "dtype">)[],
    { buffers, lean }: { readonly buffers: number; readonly lean: boolean },
    onDispose: () => void,
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#inputs = inputs;
    this.#onDispose = onDispose;
    this.#constant = lean ? { [ZERO]: new ort.Tensor("int64", BigInt64Array.of(0n), [1]) as OrtTensor } : {};
    this.#sets = Array.from({ length: buffers }, () => {
      const fetches: Record<string, OrtTensor> = {};
      const views = new Map<string, Tensor>();
      for (const { name, shape, dtype } of outputs) {
        const size = sizeOf(shape);
        const data =
          dtype === "int"
            ? new Int32Array(size)
            : precision === "float32"
              ? new Float32Array(size)
              : new Float64Array(size);
        fetches[`out/${name}`] = this.#tensor(data, shape);
        views.set(name, { data, shape });
      }
      return { fetches, outputs: views };
    });
  }

  async run(inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> {
    if (!this.#session) throw disposed("program");
    const feeds: Record<string, OrtTensor> = { ...this.#constant };
    for (const { name, shape } of this.#inputs) {
      const tensor = inputs.get(name);
      if (!tensor)
        throw inputMissing(
          name,
          this.#inputs.map((input) => input.name),
        );
      if (tensor.data.length !== sizeOf(shape)) throw inputShape(name, tensor.shape, shape);
      feeds[name] = this.#tensor(tensor.data, shape);
    }
    const set = this.#sets[this.#turn++ % this.#sets.length] as OutputSet;
    await this.#session.run(feeds, set.fetches);
    return set.outputs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (--this.holders === 0) await this.release();
  }

  /** Gives the native memory back, whoever holds the program. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#onDispose();
    await session?.release();
  }

  #tensor(data: Tensor["data"], shape: readonly number[]): OrtTensor {
    const type =
      data instanceof Float32Array ? "float32" : data instanceof Float64Array ? "float64" : "int32";
    return new this.#ort.Tensor(type, data as never, shape as number[]) as OrtTensor;
  }
}
