import type { Spec } from "../../src/models/spec.ts";
import type { Tensor } from "../../src/util/tensor.ts";

// One prompt at a time, one number at a time, in float64: what the in-context models compute, spelled out.

type Rows = number[][];
type Lookup = (name: string) => readonly number[];

const addRows = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((x, d) => x + b[t]![d]!));

function linear(rows: Rows, get: Lookup, name: string, hasBias: boolean): Rows {
  const weight = get(`${name}.weight`);
  const bias = hasBias ? get(`${name}.bias`) : undefined;
  const inner = rows[0]!.length;
  return rows.map((row) =>
    Array.from({ length: weight.length / inner }, (_, out) =>
      row.reduce((sum, x, d) => sum + x * weight[out * inner + d]!, bias?.[out] ?? 0),
    ),
  );
}

function layerNorm(rows: Rows, get: Lookup, name: string, hasBias: boolean): Rows {
  return rows.map((row) => {
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
    return row.map((x, d) => {
      const normed = ((x - mean) / Math.sqrt(variance + 1e-5)) * get(`${name}.weight`)[d]!;
      return normed + (hasBias ? get(`${name}.bias`)[d]! : 0);
    });
  });
}

function attention(rows: Rows, get: Lookup, name: string, spec: Spec): Rows {
  const { width } = spec;
  const { heads, bias } = spec.attention;
  const all = linear(rows, get, `${name}.qkv`, bias);
  const size = width / heads;
  const mixed = rows.map(() => new Array<number>(width).fill(0));
  for (let head = 0; head < heads; head++) {
    for (const [t, row] of all.entries()) {
      const scores = all.slice(0, t + 1).map((key) => {
        let dot = 0;
        for (let d = 0; d < size; d++) dot += row[head * size + d]! * key[width + head * size + d]!;
        return Math.exp(dot / Math.sqrt(size));
      });
      const total = scores.reduce((sum, score) => sum + score, 0);
      for (const [s, score] of scores.entries())
        for (let d = 0; d < size; d++)
          mixed[t]![head * size + d]! += (score / total) * all[s]![2 * width + head * size + d]!;
    }
  }
  return linear(mixed, get, `${name}.output`, bias);
}

const geluTanh = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function block(rows: Rows, get: Lookup, name: string, spec: Spec): Rows {
  const between = addRows(
    rows,
    attention(layerNorm(rows, get, `${name}.attention.norm`, spec.norm.bias), get, `${name}.attention`, spec),
  );
  const hidden = linear(
    layerNorm(between, get, `${name}.mlp.norm`, spec.norm.bias),
    get,
    `${name}.mlp.up`,
    spec.mlp.bias,
  );
  const activated = hidden.map((row) => row.map(geluTanh));
  return addRows(between, linear(activated, get, `${name}.mlp.down`, spec.mlp.bias));
}

/** A stage with the positions and the norm around it; `each` is added before every layer. */
function stage(
  rows: Rows,
  get: Lookup,
  root: string,
  spec: Spec,
  layers: number,
  options: StageOptions,
): Rows {
  const table = options.positions ? get(`${root}.positions.weight`) : undefined;
  let x = table ? rows.map((row, t) => row.map((value, d) => value + table[t * spec.width + d]!)) : rows;
  for (let layer = 0; layer < layers; layer++)
    x = block(options.each ? addRows(x, options.each) : x, get, `${root}.${layer}`, spec);
  return layerNorm(x, get, `${root}.norm`, spec.norm.bias);
}
interface StageOptions {
  readonly positions: boolean;
  readonly each?: Rows;
}

/** Predictions of one prompt [T][inputs] after each loop: [loops][T][outputs]. */
export function predictions(
  spec: Spec,
  weights: ReadonlyMap<string, Tensor>,
  prompt: Rows,
  loops: number,
): number[][][] {
  const get: Lookup = (name) => [...weights.get(name)!.data];
  const read = linear(prompt, get, "embed.vectors", true);
  const embedding =
    spec.layers.prelude > 0
      ? stage(read, get, "prelude", spec, spec.layers.prelude, { positions: true })
      : read;
  const first = {
    embedding,
    zeros: read.map((row) => row.map(() => 0)),
    ones: read.map((row) => row.map(() => 1)),
  };
  let state: Rows = first[spec.start];
  return Array.from({ length: loops }, () => {
    const entered = {
      none: () => state,
      everyLayer: () => state,
      add: () => addRows(state, embedding),
      multiply: () => state.map((row, t) => row.map((x, d) => x * embedding[t]![d]!)),
    }[spec.inject]();
    const each = spec.inject === "everyLayer" ? { each: embedding } : {};
    state = stage(entered, get, "core", spec, spec.layers.core, {
      positions: true,
      ...each,
    });
    const last =
      spec.layers.coda > 0 ? stage(state, get, "coda", spec, spec.layers.coda, { positions: false }) : state;
    return linear(last, get, "readout", true);
  });
}
