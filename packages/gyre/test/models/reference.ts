import type { Spec } from "../../src/models/spec.ts";
import type { Tensor } from "../../src/util/tensor.ts";

// One text at a time, one number at a time, in float64: what a model without conditioning computes, spelled out.

export type Rows = number[][];
type Lookup = (name: string) => ArrayLike<number>;
type Weights = ReadonlyMap<string, Tensor>;

const lookup =
  (weights: Weights): Lookup =>
  (name) =>
    weights.get(name)!.data;
const addRows = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((x, d) => x + b[t]![d]!));
const mean = (row: readonly number[]) => row.reduce((sum, x) => sum + x, 0) / row.length;

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

function norm(rows: Rows, get: Lookup, name: string, { norm: of }: Spec, hasGain = of.gain): Rows {
  return rows.map((row) => {
    const middle = of.kind === "layer" ? mean(row) : 0;
    const scale = 1 / Math.sqrt(mean(row.map((x) => (x - middle) ** 2)) + of.epsilon);
    return row.map((x, d) => {
      const normed = (x - middle) * scale * (hasGain ? get(`${name}.weight`)[d]! : 1);
      return normed + (of.bias ? get(`${name}.bias`)[d]! : 0);
    });
  });
}

/** One head's vector at a position, turned: (x, y) as the complex number x + iy times e^(i angle). */
function turn(head: readonly number[], position: number, { positions }: Spec): number[] {
  if (positions.kind !== "rotary") return [...head];
  const half = head.length / 2;
  const result = [...head];
  for (let pair = 0; pair < half; pair++) {
    const angle = position / positions.base ** ((2 * pair) / head.length);
    const [x, y] = [head[pair]!, head[pair + half]!];
    result[pair] = x * Math.cos(angle) - y * Math.sin(angle);
    result[pair + half] = x * Math.sin(angle) + y * Math.cos(angle);
  }
  return result;
}

function attention(rows: Rows, get: Lookup, name: string, spec: Spec): Rows {
  const { heads, keyValueHeads, bias } = spec.attention;
  const size = spec.width / heads;
  const all = linear(rows, get, `${name}.qkv`, bias);
  const headOf = (row: readonly number[], index: number) => row.slice(index * size, (index + 1) * size);
  const mixed = all.map((row, t) =>
    Array.from({ length: heads }, (_, head) => {
      const shared = heads + Math.floor((head * keyValueHeads) / heads);
      const query = turn(headOf(row, head), t, spec);
      const scores = all.slice(0, t + 1).map((other, s) => {
        const key = turn(headOf(other, shared), s, spec);
        return Math.exp(query.reduce((sum, x, d) => sum + x * key[d]!, 0) / Math.sqrt(size));
      });
      const total = scores.reduce((sum, score) => sum + score, 0);
      return Array.from({ length: size }, (_, d) =>
        scores.reduce(
          (sum, score, s) => sum + (score / total) * headOf(all[s]!, shared + keyValueHeads)[d]!,
          0,
        ),
      );
    }).flat(),
  );
  return linear(mixed, get, `${name}.output`, bias);
}

/** By the series e^(-x^2) sum of 2^n x^(2n + 1) / (1 3 5 ... (2n + 1)), all of one sign (DLMF 7.6.2). */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 300; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const activations: Readonly<Record<Spec["mlp"]["activation"], (x: number) => number>> = {
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  geluTanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x) => Math.max(0, x),
  silu: (x) => x / (1 + Math.exp(-x)),
};

function mlp(rows: Rows, get: Lookup, name: string, { mlp: of }: Spec): Rows {
  const act = activations[of.activation];
  const up = linear(rows, get, `${name}.up`, of.bias);
  const gate = of.gated ? linear(rows, get, `${name}.gate`, of.bias) : undefined;
  const hidden = up.map((row, t) => row.map((x, d) => (gate ? act(gate[t]![d]!) * x : act(x))));
  return linear(hidden, get, `${name}.down`, of.bias);
}

function block(rows: Rows, get: Lookup, name: string, spec: Spec): Rows {
  const part = (x: Rows, part: string, f: typeof attention): Rows => {
    const before = (value: Rows) => norm(value, get, `${name}.${part}.norm`, spec);
    const after = (value: Rows) => norm(value, get, `${name}.${part}.outputNorm`, spec);
    const made = (value: Rows) => f(value, get, `${name}.${part}`, spec);
    switch (spec.norm.placement) {
      case "pre":
        return addRows(x, made(before(x)));
      case "post":
        return addRows(x, after(made(x)));
      case "branch":
        return addRows(x, after(made(before(x))));
      default:
        return after(addRows(x, made(before(x))));
    }
  };
  return part(part(rows, "attention", attention), "mlp", mlp);
}

const positioned = (rows: Rows, get: Lookup, name: string): Rows => {
  const table = get(`${name}.positions.weight`);
  return rows.map((row, t) => row.map((x, d) => x + table[t * row.length + d]!));
};

/** States to read out of what is read in, after each loop: [loops][T][d]. */
function states(spec: Spec, get: Lookup, read: Rows, loops: number): Rows[] {
  const isFramed = spec.frame === "loop";
  const isLearned = spec.positions.kind === "learned";
  const stage = (rows: Rows, name: "prelude" | "core" | "coda", each?: Rows): Rows => {
    const count = spec.layers[name];
    if (count === 0) return rows;
    let x = isFramed && isLearned && name !== "coda" ? positioned(rows, get, name) : rows;
    for (let layer = 0; layer < count; layer++)
      x = block(each ? addRows(x, each) : x, get, `${name}.${layer}`, spec);
    return isFramed ? norm(x, get, `${name}.norm`, spec, true) : x;
  };
  const embedding = stage(isLearned && !isFramed ? positioned(read, get, "embed") : read, "prelude");
  const filled = (value: number) => read.map((row) => row.map(() => value));
  let state = { embedding, zeros: filled(0), ones: filled(1) }[spec.start];
  return Array.from({ length: loops }, () => {
    const entered = {
      none: () => state,
      everyLayer: () => state,
      add: () => addRows(state, embedding),
      multiply: () => state.map((row, t) => row.map((x, d) => x * embedding[t]![d]!)),
    }[spec.inject]();
    state = stage(entered, "core", spec.inject === "everyLayer" ? embedding : undefined);
    const last = stage(state, "coda");
    return isFramed ? last : norm(last, get, "readout.norm", spec, true);
  });
}

/** Predictions of one prompt [T][inputs] after each loop: [loops][T][outputs]. */
export function predictions(spec: Spec, weights: Weights, prompt: Rows, loops: number): Rows[] {
  const get = lookup(weights);
  const read = linear(prompt, get, "embed.vectors", true);
  return states(spec, get, read, loops).map((last) => linear(last, get, "readout", true));
}

/** Logits of one text after each loop: [loops][T][vocab]. */
export function logits(spec: Spec, weights: Weights, text: readonly number[], loops: number): Rows[] {
  const get = lookup(weights);
  const table = get("embed.tokens.weight");
  const read = text.map((token) =>
    Array.from({ length: spec.width }, (_, d) => table[token * spec.width + d]!),
  );
  const isTied = spec.readout.kind === "tokens" && spec.readout.tied;
  const head = isTied ? "embed.tokens" : "readout";
  return states(spec, get, read, loops).map((last) => linear(last, get, head, false));
}
