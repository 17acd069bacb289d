// The LoopFormer training step in jax-js, written from the same description as loopformer.py: jitted functions
// for both runs with their gradients, and for clipping and AdamW. It begins with our weights, so that its losses can be compared.
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import type { Weights } from "../../packages/gyre/src/util/tensor.ts";
import type { BenchConfig } from "../configs.ts";

type Values = Record<string, np.Array>;

const EPS = 1.1920929e-7;
const FREQUENCIES = 128;
const [rate, decay, beta1, beta2, epsilon] = [6e-4, 0.2, 0.9, 0.95, 1e-8];

/** A step that is ready to run; each returns its loss. */
export interface JaxStep {
  step(): Promise<number>;
}

export interface JaxBatch {
  readonly weights: Weights;
  /** [batch, context]. */
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/** Sequences of one call: all eight of S would need more than the 4 GiB that WebAssembly has. */
const MOST_SEQUENCES = 2;

/** Opens the step on jax-js's WebAssembly; gradients of a large batch are summed part by part. */
export async function openJaxStep(config: BenchConfig, batch: JaxBatch): Promise<JaxStep> {
  await init("wasm");
  defaultDevice("wasm");
  const { context } = config;
  const count = Math.min(config.batch, MOST_SEQUENCES);
  const parts = Array.from({ length: config.batch / count }, (_, part) => {
    const ids = (all: Int32Array) =>
      np.array(all.slice(part * count * context, (part + 1) * count * context), {
        shape: [count, context],
        dtype: np.int32,
      });
    return { tokens: ids(batch.tokens), targets: ids(batch.targets) };
  });
  const gradients = jit(
    valueAndGrad((params: Values, tokens: np.Array, targets: np.Array) =>
      objective({ ...config, batch: count }, params, tokens, targets).mul(1 / parts.length),
    ),
  );
  const add = jit((one: Found, other: Found) => tree.map((a: np.Array, b: np.Array) => a.add(b), one, other));
  const next = jit(update);
  let weights: Values = Object.fromEntries(
    [...batch.weights].map(([name, { data, shape }]) => [
      name,
      np.array(Float32Array.from(data), { shape: [...shape] }),
    ]),
  );
  let [means, squares] = [zerosLike(weights), zerosLike(weights)];
  let done = 0;
  return {
    async step() {
      let found: Found | undefined;
      for (const { tokens, targets } of parts) {
        const own = gradients(tree.ref(weights), tokens.ref, targets.ref) as unknown as Found;
        found = found ? (add(found, own) as unknown as Found) : own;
        await found[0].ref.blockUntilReady().then((one) => one.dispose());
      }
      const [loss, sum] = found as Found;
      [weights, means, squares] = next(weights, sum, means, squares, np.array(++done)) as unknown as Update;
      for (const value of tree.leaves(weights))
        await value.ref.blockUntilReady().then((one) => one.dispose());
      return Number((await loss.data())[0]);
    },
  };
}

/** A loss and its gradients. */
type Found = [np.Array, Values];
/** Weights, means and squares after a step. */
type Update = [Values, Values, Values];

const zerosLike = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, np.zeros([...value.shape])]));

/** CE(long) + 0.1 CE(short) + 0.1 MSE(stop_gradient(hidden long), hidden short). */
function objective(config: BenchConfig, params: Values, tokens: np.Array, targets: np.Array): np.Array {
  const long = forward(config, params, tokens.ref, config.loops);
  const short = forward(config, params, tokens, config.shortLoops);
  const head = () => np.transpose(use(params, "embed.tokens.weight"));
  const target = lax.stopGradient(long.ref);
  const consistency = np.mean(np.square(short.ref.sub(target)));
  const wanted = nn.oneHot(targets.reshape([-1]), config.vocab);
  const loss = crossEntropy(np.matmul(long, head()), wanted.ref)
    .add(crossEntropy(np.matmul(short, head()), wanted).mul(0.1))
    .add(consistency.mul(0.1));
  tree.dispose(params);
  return loss;
}

const use = (params: Values, name: string): np.Array => (params[name] as np.Array).ref;

function crossEntropy(logits: np.Array, wanted: np.Array): np.Array {
  const right = np.sum(logits.ref.mul(wanted), -1);
  return np.mean(nn.logsumexp(logits, -1).sub(right));
}

/** Hidden states after the final norm [batch * tokens, width]. */
function forward(
  { width, heads, layers, batch, context, vocab }: BenchConfig,
  params: Values,
  tokens: np.Array,
  loops: number,
): np.Array {
  const linear = (x: np.Array, name: string) => np.matmul(x, np.transpose(use(params, `${name}.weight`)));
  const withBias = (x: np.Array, name: string) => linear(x, name).add(use(params, `${name}.bias`));
  const embedded = (scalars: readonly number[], name: string) =>
    withBias(nn.silu(withBias(features(scalars), `${name}.0`)), `${name}.1`);
  const steps = Array.from({ length: loops }, (_, at) => at / loops);
  const rows = nn.silu(
    embedded(steps, "time").add(
      embedded(
        steps.map(() => 1 / loops),
        "step",
      ),
    ),
  );
  // the gradient of a gather is missing, or slower than a product
  const chosen = nn.oneHot(tokens.reshape([-1]), vocab);
  let x = np
    .matmul(chosen, use(params, "embed.tokens.weight"))
    .reshape([batch, context, width])
    .add(use(params, "embed.positions.weight"))
    .reshape([batch * context, width]);
  const modulations = Array.from({ length: layers }, (_, layer) =>
    withBias(rows.ref, `core.${layer}.modulation`),
  );
  rows.dispose();
  for (let loop = 0; loop < loops; loop++)
    for (let layer = 0; layer < layers; layer++) {
      const own = (modulations[layer] as np.Array).ref.slice(loop);
      const [gateA, gateM, scaleA, scaleM] = np.split(own, 4, 0) as [np.Array, np.Array, np.Array, np.Array];
      const within = `core.${layer}`;
      const qkv = linear(norm(x.ref, scaleA.add(1)), `${within}.attention.qkv`).reshape([
        batch,
        context,
        3,
        heads,
        width / heads,
      ]);
      const [q, k, v] = np
        .split(qkv, 3, 2)
        .map((part) => part.reshape([batch, context, heads, width / heads])) as [
        np.Array,
        np.Array,
        np.Array,
      ];
      const read = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([batch * context, width]);
      x = x.add(linear(read, `${within}.attention.output`).mul(gateA));
      const up = nn.gelu(linear(norm(x.ref, scaleM.add(1)), `${within}.mlp.up`), { approximate: false });
      x = x.add(linear(up, `${within}.mlp.down`).mul(gateM));
    }
  tree.dispose(modulations);
  return norm(x, use(params, "readout.norm.weight"));
}

function norm(x: np.Array, gain: np.Array): np.Array {
  const size = np.mean(np.square(x.ref), -1, { keepdims: true }).add(EPS);
  return x.mul(np.reciprocal(np.sqrt(size))).mul(gain);
}

/** Cosines, then sines, of 128 frequencies: known before the run. */
function features(scalars: readonly number[]): np.Array {
  const frequencies = Array.from({ length: FREQUENCIES }, (_, at) =>
    Math.exp((-Math.log(1e4) * at) / FREQUENCIES),
  );
  return np.array(
    scalars.map((scalar) => {
      const angles = frequencies.map((frequency) => scalar * frequency);
      return [...angles.map(Math.cos), ...angles.map(Math.sin)];
    }),
  );
}

/** Clipped to a global norm of 1, then AdamW; tensors of two or more dimensions decay. */
function update(weights: Values, gradients: Values, means: Values, squares: Values, done: np.Array): Update {
  const total = Object.values(gradients)
    .map((gradient) => np.sum(np.square(gradient.ref)))
    .reduce((sum, one) => sum.add(one));
  const scale = np.minimum(np.array(1), np.reciprocal(np.sqrt(total).add(1e-6)));
  const correction = (beta: number) => np.array(1).sub(np.power(np.array(beta), done.ref));
  const [unbiased1, unbiased2] = [np.reciprocal(correction(beta1)), np.reciprocal(correction(beta2))];
  const next: Update = [{}, {}, {}];
  for (const [name, weight] of Object.entries(weights)) {
    const gradient = (gradients[name] as np.Array).mul(scale.ref);
    const mean = (means[name] as np.Array).mul(beta1).add(gradient.ref.mul(1 - beta1));
    const square = (squares[name] as np.Array).mul(beta2).add(np.square(gradient).mul(1 - beta2));
    const size = np.sqrt(square.ref.mul(unbiased2.ref)).add(epsilon);
    const change = mean.ref.mul(unbiased1.ref).mul(np.reciprocal(size)).mul(rate);
    const shrunk = weight.shape.length > 1 ? weight.mul(1 - rate * decay) : weight;
    next[0][name] = shrunk.sub(change);
    next[1][name] = mean;
    next[2][name] = square;
  }
  for (const value of [scale, unbiased1, unbiased2, done]) value.dispose();
  return next;
}
