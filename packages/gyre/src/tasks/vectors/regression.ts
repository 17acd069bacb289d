import { type Rng, rng } from "../../util/rng.ts";
import type { Drawn, DrawOptions, VectorTask } from "../task.ts";
import { apply, assemble, checkDraw, interleaved, leakyRelu, normals } from "./draw.ts";

interface Labels {
  readonly y: Float64Array;
  readonly features?: Float64Array;
}

interface Family extends Omit<VectorTask, "kind" | "draw" | "tokenWidth"> {
  /** Noise of the labels where the options name none. */
  readonly noise?: number;
  /** The inputs, where they are not N(0, I). */
  readonly input?: (random: Rng) => Float64Array;
  /** The labels of one prompt, as a function of its inputs; only the first `dims` coordinates are in use. */
  readonly prompt: (random: Rng, dims: number) => (x: Float64Array) => Labels;
}

/** A task of interleaved pairs with x ~ N(0, I) unless told otherwise, for which a function is drawn for each prompt. */
function regression({ noise: usual = 0, input, prompt, ...family }: Family): VectorTask {
  const drawInput = input ?? ((random: Rng) => normals(random, family.dims));
  return {
    ...family,
    kind: "vectors",
    tokenWidth: Math.max(family.dims, family.outputs),
    draw(options: DrawOptions): Drawn {
      checkDraw(options, family.dims);
      const { seed, stream, batch, points, dims, noise = usual } = options;
      const random = rng(seed, family.name, stream);
      const prompts = Array.from({ length: batch }, () => {
        const label = prompt(random, dims);
        const pairs = Array.from({ length: points }, () => {
          const x = drawInput(random).map((value, at) => (at < dims ? value : 0));
          const { y, features } = label(x);
          const noisy = noise > 0 ? y.map((value) => value + noise * random.normal()) : y;
          return { x, y: noisy, ...(features ? { features } : {}) };
        });
        return interleaved(pairs);
      });
      return assemble(prompts, Math.max(family.dims, family.outputs));
    },
  };
}

const dot = (w: Float64Array, x: Float64Array) =>
  Float64Array.of(w.reduce((sum, weight, at) => sum + weight * (x[at] as number), 0));
const linearBaselines = [
  "least-squares",
  "ridge",
  "averaging",
  "nearest-neighbours",
  "gradient-descent",
  "newton",
];

/** y = w x, w ~ N(0, I). */
export const linear = regression({
  name: "linear",
  summary: "linear regression, y = w x",
  dims: 5,
  outputs: 1,
  points: 11,
  scale: 5,
  baselines: linearBaselines,
  prompt: linearPrompt,
});

/** Linear regression with noise of 0.1 unless the options say otherwise. */
export const noisyLinear = regression({
  name: "noisy-linear",
  summary: "linear regression with noise of standard deviation 0.1",
  dims: 5,
  outputs: 1,
  points: 11,
  scale: 5,
  noise: 0.1,
  baselines: linearBaselines,
  prompt: linearPrompt,
});

function linearPrompt(random: Rng, dims: number) {
  const w = normals(random, dims);
  return (x: Float64Array) => ({ y: dot(w, x) });
}

/** Points of the plane about a line: x = (1, u) with u uniform in [-1, 1], intercept N(0, 0.5²), slope N(0, 0.75²). */
export const line = regression({
  name: "line",
  summary: "a line in the plane, y = a + b u, with noise of standard deviation 0.1",
  dims: 2,
  outputs: 1,
  points: 9,
  scale: 0.44,
  noise: 0.1,
  baselines: linearBaselines,
  input: (random) => Float64Array.of(1, 2 * random.uniform() - 1),
  prompt: (random) => {
    const w = Float64Array.of(0.5 * random.normal(), 0.75 * random.normal());
    return (x) => ({ y: dot(w, x) });
  },
});

/** Linear regression in which at most k weights of the coordinates in use are not zero. */
export function sparseLinear({ dims: most, nonzero }: { dims: number; nonzero: number }): VectorTask {
  return regression({
    name: "sparse-linear",
    summary: `linear regression with ${nonzero} of ${most} weights that are not zero`,
    dims: most,
    outputs: 1,
    points: 2 * most + 1,
    scale: nonzero,
    baselines: ["lasso", ...linearBaselines],
    prompt: (random, dims) => {
      const w = normals(random, dims);
      const places = Array.from({ length: dims }, (_, at) => at);
      while (places.length > nonzero) places.splice(random.below(places.length), 1);
      const kept = w.map((weight, at) => (places.includes(at) ? weight : 0));
      return (x) => ({ y: dot(kept, x) });
    },
  });
}

/** y = sqrt(2 / hidden) w_2 relu(W_1 x), all weights N(0, 1), for each prompt. */
export function reluNetwork({ dims: most, hidden }: { dims: number; hidden: number }): VectorTask {
  return regression({
    name: "relu-network",
    summary: `a two-layer ReLU network with ${hidden} hidden units`,
    dims: most,
    outputs: 1,
    points: 25,
    scale: most,
    baselines: ["least-squares", "nearest-neighbours", "averaging", "gradient-boosting"],
    prompt: (random) => {
      const first = normals(random, hidden * most);
      const second = normals(random, hidden, Math.sqrt(2 / hidden));
      return (x) => ({
        y: dot(
          second,
          apply(first, x).map((value) => Math.max(0, value)),
        ),
      });
    },
  });
}

/** A full binary tree: each node asks for the sign of a coordinate in use, each leaf is N(0, 1). */
export function decisionTree({ dims: most, depth }: { dims: number; depth: number }): VectorTask {
  return regression({
    name: "decision-tree",
    summary: `a decision tree of depth ${depth} on the signs of coordinates`,
    dims: most,
    outputs: 1,
    points: 25,
    scale: 1,
    baselines: ["decision-tree", "gradient-boosting", "nearest-neighbours", "least-squares"],
    prompt: (random, dims) => {
      const nodes = Array.from({ length: 2 ** depth - 1 }, () => random.below(dims));
      const leaves = normals(random, 2 ** depth);
      return (x) => {
        let node = 0;
        for (let level = 0; level < depth; level++)
          node = 2 * node + ((x[nodes[node] as number] as number) > 0 ? 2 : 1);
        return { y: Float64Array.of(leaves[node - nodes.length] as number) };
      };
    },
  });
}

/**
 * y = <a, Phi(x)> / scale with a ~ N(0, I) for each prompt and one fixed network Phi for all of them: d -> hidden ->
 * features, leaky ReLU after both layers. Phi does not depend on the seed.
 */
export function representation(sizes: { dims: number; hidden: number; features: number }): VectorTask {
  const { dims: most, hidden, features } = sizes;
  const fixed = rng(0, "representation");
  const first = normals(fixed, hidden * most, 1 / Math.sqrt(most));
  const second = normals(fixed, features * hidden, 1.5 * Math.sqrt(2 / hidden));
  const phi = (x: Float64Array) => leakyRelu(apply(second, leakyRelu(apply(first, x))));
  const square = Array.from({ length: 4096 }, () => phi(normals(fixed, most))).reduce(
    (sum, values) => sum + values.reduce((part, value) => part + value * value, 0) / 4096,
    0,
  );
  const norm = 1 / Math.sqrt(square);
  return regression({
    name: "representation",
    summary: `linear in ${features} features that all prompts share, a fixed network of ${most} coordinates`,
    dims: most,
    outputs: 1,
    points: 13,
    scale: 1,
    baselines: ["least-squares-features", "ridge-features", "least-squares", "nearest-neighbours"],
    prompt: (random) => {
      const a = normals(random, features);
      return (x) => {
        const known = phi(x).map((value) => value * norm);
        return { y: dot(a, known), features: known };
      };
    },
  });
}
