import { badDraw } from "../../tasks/errors.ts";
import { type Rng, rng } from "../../util/rng.ts";

/** Distributions of inputs: x = D g with Gaussian g, or D times a direction of length sqrt(d). */
export interface InputLaw {
  readonly kind: "gaussian" | "spherical";
  /** The diagonal of D, d numbers. */
  readonly scales: readonly number[];
}

/** A law of inputs of the linear theory. */
export type InputName = "gaussian" | "spherical" | "ill-conditioned";
export const inputNames: readonly InputName[] = ["gaussian", "spherical", "ill-conditioned"];

/** A law by name; the ill-conditioned one is Gaussian with variances from 1 down to 1/100, geometrically. */
export function inputLaw(name: InputName, dims: number): InputLaw {
  const isIll = name === "ill-conditioned";
  const scales = Array.from({ length: dims }, (_, at) => (isIll ? 10 ** (-at / Math.max(1, dims - 1)) : 1));
  return { kind: name === "spherical" ? "spherical" : "gaussian", scales };
}

/** Which linear problems are drawn: a pure function of these. */
export interface LinearDraw {
  readonly seed: number;
  readonly stream: string;
  readonly batch: number;
  /** Examples in context, n. */
  readonly examples: number;
  readonly outputs: number;
  readonly inputs: InputLaw;
  /** w* ~ N(0, I), or N(0, D^-2), which makes every direction of the inputs count the same. */
  readonly prior: "isotropic" | "matched";
}

/** Noiseless linear regressions in context, y = W*^T x. */
export interface LinearPrompts {
  /** Columns (x_i; y_i), then (x_q; 0) [B, d + k, n + 1]. */
  readonly Z: Float64Array;
  /** Labels of the queries [B, k]. */
  readonly targets: Float64Array;
  /** W* [B, d, k]. */
  readonly truth: Float64Array;
  readonly batch: number;
  readonly examples: number;
  readonly dims: number;
  readonly outputs: number;
}

/** The query x_q of a prompt [d]. */
export function queryOf({ Z, dims, examples, outputs }: LinearPrompts, prompt: number): Float64Array {
  const columns = examples + 1;
  const first = prompt * (dims + outputs) * columns + examples;
  return Float64Array.from({ length: dims }, (_, dim) => Z[first + dim * columns] as number);
}

/** W* of a prompt [d, k]. */
export function truthOf({ truth, dims, outputs }: LinearPrompts, prompt: number): Float64Array {
  return truth.subarray(prompt * dims * outputs, (prompt + 1) * dims * outputs);
}

/** |x_q| |w*|, what the errors at a query are measured by. */
export const alphaOf = (prompts: LinearPrompts, prompt: number): number =>
  Math.hypot(...queryOf(prompts, prompt)) * Math.hypot(...truthOf(prompts, prompt));

/** Draws linear regressions. Throws LAB_DRAW. */
export function drawLinear(options: LinearDraw): LinearPrompts {
  const { seed, stream, batch, examples, outputs, inputs, prior } = options;
  const { scales } = inputs;
  const dims = scales.length;
  if (!(examples >= 1)) throw badDraw("examples", examples, "a whole number of at least 1");
  const random = rng(seed, "linear", stream);
  const width = dims + outputs;
  const columns = examples + 1;
  const Z = new Float64Array(batch * width * columns);
  const targets = new Float64Array(batch * outputs);
  const truth = new Float64Array(batch * dims * outputs);
  const x = new Float64Array(dims);
  for (let prompt = 0; prompt < batch; prompt++) {
    const weights = truth.subarray(prompt * dims * outputs, (prompt + 1) * dims * outputs);
    for (let at = 0; at < weights.length; at++) {
      const spread = prior === "matched" ? (scales[Math.floor(at / outputs)] as number) : 1;
      weights[at] = random.normal() / spread;
    }
    for (let column = 0; column < columns; column++) {
      drawInput(random, inputs, x);
      const place = (row: number) => (prompt * width + row) * columns + column;
      for (let dim = 0; dim < dims; dim++) Z[place(dim)] = x[dim] as number;
      for (let output = 0; output < outputs; output++) {
        let y = 0;
        for (let dim = 0; dim < dims; dim++)
          y += (x[dim] as number) * (weights[dim * outputs + output] as number);
        if (column < examples) Z[place(dims + output)] = y;
        else targets[prompt * outputs + output] = y;
      }
    }
  }
  return { Z, targets, truth, batch, examples, dims, outputs };
}

function drawInput(random: Rng, { kind, scales }: InputLaw, x: Float64Array): void {
  let square = 0;
  for (let dim = 0; dim < x.length; dim++) {
    const value = random.normal();
    x[dim] = value;
    square += value * value;
  }
  const length = kind === "spherical" ? Math.sqrt(x.length / square) : 1;
  for (let dim = 0; dim < x.length; dim++) x[dim] = (x[dim] as number) * length * (scales[dim] as number);
}

/** Second moments of prompts, as `momentGraph` reads them. */
export interface Moments {
  /** (1/n) Z M Z^T [B, D, D]. */
  readonly G: Float64Array;
  /** Query columns [B, D, 1]. */
  readonly z: Float64Array;
}

export function momentsOf({ Z, batch, examples, dims, outputs }: LinearPrompts): Moments {
  const width = dims + outputs;
  const columns = examples + 1;
  const G = new Float64Array(batch * width * width);
  const z = new Float64Array(batch * width);
  for (let prompt = 0; prompt < batch; prompt++) {
    for (let row = 0; row < width; row++) {
      const left = (prompt * width + row) * columns;
      z[prompt * width + row] = Z[left + examples] as number;
      for (let other = 0; other <= row; other++) {
        const right = (prompt * width + other) * columns;
        let sum = 0;
        for (let at = 0; at < examples; at++) sum += (Z[left + at] as number) * (Z[right + at] as number);
        G[(prompt * width + row) * width + other] = sum / examples;
        G[(prompt * width + other) * width + row] = sum / examples;
      }
    }
  }
  return { G, z };
}
