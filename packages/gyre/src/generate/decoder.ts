import {
  type CallShape,
  cacheKinds,
  cacheName,
  loopGraph,
  modulationGraph,
  readOutGraph,
  rowsName,
} from "../models/decoding.ts";
import { contextExceeded } from "../models/errors.ts";
import { isConditioned } from "../models/parameters.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import { type FloatData, sizeOf, type Tensor, zeros } from "../util/tensor.ts";
import { KeyValueCache } from "./cache.ts";

// Shapes: T tokens, d width, k layers.

/** A spec with weights on a runtime. */
export interface Model {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly runtime: Runtime;
}

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

/** New tokens of one sequence in one loop. */
export interface LoopCall {
  readonly sequence: Sequence;
  /** Index of the loop, whose cache is read and written. */
  readonly loop: number;
  readonly modulation: FloatData | undefined;
  /** Position of the first new token. */
  readonly position: number;
  /** States of the new tokens [T, d], overwritten with the next ones. */
  readonly states: FloatData;
}

/** Added to the scores of positions that a token may not see; exp of it is exactly zero. */
const MASKED = -1e9;

/** The longest stretch of a prompt that is computed at a time. */
const LONGEST_CALL = 256;

/** Programs that are kept; each holds the core's weights in the runtime's own layout. */
const KEPT_CALLS = 24;

/** A call's program with the buffers that it reads. */
interface PreparedCall {
  readonly program: Program;
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
  readonly #calls = new Map<string, Promise<PreparedCall>>();
  readonly #heads = new Map<number, Promise<Program>>();
  readonly #told = new Map<string, FloatData>();
  /** Zeros for the cache of a sequence that only fills a call up, by capacity. */
  readonly #empty = new Map<number, FloatData>();
  #conditioner: Promise<Program> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(model: Model) {
    this.model = model;
  }

  /** The route of a budget. Throws LOOPS or TRAJECTORY. */
  async route(budget: Budget): Promise<Route> {
    const { loops, t, dt } = conditions(this.model.spec, budget);
    const modulations: (FloatData | undefined)[] = [];
    for (let loop = 0; loop < loops; loop++)
      modulations.push(await this.#modulation(t[loop] as number, dt[loop] as number));
    return { loops, modulations };
  }

  /** A sequence without tokens. */
  start(): Sequence {
    return { cache: new KeyValueCache(this.model.spec, this.model.runtime.precision), length: 0 };
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
    const table = (name: string) => weights.get(`transformer.${name}.weight`)?.data as FloatData;
    const [words, places] = [table("wte"), table("wpe")];
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
      for (const [loop, modulation] of route.modulations.entries())
        await this.loop([{ sequence, loop, modulation, position, states }]);
      sequence.length += states.length / width;
    }
    return all;
  }

  /** Runs one loop for every call; all have the same number of new tokens. */
  loop(calls: readonly LoopCall[]): Promise<void> {
    return this.#inTurn(() => this.#loop(calls));
  }

  /** Logits [vocab] of each state [d]. */
  logits(states: readonly FloatData[]): Promise<FloatData[]> {
    return this.#inTurn(() => this.#logits(states));
  }

  /** Lets go of the compiled programs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    const calls = await Promise.all(this.#calls.values());
    const programs = await Promise.all([...this.#heads.values(), this.#conditioner]);
    for (const program of [...calls.map((call) => call.program), ...programs])
      await program?.[Symbol.asyncDispose]();
  }

  async #loop(calls: readonly LoopCall[]): Promise<void> {
    const { spec } = this.model;
    const { width, layers } = spec;
    const count = (calls[0] as LoopCall).states.length / width;
    const capacity = Math.max(
      ...calls.map(({ sequence }) => sequence.cache.capacity),
      ...calls.map(({ position }) => capacityFor(position + count, spec.context)),
    );
    for (const { sequence } of calls) sequence.cache.grow(capacity);
    const shape: CallShape = {
      sequences: roundUp(calls.length, 2),
      tokens: count <= 16 ? roundUp(count, 2) : Math.min(spec.context, roundUp(count, 4)),
      cached: calls.every(({ position }) => position === 0) ? 0 : capacity,
    };
    const prepared = await this.#prepared(shape);
    this.#fill(prepared, shape, calls, count);
    const outputs = await prepared.program.run(prepared.inputs);
    const next = outputs.get("x")?.data as FloatData;
    const { tokens } = shape;
    for (const [index, { states, sequence, loop, position }] of calls.entries()) {
      const start = index * tokens * width;
      states.set(next.subarray(start, start + count * width));
      for (let layer = 0; layer < layers; layer++) {
        const rows = outputs.get(rowsName(layer)) as Tensor<FloatData>;
        const { data } = rows;
        const heads = rows.shape[1] as number;
        const end = (index + 1) * heads * tokens * (width / spec.heads);
        for (const [from, kind] of cacheKinds.entries()) {
          const offset = end - (cacheKinds.length - from) * tokens * width;
          sequence.cache.write(loop, kind, layer, position, { data, offset, tokens, count });
        }
      }
    }
    this.blockPasses += calls.length * count * layers;
    this.calls++;
  }

  async #logits(states: readonly FloatData[]): Promise<FloatData[]> {
    const { spec, weights, runtime } = this.model;
    const rows = roundUp(states.length, 2);
    const program =
      this.#heads.get(rows) ??
      runtime.compile(readOutGraph(spec, rows), { bound: weights, buffers: 1, fused: true, pinned: true });
    this.#heads.set(rows, program);
    const x = this.zeros(rows * spec.width);
    for (const [row, state] of states.entries()) x.set(state, row * spec.width);
    const inputs = new Map([["x", { data: x, shape: [rows, spec.width] }]]);
    const { data } = (await (await program).run(inputs)).get("logits") as Tensor<FloatData>;
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
    const { spec, weights, runtime } = this.model;
    if (!isConditioned(spec)) return undefined;
    const key = `${t} ${dt}`;
    const known = this.#told.get(key);
    if (known) return known;
    this.#conditioner ??= runtime.compile(modulationGraph(spec, 1), {
      bound: weights,
      buffers: 1,
      pinned: true,
    });
    const inputs = new Map([
      ["t", { data: zeros(runtime.precision, 1).fill(t), shape: [1] }],
      ["dt", { data: zeros(runtime.precision, 1).fill(dt), shape: [1] }],
    ]);
    const outputs = await (await this.#conditioner).run(inputs);
    const told = (outputs.get("modulation") as Tensor<FloatData>).data.slice();
    this.#told.set(key, told);
    return told;
  }

  /** The program of a shape; the one that was used least recently is let go when there are many. */
  async #prepared(shape: CallShape): Promise<PreparedCall> {
    const key = JSON.stringify(shape);
    const known = this.#calls.get(key) ?? this.#prepare(shape);
    this.#calls.delete(key);
    this.#calls.set(key, known);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > KEPT_CALLS && oldest !== undefined) {
      const { program } = (await this.#calls.get(oldest)) as PreparedCall;
      this.#calls.delete(oldest);
      await program[Symbol.asyncDispose]();
    }
    return known;
  }

  async #prepare(shape: CallShape): Promise<PreparedCall> {
    const { spec, weights, runtime } = this.model;
    const graph = loopGraph(spec, shape);
    const program = await runtime.compile(graph, { bound: weights, buffers: 1, fused: true, pinned: true });
    const inputs = new Map<string, Tensor>();
    const buffer = (name: string): FloatData | undefined => {
      const input = graph.inputs.find(({ attrs }) => attrs.name === name);
      if (!input) return undefined;
      const data = this.zeros(sizeOf(input.shape));
      inputs.set(name, { data, shape: input.shape });
      return data;
    };
    const [states, mask] = [buffer("x") as FloatData, buffer("mask") as FloatData];
    return { program, inputs, states, mask, modulation: buffer("modulation") };
  }

  /** Writes a call's inputs; sequences and tokens that only fill the shape up see nothing but themselves. */
  #fill(prepared: PreparedCall, shape: CallShape, calls: readonly LoopCall[], count: number): void {
    const { spec } = this.model;
    const { sequences, tokens, cached } = shape;
    const empty = this.#empty.get(cached) ?? this.zeros(cached * spec.width);
    this.#empty.set(cached, empty);
    const cacheShape = [1, spec.heads, cached, spec.width / spec.heads];
    for (let index = 0; index < sequences; index++) {
      const call = calls[index];
      if (call) prepared.states.set(call.states, index * tokens * spec.width);
      fillMask(prepared.mask, shape, index, call?.position ?? 0, call ? count : 1);
      if (call?.modulation && prepared.modulation) {
        const rows = sequences === 1 ? 1 : tokens;
        for (let row = 0; row < rows; row++)
          prepared.modulation.set(call.modulation, (index * rows + row) * call.modulation.length);
      }
      if (cached === 0) continue;
      for (const kind of cacheKinds) {
        for (let layer = 0; layer < spec.layers; layer++)
          prepared.inputs.set(cacheName(kind, layer, index), {
            data: call ? call.sequence.cache.rows(call.loop, kind, layer) : empty,
            shape: cacheShape,
          });
      }
    }
  }
}

/** Cached positions before `position`, then the new tokens up to each one's own. */
function fillMask(
  mask: FloatData,
  shape: CallShape,
  sequence: number,
  position: number,
  count: number,
): void {
  const { tokens, cached } = shape;
  const rowLength = cached + tokens;
  for (let row = 0; row < tokens; row++) {
    const start = (sequence * tokens + row) * rowLength;
    mask.fill(MASKED, start, start + rowLength);
    mask.fill(0, start, start + Math.min(position, cached));
    mask.fill(0, start + cached, start + cached + Math.min(row, count - 1) + 1);
  }
}

/** The smallest power of `base` that is at least `size`. */
function roundUp(size: number, base: 2 | 4): number {
  let power = 1;
  while (power < size) power *= base;
  return power;
}

/** Positions that a cache is made for, in eighths of the context: all of it is read in every call. */
function capacityFor(positions: number, context: number): number {
  const step = Math.ceil(context / 8);
  return Math.min(context, Math.ceil(positions / step) * step);
}
