import { type Spec, type Weights, writeOfficial } from "gyre";

// LoopFormer in float64, written down a third time from the paper and the official code: loops over arrays, no graph, no
// runtime, and the weights by the names that the official files have.

type Rows = Float64Array[];

/** x Phi(x), the normal distribution's integral by a series of positive terms (Marsaglia, 2004). */
function gelu(x: number): number {
  if (Math.abs(x) > 9) return Math.max(x, 0);
  let [term, sum] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return x * (0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI));
}

const silu = (x: number) => x / (1 + Math.exp(-x));
const add = (a: Float64Array, b: Float64Array) => a.map((value, at) => value + (b[at] as number));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>, from = 0) => {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[from + at] as number);
  return sum;
};

export class PlainModel {
  readonly #spec: Spec;
  readonly #weights: Weights;

  constructor(spec: Spec, weights: Weights) {
    this.#spec = spec;
    const { model } = writeOfficial({ spec, weights, prefix: "" });
    this.#weights = new Map(
      [...model.tensors].map(([name, { bytes, shape }]) => [
        name,
        { data: new Float32Array(bytes.slice().buffer), shape },
      ]),
    );
  }

  #of(name: string): Float32Array {
    const found = this.#weights.get(name);
    if (!found) throw new Error(`the official files have no ${name}`);
    return found.data;
  }

  #linear(x: Float64Array, name: string, hasBias = false): Float64Array {
    const weight = this.#of(`${name}.weight`);
    const out = new Float64Array(weight.length / x.length);
    for (let row = 0; row < out.length; row++) out[row] = dot(x, weight, row * x.length);
    return hasBias ? add(out, Float64Array.from(this.#of(`${name}.bias`))) : out;
  }

  #normed(x: Float64Array): Float64Array {
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + this.#spec.norm.epsilon);
    return x.map((value) => value * scale);
  }

  /** Sinusoidal features of a scalar, through a network of two layers. */
  #embedded(scalar: number, name: string): Float64Array {
    const half = 128;
    const angles = Array.from({ length: half }, (_, at) => scalar * Math.exp((-Math.log(1e4) * at) / half));
    const features = Float64Array.from([...angles.map(Math.cos), ...angles.map(Math.sin)]);
    return this.#linear(this.#linear(features, `${name}.mlp.0`, true).map(silu), `${name}.mlp.2`, true);
  }

  #attention(rows: Rows, block: string): Rows {
    const { width } = this.#spec;
    const { heads } = this.#spec.attention;
    const size = width / heads;
    const joined = rows.map((row) => this.#linear(row, `${block}.attn.c_attn`));
    const mixed = rows.map((_, at) => {
      const out = new Float64Array(width);
      for (let head = 0; head < heads; head++) {
        const part = (row: number, which: number) => {
          const from = which * width + head * size;
          return (joined[row] as Float64Array).subarray(from, from + size);
        };
        const scores = Array.from(
          { length: at + 1 },
          (_, key) => dot(part(at, 0), part(key, 1)) / Math.sqrt(size),
        );
        const best = Math.max(...scores);
        const shares = scores.map((score) => Math.exp(score - best));
        const total = shares.reduce((sum, share) => sum + share, 0);
        for (const [key, share] of shares.entries())
          for (let dim = 0; dim < size; dim++)
            out[head * size + dim] =
              (out[head * size + dim] as number) + (share / total) * (part(key, 2)[dim] as number);
      }
      return out;
    });
    return mixed.map((row) => this.#linear(row, `${block}.attn.c_proj`));
  }

  #block(rows: Rows, block: string, condition: Float64Array): Rows {
    const { width } = this.#spec;
    const told = this.#linear(condition, `${block}.adaLN_modulation.1`, true);
    const part = (index: number) => told.subarray(index * width, (index + 1) * width);
    const [gateOne, gateTwo, scaleOne, scaleTwo] = [part(0), part(1), part(2), part(3)];
    const input = (row: Float64Array, scale: Float64Array) =>
      this.#normed(row).map((value, at) => value * (1 + (scale[at] as number)));
    const gated = (row: Float64Array, gate: Float64Array) =>
      row.map((value, at) => value * (gate[at] as number));
    const mixed = this.#attention(
      rows.map((row) => input(row, scaleOne)),
      block,
    );
    const between = rows.map((row, at) => add(row, gated(mixed[at] as Float64Array, gateOne)));
    return between.map((row) => {
      const hidden = this.#linear(input(row, scaleTwo), `${block}.mlp.c_fc`).map(gelu);
      return add(row, gated(this.#linear(hidden, `${block}.mlp.c_proj`), gateTwo));
    });
  }

  /** Logits [T][vocab] of a text along a trajectory of step sizes. */
  logits(text: ArrayLike<number>, trajectory: readonly number[]): Rows {
    const { width, layers } = this.#spec;
    const [tokens, positions] = [this.#of("transformer.wte.weight"), this.#of("transformer.wpe.weight")];
    const row = (table: Float32Array, at: number) =>
      Float64Array.from(table.subarray(at * width, (at + 1) * width));
    let rows: Rows = Array.from(text, (token, at) => add(row(tokens, token), row(positions, at)));
    let time = 0;
    for (const step of trajectory) {
      // what the model is told is float32, as everything that goes into a graph
      const [t, dt] = [Math.fround(time), Math.fround(step)];
      const condition = add(this.#embedded(t, "time_embedder"), this.#embedded(dt, "dt_embedder")).map(silu);
      for (let layer = 0; layer < layers.core; layer++)
        rows = this.#block(rows, `transformer.h.blocks.${layer}`, condition);
      time = Math.fround(time + dt);
    }
    const gain = this.#of("transformer.norm_f.weight");
    return rows.map((state) => {
      const final = this.#normed(state).map((value, at) => value * (gain[at] as number));
      return Float64Array.from({ length: tokens.length / width }, (_, token) =>
        dot(final, tokens, token * width),
      );
    });
  }
}

/** -log of the probability that logits give a token, in nats. */
export function surprise(logits: Float64Array, token: number): number {
  const best = Math.max(...logits);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - best), 0);
  return best + Math.log(total) - (logits[token] as number);
}
