import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import { prepareGraph } from "../graph/passes/index.ts";
import { portsOf } from "../graph/repeat.ts";
import type { Graph, OpName, Shape, Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { encodeGraph, ZERO } from "../onnx/encode.ts";
import { type Precision, sizeOf, type Tensor } from "../util/tensor.ts";
import { disposed, inputMissing, inputShape, sessionFailed } from "./errors.ts";
import { foldBound } from "./fold.ts";
import { splitOff } from "./hosted.ts";
import type { CompileOptions, Program, Runtime } from "./runtime.ts";

/** What differs between Node and a page: how sessions open, tensors are made, bytes are hashed. */
export interface Host {
  /** The package, its version and what it computes with. */
  readonly name: string;
  /** Threads within one operation. */
  readonly threads: number;
  /** Whether a run writes into tensors that it is given; a page's returns its own, which are copied. */
  readonly writesOutputs: boolean;
  /** Operations that the device computes wrongly, and the host instead; few and small ones. */
  readonly wrong?: ReadonlySet<OpName>;
  /** A hash of a graph, by which equal ones are found. */
  hash(bytes: Uint8Array): string | Promise<string>;
  /** Opens a session on the bytes of an ONNX model. */
  createSession(
    bytes: Uint8Array,
    options: { readonly pinned: CompileOptions["pinned"] | undefined },
  ): Promise<InferenceSession>;
  /** A tensor of onnxruntime over these values. */
  tensor(type: OrtTensor.Type, data: Tensor["data"] | BigInt64Array, shape: readonly number[]): OrtTensor;
}

/** How onnxruntime runs, in Node as in a page. */
export interface SessionOptions {
  readonly precision?: Precision;
  /** Programs kept compiled; the least recently used one is let go beyond it, pinned ones apart. 16 by default. */
  readonly keep?: number;
  /** Use operations that only onnxruntime has; the caller has tested them. */
  readonly contrib?: boolean;
}

/** Fused operations that ONNX, and so onnxruntime, has whole. */
export const FUSED: readonly OpName[] = ["gelu", "rmsNorm"];

const none: ReadonlySet<OpName> = new Set();

/** Runs graphs as sessions of onnxruntime. Programs are cached by the hash of their graph. */
export class OnnxRuntime implements Runtime {
  readonly name: string;
  readonly precision: Precision;
  readonly #host: Host;
  readonly #options: SessionOptions;
  readonly #programs = new Map<string, OnnxProgram>();
  readonly #pinned = new WeakSet<OnnxProgram>();
  /** Key of a graph object that was compiled before without bound inputs: spares encoding it again. */
  readonly #keys = new WeakMap<Graph, string>();

  constructor(host: Host, options: SessionOptions = {}) {
    this.#host = host;
    this.#options = options;
    this.name = host.name;
    this.precision = options.precision ?? "float32";
  }

  /** Makes a graph ready to run; equal ones share a session. Throws RUNTIME_MEMORY where there is no room, as runs do. */
  async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    const { bound, buffers = 2, lean = false, fused = false, pinned, repeat } = options;
    const seen = bound || repeat ? undefined : this.#keys.get(graph);
    const kind = `${buffers} ${lean} ${fused} ${pinned}`;
    const ready = seen && this.#reuse(`${kind} ${seen}`);
    if (ready) return ready;
    const { precision } = this;
    const { contrib: keepTransB = false } = this.#options;
    // a sum of its own holds one result more than Gemm's C
    const parallel = this.#host.threads > 1 && !lean;
    const prepare = (one: Graph) =>
      foldBound(prepareGraph(one, { keepTransB, parallel, keep: fused ? FUSED : [] }), bound ?? new Map());
    const whole = prepare(graph);
    const split = splitOff(whole.graph, this.#host.wrong ?? none);
    const prepared = { ...whole, graph: split.graph };
    const bytes = encodeGraph(prepared.graph, {
      precision,
      hideShapes: lean,
      joinSlices: fused,
      bound: prepared.bound,
      repeat,
      prologue: repeat?.prologue && prepare(repeat.prologue),
      epilogue: repeat?.epilogue && prepare(repeat.epilogue),
    });
    const hash = await this.#host.hash(bytes);
    const key = `${kind} ${hash}`;
    if (!bound && !repeat) this.#keys.set(graph, hash);
    const known = this.#reuse(key);
    if (known) return known;
    const session = await this.#host.createSession(bytes, { pinned }).catch((cause: unknown) => {
      throw sessionFailed(this.name, cause);
    });
    const { inputs, outputs } = portsOf(graph, repeat);
    const program = new OnnxProgram(
      this.#host,
      session,
      precision,
      inputs.filter(({ name }) => !bound?.has(name)),
      outputs,
      { buffers, lean, before: split.before && { graph: split.before, bound: prepared.bound } },
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

  /** Lets every program go. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.#programs.values()]) await program.release();
  }
}

interface Shaped {
  readonly name: string;
  readonly shape: Shape;
}

/** What the host computes before every run. */
interface Before {
  readonly graph: Graph;
  readonly bound: ReadonlyMap<string, Tensor>;
}

interface OutputSet {
  readonly fetches: Record<string, OrtTensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

class OnnxProgram implements Program {
  /** How many calls of `compile` have given it away and not been disposed of. */
  holders = 1;
  readonly #host: Host;
  #session: InferenceSession | undefined;
  readonly #inputs: readonly Shaped[];
  readonly #read: ReadonlySet<string>;
  readonly #before: Before | undefined;
  readonly #sets: readonly OutputSet[];
  readonly #onDispose: () => void;
  readonly #constant: Readonly<Record<string, OrtTensor>>;
  /** What the last run read: a buffer that is given again is wrapped already. */
  readonly #wrapped = new Map<string, OrtTensor>();
  #turn = 0;

  constructor(
    host: Host,
    session: InferenceSession,
    precision: Precision,
    inputs: readonly Shaped[],
    outputs: readonly (Shaped & Pick<Value, "dtype">)[],
    { buffers, lean, before }: { buffers: number; lean: boolean; before: Before | undefined },
    onDispose: () => void,
  ) {
    this.#host = host;
    this.#session = session;
    this.#inputs = inputs;
    this.#read = new Set(session.inputNames);
    this.#before = before;
    this.#onDispose = onDispose;
    this.#constant = lean ? { [ZERO]: host.tensor("int64", BigInt64Array.of(0n), [1]) } : {};
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
      // a graph may have inputs that nothing reads
      if (this.#read.has(name)) feeds[name] = this.#input(name, tensor.data, shape);
    }
    if (this.#before) {
      const { graph, bound } = this.#before;
      for (const [name, { data, shape }] of interpret(graph, new Map([...bound, ...inputs])))
        feeds[name] = this.#tensor(data instanceof Float64Array ? Float32Array.from(data) : data, shape);
    }
    const set = this.#sets[this.#turn++ % this.#sets.length] as OutputSet;
    try {
      if (this.#host.writesOutputs) await this.#session.run(feeds, set.fetches);
      else copyAll(await this.#session.run(feeds, Object.keys(set.fetches)), set.outputs);
    } catch (cause) {
      throw sessionFailed(this.#host.name, cause);
    }
    return set.outputs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (--this.holders === 0) await this.release();
  }

  /** Gives the native memory back, whoever holds the program. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#wrapped.clear();
    this.#onDispose();
    await session?.release();
  }

  #input(name: string, data: Tensor["data"], shape: readonly number[]): OrtTensor {
    const known = this.#wrapped.get(name);
    if (known?.data === data) return known;
    const tensor = this.#tensor(data, shape);
    this.#wrapped.set(name, tensor);
    return tensor;
  }

  #tensor(data: Tensor["data"], shape: readonly number[]): OrtTensor {
    const type =
      data instanceof Float32Array ? "float32" : data instanceof Float64Array ? "float64" : "int32";
    return this.#host.tensor(type, data, shape);
  }
}

/** Copies a run's own tensors to the buffers that were promised, and lets the tensors go. */
function copyAll(results: InferenceSession.OnnxValueMapType, outputs: ReadonlyMap<string, Tensor>): void {
  for (const [name, { data }] of outputs) {
    const result = results[`out/${name}`] as OrtTensor;
    (data as Float32Array).set(result.data as Float32Array);
    result.dispose();
  }
}
