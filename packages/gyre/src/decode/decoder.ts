import type { Graph } from "../graph/types.ts";
import {
  cacheKinds,
  cacheName,
  loopGraph,
  modulationGraph,
  readOutGraph,
  rowsName,
} from "../models/decoding.ts";
import { contextExceeded } from "../models/errors.ts";
import type { Model } from "../models/model.ts";
import { isConditioned, parameterCount } from "../models/parameters.ts";
import { type Budget, conditions } from "../models/spec.ts";
import type { CompileOptions, Program } from "../runtime/runtime.ts";
import { checksumOf } from "../util/checksum.ts";
import { Recent } from "../util/recent.ts";
import { type FloatData, sizeOf, type Tensor, zeros } from "../util/tensor.ts";
import { KeyValueCache } from "./cache.ts";
import { capacityFor, fillMask, fillModulation, type LoopsShape, roundUp, rowsOf } from "./calls.ts";
import { weightsChanged } from "./errors.ts";
import { type Prepared, ProgramCache } from "./programs.ts";

// Shapes: T tokens, d width, k layers.

/** A trajectory as the decoder runs it: what each loop is told, [4 k d] a loop. */
export interface Route {
  readonly loops: number;
  readonly modulations: readonly (FloatData | undefined)[];
}

/** One text that is being decoded. */
export interface Sequence {
  readonly cache: KeyValueCache;
  /** Positions that are cached in every loop of the route. */
  length: number;
}

/** New tokens of one sequence in one loop, or in several that follow each other. */
export interface LoopCall {
  readonly sequence: Sequence;
  /** Index of the first loop: the caches from it on are read and written. */
  readonly loop: number;
  /** What each loop is told. */
  readonly modulations: Route["modulations"];
  /** Position of the first new token. */
  readonly position: number;
  /** States of the new tokens [T, d], overwritten with the next ones. */
  readonly states: FloatData;
}

/** The longest stretch of a prompt that is computed at a time. */
const LONGEST_CALL = 256;

/** Programs that are kept; each holds the core's weights in the runtime's own layout. */
const KEPT_CALLS = 24;
const KEPT_OTHERS = 8;

/** Bytes of what loops are told that are kept for the next route. */
const KEPT_MODULATIONS = 2 ** 24;

/** A call's program with the buffers that it reads. */
interface PreparedCall extends Prepared {
  readonly inputs: Map<string, Tensor>;
  readonly states: FloatData;
  readonly mask: FloatData;
  readonly modulation: FloatData | undefined;
}

/**
 * Runs a model loop by loop with a key/value cache per (loop, layer). Every loop uses the same weights, so one
 * call serves sequences at different loops, positions and trajectories. Programs are compiled for sizes in
 * coarse steps, and those used last are kept.
 */
export class Decoder implements AsyncDisposable {
  readonly model: Model;
  /** Blocks applied so far, counted once for every token. */
  blockPasses = 0;
  /** Calls of the core so far. */
  calls = 0;
  readonly #calls = new ProgramCache<PreparedCall>(KEPT_CALLS);
  readonly #others = new ProgramCache<Prepared>(KEPT_OTHERS);
  readonly #told = new Recent<FloatData>({ room: KEPT_MODULATIONS, weigh: ({ byteLength }) => byteLength });
  /** Zeros for the caches of a sequence that only fills a call up. */
  #empty: FloatData;
  /** Of the weights that the first program was compiled with. */
  #checksum: string | undefined;
  #last: Promise<void> = Promise.resolve();

  /** The head is less than half of the model: every program that ends with it may hold it once more. */
  readonly #isHeadSmall: boolean;

  constructor(model: Model) {
    const { vocab, width } = model.spec;
    this.model = model;
    this.#empty = this.zeros(0);
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

  /** Zeros in the runtime's precision. */
  zeros(size: number): FloatData {
    return zeros(this.model.runtime.precision, size);
  }

  /** What enters the first loop: token and position embeddings, [T, d]. Throws CONTEXT. */
  embed(tokens: ArrayLike<number>, position: number): FloatData {
    const { spec, weights } = this.model;
    const { width, context } = spec;
    if (position + tokens.length > context) throw contextExceeded(position + tokens.length, context);
    const table = (name: string) => weights.get(`embed.${name}.weight`)?.data as FloatData;
    const [words, places] = [table("tokens"), table("positions")];
    const states = this.zeros(tokens.length * width);
    for (let row = 0; row < tokens.length; row++) {
      const [word, place] = [(tokens[row] as number) * width, (position + row) * width];
      for (let index = 0; index < width; index++)
        states[row * width + index] = (words[word + index] as number) + (places[place + index] as number);
    }
    return states;
  }

  /**
   * Appends tokens to a sequence, every loop of the route for each of them: the states [T, d] after the last
   * one. Throws CONTEXT.
   */
  async append(sequence: Sequence, tokens: ArrayLike<number>, route: Route): Promise<FloatData> {
    const { width } = this.model.spec;
    const all = this.embed(tokens, sequence.length);
    for (let start = 0; start < tokens.length; start += LONGEST_CALL) {
      const states = all.subarray(start * width, (start + LONGEST_CALL) * width);
      const position = sequence.length;
      await this.loop([{ sequence, loop: 0, modulations: route.modulations, position, states }]);
      sequence.length += states.length / width;
    }
    return all;
  }

  /** Runs the loops of every call; all have the same number of new tokens, and of loops. */
  async loop(calls: readonly LoopCall[]): Promise<void> {
    await this.#inTurn(() => this.#loop(calls));
  }

  /** Runs the loops of every call and the head after them: logits [vocab] of each new token, call by call. */
  loopAndRead(calls: readonly LoopCall[]): Promise<FloatData[]> {
    const { spec } = this.model;
    return this.#inTurn(async () => {
      if (this.#isHeadSmall) return this.#loop(calls, "reading");
      await this.#loop(calls);
      return this.#logits(calls.flatMap(({ states }) => rowsOf(states, spec.width)));
    });
  }

  /** Logits [vocab] of each state [d]. */
  logits(states: readonly FloatData[]): Promise<FloatData[]> {
    return this.#inTurn(() => this.#logits(states));
  }

  /** Lets go of the compiled programs, once the calls under way are through; a later call compiles its own again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      await this.#calls[Symbol.asyncDispose]();
      await this.#others[Symbol.asyncDispose]();
    });
  }

  /** The logits [vocab] of each new token, if the head joins the call. */
  async #loop(calls: readonly LoopCall[], head?: "reading"): Promise<FloatData[]> {
    const { spec } = this.model;
    const { width, vocab } = spec;
    const { core: layers } = spec.layers;
    const [{ states: first, modulations }] = calls as [LoopCall];
    const [count, loops] = [first.length / width, modulations.length];
    const capacity = Math.max(
      ...calls.map(({ sequence }) => sequence.cache.capacity),
      ...calls.map(({ position }) => capacityFor(position + count, spec.context)),
    );
    for (const { sequence, loop } of calls) sequence.cache.grow(capacity, loop + loops);
    const shape: LoopsShape = {
      sequences: roundUp(calls.length, 2),
      tokens: count <= 16 ? roundUp(count, 2) : Math.min(spec.context, roundUp(count, 4)),
      cached: calls.every(({ position }) => position === 0) ? 0 : capacity,
      loops,
      reads: head === "reading",
    };
    const prepared = await this.#calls.get(Object.values(shape).join(), () => this.#prepare(shape));
    this.#fill(prepared, shape, calls, count);
    const outputs = await prepared.program.run(prepared.inputs);
    const next = outputs.get("x")?.data as FloatData;
    for (const [index, { states }] of calls.entries()) {
      const start = index * shape.tokens * width;
      states.set(next.subarray(start, start + count * width));
    }
    for (let layer = 0; layer < layers; layer++)
      this.#store(layer, outputs.get(rowsName(layer)) as Tensor<FloatData>, shape, calls);
    this.blockPasses += calls.length * count * loops * layers;
    this.calls++;
    if (!shape.reads) return [];
    const { data: logits } = outputs.get("logits") as Tensor<FloatData>;
    return calls.flatMap((_, call) => {
      const start = call * shape.tokens * vocab;
      return rowsOf(logits.slice(start, start + count * vocab), vocab);
    });
  }

  /** Writes the rows of one layer, [loops, S, 2 H or 3 H, T, w], to the sequences' caches. */
  #store(layer: number, rows: Tensor<FloatData>, shape: LoopsShape, calls: readonly LoopCall[]): void {
    const { width, attention } = this.model.spec;
    const { sequences, tokens, loops } = shape;
    const size = ((rows.shape.at(-3) as number) * tokens * width) / attention.heads;
    for (const [index, { sequence, loop, position, states }] of calls.entries()) {
      const count = states.length / width;
      for (let step = 0; step < loops; step++) {
        const end = (step * sequences + index + 1) * size;
        for (const [from, kind] of cacheKinds.entries()) {
          const offset = end - (cacheKinds.length - from) * tokens * width;
          const part = { data: rows.data, offset, tokens, count };
          sequence.cache.write(kind, layer, loop + step, position, part);
        }
      }
    }
  }

  async #logits(states: readonly FloatData[]): Promise<FloatData[]> {
    const { spec } = this.model;
    const rows = roundUp(states.length, 2);
    const { program } = await this.#others.get(`head ${rows}`, async () => ({
      program: await this.#compile(readOutGraph(spec, rows), { fused: true, pinned: "others" }),
    }));
    const x = this.zeros(rows * spec.width);
    for (const [row, state] of states.entries()) x.set(state, row * spec.width);
    const inputs = new Map([["x", { data: x, shape: [rows, spec.width] }]]);
    const { data } = (await program.run(inputs)).get("logits") as Tensor<FloatData>;
    return states.map((_, row) => data.slice(row * spec.vocab, (row + 1) * spec.vocab));
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

  async #prepare(shape: LoopsShape): Promise<PreparedCall> {
    const { spec } = this.model;
    const graph = loopGraph(spec, shape);
    const head = shape.reads ? { epilogue: readOutGraph(spec, shape.sequences * shape.tokens) } : {};
    const repeat = { times: shape.loops, carried: ["x"], shared: ["mask"], ...head };
    const program = await this.#compile(graph, {
      fused: true,
      pinned: shape.reads ? "alone" : "others",
      ...(shape.loops > 1 || shape.reads ? { repeat } : {}),
    });
    const inputs = new Map<string, Tensor>();
    const buffer = (name: string, copies = 1): FloatData | undefined => {
      const input = graph.inputs.find(({ attrs }) => attrs.name === name);
      if (!input) return undefined;
      const data = this.zeros(copies * sizeOf(input.shape));
      inputs.set(name, { data, shape: [copies, ...input.shape] });
      return data;
    };
    const [states, mask] = [buffer("x") as FloatData, buffer("mask") as FloatData];
    return { program, inputs, states, mask, modulation: buffer("modulation", shape.loops) };
  }

  /** Writes a call's inputs; sequences and tokens that only fill the shape up see nothing but themselves. */
  #fill(prepared: PreparedCall, shape: LoopsShape, calls: readonly LoopCall[], count: number): void {
    const { spec } = this.model;
    const { sequences, tokens, cached, loops } = shape;
    const size = loops * cached * spec.width;
    const isFull = calls.length === sequences;
    if (!isFull && this.#empty.length < size) this.#empty = this.zeros(size);
    const empty = this.#empty.subarray(0, size);
    const { heads } = spec.attention;
    const cacheShape = [loops, 1, heads, cached, spec.width / heads];
    for (let index = 0; index < sequences; index++) {
      const call = calls[index];
      if (call) prepared.states.set(call.states, index * tokens * spec.width);
      fillMask(prepared.mask, shape, index, call?.position ?? 0, call ? count : 1);
      if (call && prepared.modulation) fillModulation(prepared.modulation, shape, index, call.modulations);
      if (cached === 0) continue;
      for (const kind of cacheKinds) {
        for (let layer = 0; layer < spec.layers.core; layer++)
          prepared.inputs.set(cacheName(kind, layer, index), {
            data: call ? call.sequence.cache.rows(kind, layer, call.loop, loops) : empty,
            shape: cacheShape,
          });
      }
    }
  }
}
