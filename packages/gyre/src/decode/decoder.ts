import type { Graph } from "../graph/types.ts";
import { headGraph, modulationGraph, readsEmbedding, wholeGraph } from "../models/decoding.ts";
import { contextExceeded } from "../models/errors.ts";
import type { Model } from "../models/model.ts";
import { isConditioned, parameterCount } from "../models/parameters.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import type { CompileOptions, Program } from "../runtime/runtime.ts";
import { checksumOf } from "../util/checksum.ts";
import { Recent } from "../util/recent.ts";
import { type FloatData, type Tensor, zeros } from "../util/tensor.ts";
import { KeyValueCache } from "./cache.ts";
import {
  blocksOf,
  CallBuffers,
  type CallPlan,
  type End,
  graphsOf,
  roundUp,
  shapeOf,
  statesLeave,
} from "./calls.ts";
import { weightsChanged } from "./errors.ts";
import type { Pack } from "./packs.ts";
import { type Passage, type Route, rowsOf, type Sequence, stacked } from "./passage.ts";
import { type Prepared, ProgramCache } from "./programs.ts";
import { type PlaceInPack, wholeCall } from "./whole.ts";

// Shapes: T tokens, d width, k core layers.

/** The longest stretch of a prompt that is computed at a time. */
const LONGEST_CALL = 256;

/**
 * Programs that are kept; each holds weights in the runtime's own layout. A server with 32 streams uses 40, and compiles
 * in every round where fewer are kept; of a large model some 24 are all that memory has room for.
 */
const keptCalls = (spec: Spec): number =>
  Math.max(24, Math.min(96, Math.floor(2 ** 28 / parameterCount(spec))));
const KEPT_OTHERS = 16;

/** Bytes of what loops are told that are kept for the next route. */
const KEPT_MODULATIONS = 2 ** 24;

/** Numbers of a token table that every program which begins with it may hold: a larger one is in a call of its own. */
const LARGEST_TABLE = 2 ** 22;

/** A call's program with the buffers that it reads. */
interface PreparedCall extends Prepared {
  readonly buffers: CallBuffers;
}

/** Where new tokens begin. */
export interface Beginning {
  readonly route: Route;
  /** Position of the first token; the next one of the sequence by default. */
  readonly position?: number;
}

/**
 * Runs a model stage by stage, with a key/value cache by (stage, layer, loop). Every loop uses the same weights, so one
 * call serves sequences at different loops, positions and trajectories. Where nothing looks in between, embedding,
 * prelude, loops, coda and head are one call. Programs are compiled for sizes in coarse steps, and those used last are
 * kept.
 *
 * @example
 * await using decoder = new Decoder(model);
 * const route = await decoder.route(8);
 * const hidden = await decoder.append(decoder.start(), tokenizer.encode("We the people"), route);
 * const [logits] = await decoder.logits([hidden.subarray(-model.spec.width)]);
 */
export class Decoder implements AsyncDisposable {
  readonly model: Model;
  /** Blocks applied so far, counted once for every token. */
  blockPasses = 0;
  /** Calls of the core so far. */
  calls = 0;
  readonly #calls: ProgramCache<PreparedCall>;
  readonly #others = new ProgramCache<Prepared>(KEPT_OTHERS);
  readonly #told = new Recent<FloatData>({ room: KEPT_MODULATIONS, weigh: ({ byteLength }) => byteLength });
  /** Of the weights that the first program was compiled with. */
  #checksum: string | undefined;
  #last: Promise<void> = Promise.resolve();

  readonly #isTableSmall: boolean;
  /** The head is less than half of the model: every program that ends with it may hold it once more. */
  readonly #isHeadSmall: boolean;

  constructor(model: Model) {
    const { vocab, width } = model.spec;
    this.model = model;
    this.#calls = new ProgramCache(keptCalls(model.spec));
    this.#isTableSmall = vocab * width <= LARGEST_TABLE;
    this.#isHeadSmall = 2 * vocab * width < parameterCount(model.spec);
  }

  /** Whether the weights are those that it was first used with: training changes them in place. */
  get isCurrent(): boolean {
    return this.#checksum === undefined || this.#checksum === checksumOf(this.model.weights);
  }

  /** Bytes of modulations that are kept for the next route. */
  get modulationBytes(): number {
    return this.#told.weight;
  }

  /** The route of a budget. Throws LOOPS, TRAJECTORY or WEIGHTS_CHANGED. */
  async route(budget: Budget): Promise<Route> {
    const { loops, t, dt } = conditions(this.model.spec, budget);
    return this.#inTurn(async () => {
      const modulations: (FloatData | undefined)[] = [];
      for (let loop = 0; loop < loops; loop++)
        modulations.push(await this.#modulation(t[loop] as number, dt[loop] as number));
      return { loops, modulations };
    });
  }

  /** A sequence without tokens; memory is taken at once for as many as are `expected`. */
  start(expected = 0): Sequence {
    const { spec, runtime } = this.model;
    return { cache: new KeyValueCache(spec, runtime.precision, expected), length: 0 };
  }

  /** New tokens of a sequence, which have run nothing yet. Throws CONTEXT. */
  begin(
    sequence: Sequence,
    tokens: ArrayLike<number>,
    { route, position = sequence.length }: Beginning,
  ): Passage {
    const { context } = this.model.spec;
    if (position + tokens.length > context) throw contextExceeded(position + tokens.length, context);
    return { sequence, route, position, tokens, loops: 0, states: undefined, embedding: undefined };
  }

  /**
   * Runs the next `loops` of every passage; those that have run nothing enter first, and with no loops that is all. All
   * passages have the same number of tokens. What it gives is: nothing where it ends after the loops; after the coda,
   * what the head reads [T, d], passage by passage; after the head, the logits [vocab] of each token, passage by passage.
   * A coda's caches are those of the run that ended last. Throws MODEL_VECTORS or WEIGHTS_CHANGED.
   */
  run(passages: readonly Passage[], loops: number, end: End = "loops"): Promise<FloatData[]> {
    return this.#inTurn(() => this.#run(passages, loops, end));
  }

  /**
   * Appends tokens to a sequence, every loop of the route for each of them: what the head reads of them [T, d].
   * Throws CONTEXT, and what `run` throws.
   */
  async append(sequence: Sequence, tokens: ArrayLike<number>, route: Route): Promise<FloatData> {
    const all = Array.from(tokens);
    this.begin(sequence, all, { route });
    const hidden: FloatData[] = [];
    for (let start = 0; start < all.length; start += LONGEST_CALL) {
      const some = all.slice(start, start + LONGEST_CALL);
      hidden.push(...(await this.run([this.begin(sequence, some, { route })], route.loops, "hidden")));
      sequence.length += some.length;
    }
    return stacked(hidden, this.model.runtime.precision);
  }

  /**
   * Whole texts in one call without caches, every loop of a budget: what the head reads of the wanted tokens [d], one by one.
   * Throws LOOPS, TRAJECTORY, MODEL_VECTORS or WEIGHTS_CHANGED.
   */
  readWhole(packs: readonly Pack[], wanted: readonly PlaceInPack[], budget: Budget): Promise<FloatData[]> {
    return this.#inTurn(async () => {
      const { spec, runtime } = this.model;
      const { shape, inputs } = wholeCall(spec, packs, wanted, { budget, precision: runtime.precision });
      const key = `whole ${shape.sequences} ${shape.tokens} ${shape.loops} ${shape.wanted}`;
      const { program } = await this.#others.get(key, async () => ({
        program: await this.#compile(wholeGraph(spec, shape), { fused: true, pinned: "others" }),
      }));
      const { data } = (await program.run(inputs)).get("hidden") as Tensor<FloatData>;
      const tokens = packs.reduce((sum, pack) => sum + pack.tokens.length, 0);
      const { prelude, core, coda } = spec.layers;
      this.blockPasses += tokens * (prelude + shape.loops * core + coda);
      this.calls++;
      return rowsOf(data, spec.width)
        .slice(0, wanted.length)
        .map((row) => row.slice());
    });
  }

  /** Logits [vocab] of each row [d] that a run ended with. */
  logits(hidden: readonly FloatData[]): Promise<FloatData[]> {
    return this.#inTurn(() => this.#logits(hidden));
  }

  /** Lets go of the compiled programs, once the calls under way are through; a later call compiles its own again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      await this.#calls[Symbol.asyncDispose]();
      await this.#others[Symbol.asyncDispose]();
    });
  }

  async #run(passages: readonly Passage[], loops: number, end: End): Promise<FloatData[]> {
    const { spec } = this.model;
    const fresh = passages.filter(({ states }) => !states);
    // a call that the tokens enter does not give the embedding back
    const isLast = !readsEmbedding(spec) || passages.every(({ route }) => route.loops === loops);
    const enters = loops > 0 && this.#isTableSmall && fresh.length === passages.length && isLast;
    if (fresh.length > 0 && !enters) await this.#call(fresh, { enters: true, loops: 0, end: "loops" });
    const joined = end === "logits" && !this.#isHeadSmall ? "hidden" : end;
    const isOver = joined === "loops" || (joined === "hidden" && spec.layers.coda === 0);
    const own = { enters, loops, end: isOver ? "loops" : joined } as const;
    const results = loops > 0 || own.end !== "loops" ? await this.#call(passages, own) : [];
    if (end === "loops" || own.end === "logits") return results;
    const hidden = isOver ? passages.map(({ states }) => states as FloatData) : results;
    return end === "hidden" ? hidden : this.#logits(hidden.flatMap((rows) => rowsOf(rows, spec.width)));
  }

  /** One call: states and caches of the passages go on, and what it ends with is given. */
  async #call(
    passages: readonly Passage[],
    stages: Pick<CallPlan, "enters" | "loops" | "end">,
  ): Promise<FloatData[]> {
    const { spec } = this.model;
    const { capacity, ...shape } = shapeOf(spec, passages);
    for (const { sequence, loops } of passages)
      sequence.cache.grow(capacity, Math.max(1, loops + stages.loops));
    const isLast = passages.every(({ route, loops }) => route.loops === loops + stages.loops);
    const plan: CallPlan = { ...shape, ...stages, isLast };
    const key = `${plan.sequences} ${plan.tokens} ${plan.cached} ${plan.enters} ${plan.loops} ${plan.end} ${statesLeave(plan)}`;
    const { program, buffers } = await this.#calls.get(key, () => this.#prepare(plan));
    buffers.fill(passages);
    const outputs = await program.run(buffers.inputs);
    buffers.store(passages, outputs);
    const count = (passages[0] as Passage).tokens.length;
    /** What each passage has of an output [S T, width]; the tensors are overwritten by the next call. */
    const partsOf = (name: string, width: number): FloatData[] => {
      const data = (outputs.get(name) as Tensor<FloatData> | undefined)?.data;
      if (!data) return [];
      const start = (index: number) => index * plan.tokens * width;
      return passages.map((_, index) => data.slice(start(index), start(index) + count * width));
    };
    const states = partsOf("x", spec.width);
    const embeddings = partsOf("embedding", spec.width);
    for (const [index, passage] of passages.entries()) {
      passage.states = states[index] ?? passage.states;
      passage.embedding = embeddings[index] ?? passage.embedding;
      passage.loops += plan.loops;
    }
    this.blockPasses += passages.length * count * blocksOf(spec, plan);
    if (plan.loops > 0) this.calls++;
    if (plan.end === "logits")
      return partsOf("logits", spec.vocab).flatMap((rows) => rowsOf(rows, spec.vocab));
    return partsOf("hidden", spec.width);
  }

  async #logits(hidden: readonly FloatData[]): Promise<FloatData[]> {
    const { spec, runtime } = this.model;
    const rows = roundUp(hidden.length, 2);
    const { program } = await this.#others.get(`head ${rows}`, async () => ({
      program: await this.#compile(headGraph(spec, rows), { fused: true, pinned: "others" }),
    }));
    const all = zeros(runtime.precision, rows * spec.width);
    for (const [row, one] of hidden.entries()) all.set(one, row * spec.width);
    const inputs = new Map([["hidden", { data: all, shape: [rows, spec.width] }]]);
    const { data } = (await program.run(inputs)).get("logits") as Tensor<FloatData>;
    return hidden.map((_, row) => data.slice(row * spec.vocab, (row + 1) * spec.vocab));
  }

  /** One call after another: they share buffers. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #modulation(t: number, dt: number): Promise<FloatData | undefined> {
    const { spec, runtime } = this.model;
    if (!isConditioned(spec)) return undefined;
    const key = `${t} ${dt}`;
    const known = this.#told.get(key);
    if (known) return known;
    const { program } = await this.#others.get("modulation", async () => ({
      program: await this.#compile(modulationGraph(spec, 1), { pinned: "others" }),
    }));
    const inputs = new Map([
      ["t", { data: zeros(runtime.precision, 1).fill(t), shape: [1] }],
      ["dt", { data: zeros(runtime.precision, 1).fill(dt), shape: [1] }],
    ]);
    const outputs = await program.run(inputs);
    const told = (outputs.get("modulation") as Tensor<FloatData>).data.slice();
    this.#told.set(key, told);
    return told;
  }

  /** A program over the weights. Throws WEIGHTS_CHANGED where it would be the first one over these. */
  async #compile(graph: Graph, options: CompileOptions): Promise<Program> {
    const { weights, runtime } = this.model;
    const checksum = checksumOf(weights);
    this.#checksum ??= checksum;
    if (checksum !== this.#checksum) throw weightsChanged();
    return runtime.compile(graph, { bound: weights, buffers: 1, ...options });
  }

  async #prepare(plan: CallPlan): Promise<PreparedCall> {
    const { spec, runtime } = this.model;
    const graphs = graphsOf(spec, plan);
    const { graph, repeat } = graphs;
    const program = await this.#compile(graph, {
      fused: true,
      pinned: plan.end === "logits" ? "alone" : "others",
      ...(repeat ? { repeat } : {}),
    });
    return { program, buffers: new CallBuffers(spec, plan, graphs, runtime.precision) };
  }
}
