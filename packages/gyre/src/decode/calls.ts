import { portsOf, type Repeat } from "../graph/repeat.ts";
import type { Graph } from "../graph/types.ts";
import {
  type CacheKind,
  type CallShape,
  cacheKinds,
  cacheName,
  epilogueGraph,
  type Layer,
  layersOf,
  loopGraph,
  prologueGraph,
  rowsName,
  sharedNames,
} from "../models/decoding.ts";
import type { StageName } from "../models/parameters.ts";
import { headWidth, type Spec } from "../models/spec.ts";
import {
  type FloatData,
  type Precision,
  sizeOf,
  type Tensor,
  type TensorData,
  zeros,
} from "../util/tensor.ts";
import type { Passage } from "./passage.ts";

// One call of a runtime: which stages of the model it runs, what it reads and what it leaves behind. Shapes: S sequences,
// T tokens of each, P cached positions, K heads of keys and values, w their width, d width, k core layers.

/** Where a call ends: after its loops, after the coda with what the head reads, or after the head. */
export type End = "loops" | "hidden" | "logits";

export interface CallPlan extends CallShape {
  /** Whether the tokens enter in it, through embedding and prelude. */
  readonly enters: boolean;
  readonly loops: number;
  readonly end: End;
  /** Whether no loop is left for any passage: a head that follows is the last to read their states. */
  readonly isLast: boolean;
}

/** What a runtime compiles for a plan. */
export interface PlanGraphs {
  readonly graph: Graph;
  readonly repeat?: Repeat;
}

/** The stages of a plan, one after the other. Throws MODEL_VECTORS. */
export function graphsOf(spec: Spec, plan: CallPlan): PlanGraphs {
  const prologue = plan.enters ? { prologue: prologueGraph(spec, plan) } : undefined;
  const epilogue =
    plan.end === "loops"
      ? undefined
      : { epilogue: epilogueGraph(spec, plan, { reads: plan.end === "logits" }) };
  if (plan.loops === 0) return { graph: (prologue?.prologue ?? epilogue?.epilogue) as Graph };
  const graph = loopGraph(spec, plan);
  if (plan.loops === 1 && !prologue && !epilogue) return { graph };
  const shared = sharedNames.filter((shared) => graph.inputs.some(({ attrs: { name } }) => name === shared));
  const within = statesLeave(plan) ? [] : ["x"];
  return { graph, repeat: { times: plan.loops, carried: ["x"], within, shared, ...prologue, ...epilogue } };
}

/** Whether a call gives the states: the head reads those of the last loop, and then nobody does. */
export const statesLeave = ({ end, isLast }: CallPlan): boolean => !(end === "logits" && isLast);

/** The stages that a plan runs, each as often as it does. */
function timesOf({ enters, loops, end }: CallPlan): Readonly<Record<StageName, number>> {
  return { prelude: enters ? 1 : 0, core: loops, coda: end === "loops" ? 0 : 1 };
}

/** Blocks that a plan applies to each token. */
export function blocksOf({ layers }: Spec, plan: CallPlan): number {
  const times = timesOf(plan);
  return layers.prelude * times.prelude + layers.core * times.core + layers.coda * times.coda;
}

/** A layer whose caches a call reads. */
interface CachedLayer {
  readonly layer: Layer;
  /** Loops of it in one call. */
  readonly times: number;
  /** Of one sequence's keys or values. */
  readonly shape: readonly number[];
  readonly size: number;
  /** Names of the inputs, sequence by sequence. */
  readonly names: readonly Readonly<Record<CacheKind, string>>[];
}

/** Buffers of one plan's inputs, that every call of it fills anew. */
export class CallBuffers {
  readonly inputs = new Map<string, Tensor>();
  readonly #spec: Spec;
  readonly #plan: CallPlan;
  readonly #precision: Precision;
  readonly #layers: readonly CachedLayer[];
  readonly #ids: Int32Array | undefined;
  readonly #places: Int32Array | undefined;
  readonly #x: FloatData | undefined;
  readonly #embedding: FloatData | undefined;
  readonly #mask: FloatData | undefined;
  readonly #told: FloatData | undefined;
  /** Zeros for the caches of sequences that only fill the call up. */
  #empty: FloatData;

  constructor(spec: Spec, plan: CallPlan, { graph, repeat }: PlanGraphs, precision: Precision) {
    this.#spec = spec;
    this.#plan = plan;
    this.#precision = precision;
    this.#layers = cachedLayers(spec, plan);
    this.#empty = zeros(precision, 0);
    const ports = new Map(portsOf(graph, repeat).inputs.map((port) => [port.name, port]));
    const buffer = <Data extends TensorData>(name: string, make: (size: number) => Data) => {
      const port = ports.get(name);
      if (!port) return undefined;
      const data = make(sizeOf(port.shape));
      this.inputs.set(name, { data, shape: port.shape });
      return data;
    };
    const ints = (size: number) => new Int32Array(size);
    const floats = (size: number) => zeros(precision, size);
    this.#ids = buffer("tokens", ints);
    this.#places = buffer("positions", ints);
    this.#x = buffer("x", floats);
    this.#embedding = buffer("embedding", floats);
    this.#mask = buffer("mask", floats);
    this.#told = buffer("modulation", floats);
  }

  /** Writes what passages bring; sequences and tokens that only fill the call up see nothing but themselves. */
  fill(passages: readonly Passage[]): void {
    const { sequences, tokens } = this.#plan;
    const { width } = this.#spec;
    for (let index = 0; index < sequences; index++) {
      const passage = passages[index];
      const count = passage?.tokens.length ?? 1;
      const position = passage?.position ?? 0;
      const start = index * tokens;
      if (this.#ids) fillRow(this.#ids, start, tokens, passage?.tokens ?? []);
      if (this.#places) fillPlaces(this.#places, start, tokens, position, count);
      if (this.#mask) fillMask(this.#mask, this.#plan, index, position, count);
      if (passage) {
        this.#x?.set(passage.states as FloatData, start * width);
        this.#embedding?.set(passage.embedding as FloatData, start * width);
        if (this.#told) fillModulation(this.#told, this.#plan, index, passage);
      }
      if (this.#plan.cached > 0) this.#giveCaches(passage, index);
    }
  }

  #giveCaches(passage: Passage | undefined, index: number): void {
    for (const { layer, times, shape, size, names } of this.#layers) {
      if (!passage && this.#empty.length < size) this.#empty = zeros(this.#precision, size);
      const loop = layer.stage === "core" ? (passage?.loops ?? 0) : 0;
      for (const kind of cacheKinds) {
        const data = passage?.sequence.cache.rows(kind, layer, loop, times) ?? this.#empty.subarray(0, size);
        this.inputs.set((names[index] as Record<CacheKind, string>)[kind], { data, shape });
      }
    }
  }

  /** Writes the new rows of every layer, [loops, S, n, T, w] with keys and values last, to the passages' caches. */
  store(passages: readonly Passage[], outputs: ReadonlyMap<string, Tensor>): void {
    const { sequences, tokens } = this.#plan;
    const width = headWidth(this.#spec);
    const part = this.#spec.attention.keyValueHeads * tokens * width;
    for (const { layer, times } of this.#layers) {
      const { data, shape } = outputs.get(rowsName(layer)) as Tensor<FloatData>;
      const size = (shape.at(-3) as number) * tokens * width;
      for (const [index, { sequence, loops, position, tokens: own }] of passages.entries()) {
        for (let step = 0; step < times; step++) {
          const end = (step * sequences + index + 1) * size;
          const loop = layer.stage === "core" ? loops + step : 0;
          for (const [from, kind] of cacheKinds.entries()) {
            const offset = end - (cacheKinds.length - from) * part;
            sequence.cache.write(kind, layer, loop, position, { data, offset, tokens, count: own.length });
          }
        }
      }
    }
  }
}

/** Layers whose caches a plan reads and writes. */
function cachedLayers(spec: Spec, plan: CallPlan): CachedLayer[] {
  const { keyValueHeads } = spec.attention;
  const runs = timesOf(plan);
  return layersOf(spec).flatMap((layer) => {
    const times = runs[layer.stage];
    if (times === 0) return [];
    const shape = [times, 1, keyValueHeads, plan.cached, headWidth(spec)];
    const names = Array.from({ length: plan.sequences }, (_, sequence) => ({
      keys: cacheName("keys", layer, sequence),
      values: cacheName("values", layer, sequence),
    }));
    return [{ layer, times, shape, size: sizeOf(shape), names }];
  });
}

function fillRow(into: Int32Array, start: number, length: number, values: ArrayLike<number>): void {
  for (let index = 0; index < length; index++) into[start + index] = values[index] ?? 0;
}

/** Positions of the real tokens; what fills up stands where the last one does, which is within the context. */
function fillPlaces(into: Int32Array, start: number, length: number, position: number, count: number): void {
  for (let index = 0; index < length; index++) into[start + index] = position + Math.min(index, count - 1);
}

/** What one sequence's loops are told, [loops, S T or 1, 4 k d]. */
function fillModulation(
  into: FloatData,
  { sequences, tokens, loops }: CallPlan,
  sequence: number,
  passage: Passage,
): void {
  const rows = sequences === 1 ? 1 : tokens;
  for (let loop = 0; loop < loops; loop++) {
    const modulation = passage.route.modulations[passage.loops + loop] as FloatData;
    for (let row = 0; row < rows; row++)
      into.set(modulation, ((loop * sequences + sequence) * rows + row) * modulation.length);
  }
}

/** Added to the scores of positions that a token may not see; exp of it is exactly zero. */
export const MASKED = -1e9;

/** Cached positions before `position`, then the new tokens up to each one's own. */
function fillMask(
  mask: FloatData,
  { tokens, cached }: CallShape,
  sequence: number,
  position: number,
  count: number,
): void {
  const rowLength = cached + tokens;
  for (let row = 0; row < tokens; row++) {
    const start = (sequence * tokens + row) * rowLength;
    mask.fill(MASKED, start, start + rowLength);
    mask.fill(0, start, start + Math.min(position, cached));
    mask.fill(0, start + cached, start + cached + Math.min(row, count - 1) + 1);
  }
}

/** Sizes of a call in coarse steps, so that few programs serve all. */
export function shapeOf(spec: Spec, passages: readonly Passage[]): CallShape & { readonly capacity: number } {
  const { context } = spec;
  const count = passages[0]?.tokens.length ?? 0;
  const capacity = Math.max(
    ...passages.map(({ sequence }) => sequence.cache.capacity),
    ...passages.map(({ position }) => capacityFor(position + count, context)),
  );
  return {
    sequences: roundUp(passages.length, 2),
    tokens: count <= 16 ? roundUp(count, 2) : Math.min(context, roundUp(count, 4)),
    cached: passages.every(({ position }) => position === 0) ? 0 : capacity,
    capacity,
  };
}

/** The smallest power of `base` that is at least `size`. */
export function roundUp(size: number, base: 2 | 4): number {
  let power = 1;
  while (power < size) power *= base;
  return power;
}

/** Positions that a cache is made for, in eighths of the context: all of it is read in every call. */
function capacityFor(positions: number, context: number): number {
  const step = Math.ceil(context / 8);
  return Math.min(context, Math.ceil(positions / step) * step);
}
