import { type Rng, rng } from "../../util/rng.ts";
import type { VectorTask } from "../task.ts";
import { apply, assemble, checkDraw, leakyRelu, normals, type PromptParts } from "./draw.ts";

/**
 * x_{t+1} = 0.95 O Phi([x_{t-q+1}, ..., x_t]) + noise: O is a random rotation for each prompt, Phi one fixed leaky-ReLU
 * network q d -> hidden -> d for all of them, brought to |Phi|^2 = d at each step: as it is homogeneous, series would
 * grow or die out otherwise. Tokens are the series itself; the next vector is predicted from the q-th on. Noise is
 * 0.05 unless the options say otherwise.
 */
export function autoregression(sizes: { dims: number; order: number; hidden: number }): VectorTask {
  const { dims: most, order, hidden } = sizes;
  const fixed = rng(0, "autoregression");
  const first = normals(fixed, hidden * order * most, 1 / Math.sqrt(order * most));
  const second = normals(fixed, most * hidden, Math.sqrt(2 / hidden));
  const raw = (window: Float64Array) => leakyRelu(apply(second, leakyRelu(apply(first, window))));
  const name = "autoregression";
  return {
    kind: "vectors",
    name,
    summary: `a series of order ${order} in ${most} coordinates, linear in features that all prompts share`,
    dims: most,
    outputs: most,
    tokenWidth: most,
    points: 20,
    scale: most,
    baselines: ["repeat-last", "least-squares", "least-squares-features", "ridge-features"],
    draw(options) {
      checkDraw(options, most, order);
      const { seed, stream, batch, points, dims, noise = 0.05 } = options;
      const random = rng(seed, name, stream);
      const inUse = (x: Float64Array) => x.map((value, at) => (at < dims ? value : 0));
      const prompts = Array.from({ length: batch }, (): PromptParts => {
        const turn = rotation(random, dims);
        const series = Array.from({ length: order }, () => inUse(normals(random, most)));
        const readings: PromptParts["readings"][number][] = [];
        for (let at = order - 1; at < points; at++) {
          const x = Float64Array.from(series.slice(at - order + 1).flatMap((one) => [...one]));
          const direction = inUse(raw(x));
          const norm = Math.sqrt(dims / direction.reduce((sum, value) => sum + value * value, 1e-12));
          const features = direction.map((value) => value * norm);
          const y = new Float64Array(most);
          y.set(apply(turn, features.slice(0, dims)).map((value) => 0.95 * value + noise * random.normal()));
          series.push(y);
          readings.push({ at, x, y, features });
        }
        return { tokens: series.slice(0, points), readings };
      });
      return assemble(prompts, most);
    },
  };
}

/** A random orthogonal matrix [d, d]: Gram-Schmidt on normal rows. */
function rotation(random: Rng, dims: number): Float64Array {
  const matrix = normals(random, dims * dims);
  const rowOf = (row: number) => matrix.subarray(row * dims, (row + 1) * dims);
  const inner = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);
  for (let row = 0; row < dims; row++) {
    const own = rowOf(row);
    for (let earlier = 0; earlier < row; earlier++) {
      const other = rowOf(earlier);
      const share = inner(own, other);
      own.set(own.map((value, at) => value - share * (other[at] as number)));
    }
    const length = Math.sqrt(inner(own, own));
    own.set(own.map((value) => value / length));
  }
  return matrix;
}

/**
 * Networks x -> s -> y of width d with leaky ReLU and weights N(0, 2/d) for each prompt. With `isChained` the tokens
 * are x_i, s_i, y_i, and s and y are predicted in turn; without it the steps are hidden: x_i, y_i.
 */
export function chainOfThought({ dims: most, isChained }: { dims: number; isChained: boolean }): VectorTask {
  const name = isChained ? "chain-of-thought" : "chain-of-thought-hidden";
  const steps = isChained ? "its middle layer is written out" : "only its result is shown";
  return {
    kind: "vectors",
    name,
    summary: `a two-layer network of width ${most} for each prompt; ${steps}`,
    dims: most,
    outputs: most,
    tokenWidth: most,
    points: 9,
    scale: most,
    baselines: ["least-squares", "ridge", "nearest-neighbours"],
    draw(options) {
      checkDraw(options, most);
      const { seed, stream, batch, points, dims, noise = 0 } = options;
      const random = rng(seed, "chain-of-thought", stream);
      const prompts = Array.from({ length: batch }, (): PromptParts => {
        const layers = [0, 1].map(() => normals(random, most * most, Math.sqrt(2 / most)));
        const chains = Array.from({ length: points }, () => {
          const x = normals(random, most).map((value, at) => (at < dims ? value : 0));
          const [inner, outer] = layers as [Float64Array, Float64Array];
          const s = leakyRelu(apply(inner, x));
          const y = leakyRelu(apply(outer, s));
          return { x, s, y: noise > 0 ? y.map((value) => value + noise * random.normal()) : y };
        });
        if (!isChained) {
          const readings = chains.map(({ x, y }, index) => ({ at: 2 * index, x, y }));
          return { tokens: chains.flatMap(({ x, y }) => [x, y]), readings };
        }
        const readings = chains.flatMap(({ x, s, y }, index) => [
          { at: 3 * index, x, y: s },
          { at: 3 * index + 1, x: s, y },
        ]);
        return { tokens: chains.flatMap(({ x, s, y }) => [x, s, y]), readings };
      });
      return assemble(prompts, most, isChained ? 2 : 1);
    },
  };
}
