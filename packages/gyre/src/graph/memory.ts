import { type Graph, isOp, type OpName, type Value } from "./types.ts";

/** What a graph takes while it runs, in bytes of 32-bit values. */
export interface GraphMemory {
  /** The most values held at one time, results included and inputs left out. */
  readonly valueBytes: number;
  /** Constants that fused operations bring with them: the masks of attention. */
  readonly constantBytes: number;
}

/** Something held from one place in the graph's order to another. */
interface Span {
  readonly bytes: number;
  readonly from: number;
  to: number;
}

/** Operations whose result is their operand under another shape, or is spread where it is read. */
const views: ReadonlySet<OpName> = new Set(["reshape", "broadcastTo", "stopGradient", "after"]);

/**
 * The memory of a graph that runs in its own order and lets each value go after its last reader. Fused operations count
 * with the parts that `expand` shares between a result and its gradients, so that a graph need not be expanded, which
 * takes the longer the more tiles there are.
 */
export function memoryOf(graph: Graph): GraphMemory {
  const masks = new Map<string, number>();
  for (const value of graph.values)
    if (isOp(value, "causalAttention")) masks.set(`${tokensOf(value)} ${value.attrs.tile}`, maskBytes(value));
  const change = new Float64Array(graph.values.length + 1);
  for (const { bytes, from, to } of [...valueSpans(graph), ...fusedSpans(graph)]) {
    change[from] = (change[from] as number) + bytes;
    change[to + 1] = (change[to + 1] as number) - bytes;
  }
  let held = 0;
  let valueBytes = 0;
  for (const bytes of change) {
    held += bytes;
    valueBytes = Math.max(valueBytes, held);
  }
  return { valueBytes, constantBytes: [...masks.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

/** The values themselves; results are held to the end. */
function valueSpans(graph: Graph): Iterable<Span> {
  const spans = new Map<Value, Span>();
  for (const [index, value] of graph.values.entries()) {
    for (const input of value.inputs) extend(spans, held(input), index);
    if (held(value) === value && value.op !== "input" && value.op !== "constant")
      spans.set(value, { bytes: bytesOf(value.shape), from: index, to: index });
  }
  for (const output of graph.outputs.values()) extend(spans, held(output), graph.values.length - 1);
  return spans.values();
}

/** What holds the numbers of a value. */
const held = (value: Value): Value => (views.has(value.op) ? held(value.inputs[0] as Value) : value);

/** What expansions hold between their operations: weights of attention with their gradients, and logits. */
function fusedSpans(graph: Graph): Iterable<Span> {
  const spans = new Map<string, Span>();
  const hold = (key: string, bytes: number, index: number) => {
    if (!spans.has(key)) spans.set(key, { bytes, from: index, to: index });
    extend(spans, key, index);
  };
  for (const [index, value] of graph.values.entries()) {
    const [first, second] = value.inputs.map(({ id }) => id);
    if (isOp(value, "causalAttention") || isOp(value, "causalAttentionGrad")) {
      const weights = weightBytes(value);
      const tiles = Math.ceil(tokensOf(value) / value.attrs.tile);
      hold(`weights ${first} ${second}`, weights, index);
      hold(`two tiles ${index}`, (2 * weights) / tiles, index);
    }
    if (isOp(value, "causalAttentionGrad")) {
      const dy = value.inputs[4]?.id;
      if (value.attrs.of !== "v") hold(`dWeights ${first} ${second} ${dy}`, weightBytes(value), index);
      hold(`padded parts ${index}`, 3 * bytesOf(value.shape), index);
    }
    if (isOp(value, "linearCrossEntropy") || isOp(value, "linearCrossEntropyGrad")) {
      const [rows = 0, entries = 0] = value.inputs.map(({ shape }) => shape[0]);
      hold(`logits ${first} ${second}`, bytesOf([rows, entries]), index);
      hold(`two blocks ${index}`, 2 * bytesOf([Math.min(rows, value.attrs.rows), entries]), index);
    }
  }
  return spans.values();
}

function extend<Key>(spans: ReadonlyMap<Key, Span>, key: Key, to: number): void {
  const span = spans.get(key);
  if (span) span.to = to;
}

const bytesOf = (shape: readonly number[]): number => 4 * shape.reduce((product, size) => product * size, 1);

type Attention = Value<"causalAttention"> | Value<"causalAttentionGrad">;
const tokensOf = ({ inputs }: Attention): number => inputs[0]?.shape[2] ?? 0;

/** A tile of rows reads the keys up to its own last row: a little more than half of all. */
const tiledBytes = ({ attrs: { tile } }: Attention, tokens: number): number =>
  bytesOf([tokens, (tokens + Math.min(tile, tokens)) / 2]);
const maskBytes = (value: Attention): number => tiledBytes(value, tokensOf(value));

function weightBytes(value: Attention): number {
  const [batch = 0, heads = 0, tokens = 0] = value.inputs[0]?.shape ?? [];
  return batch * heads * tiledBytes(value, tokens);
}
