import type { Graph } from "../../packages/gyre/src/graph/types.ts";
import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../../packages/gyre/src/models/presets.ts";
import { conditions, type Spec } from "../../packages/gyre/src/models/spec.ts";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../../packages/gyre/src/optim/adamw.ts";
import type { Runtime } from "../../packages/gyre/src/runtime/runtime.ts";
import { tuning } from "../../packages/gyre/src/train/elastic-source.ts";
import { SHORT_ROUTE, stepGraph } from "../../packages/gyre/src/train/objectives/elastic.ts";
import { rng } from "../../packages/gyre/src/util/rng.ts";
import type { Tensor } from "../../packages/gyre/src/util/tensor.ts";
import type { BenchConfig } from "../configs.ts";

export interface StepTuning {
  readonly tile?: number;
  readonly logitRows?: number;
  readonly recompute?: boolean;
  readonly profile?: string;
  /** Training on answers: positions of the batch that are scored; all of them, as on text, where left out. */
  readonly scored?: number;
}

/** A LoopFormer and what its training step computes from which numbers besides the weights: one fixed random batch, L / 2 short loops. */
export function stepParts(
  config: BenchConfig,
  { scored, ...options }: Omit<StepTuning, "profile"> = {},
): { readonly spec: Spec; readonly graph: Graph; readonly inputs: ReadonlyMap<string, Tensor> } {
  const { layers, loops, shortLoops, batch, context } = config;
  const size = { ...config, layers, loops };
  const spec = loopformer({
    vocab: size.vocab,
    context,
    width: size.width,
    heads: size.heads,
    mlp: size.mlp,
    layers,
    loops,
  });
  const shape = { batch, tokens: context, loops, shortLoops, ...(scored === undefined ? {} : { scored }) };
  const graph = stepGraph(
    spec,
    { kind: "elastic", shortWeight: 0.1, consistencyWeight: 0.1, consistency: "hidden" },
    shape,
    { ...tuning(spec, options.recompute ?? false), ...options },
  );
  const random = rng(1, "bench");
  const ids = (length: number) => Int32Array.from({ length }, () => random.below(size.vocab));
  const inputs = new Map<string, Tensor>([
    ["tokens", { data: ids(batch * context), shape: [batch, context] }],
  ]);
  if (scored === undefined) inputs.set("targets", { data: ids(batch * context), shape: [batch, context] });
  else {
    const every = (batch * context) / scored;
    const scoredAt = Int32Array.from({ length: scored }, (_, row) => Math.floor((row + 1) * every) - 1);
    const shares = new Float32Array(scored).fill(1 / scored);
    for (const [name, data] of Object.entries({ targets: ids(scored), scoredAt, shares }))
      inputs.set(name, { data, shape: [scored] });
  }
  for (const [route, count] of [
    ["", loops],
    [SHORT_ROUTE, shortLoops],
  ] as const) {
    const told = conditions(spec, count);
    inputs.set(`${route}t`, { data: told.t, shape: [count] });
    inputs.set(`${route}dt`, { data: told.dt, shape: [count] });
  }
  return { spec, graph, inputs };
}

/** A step on any runtime, Node's or a page's, from weights of seed 1; runs it whole (both runs, backward, clipping, AdamW) and returns its loss. */
export async function stepOn(
  runtime: Runtime,
  config: BenchConfig,
  blocks: Omit<StepTuning, "profile"> = {},
): Promise<() => Promise<number>> {
  const { spec, graph, inputs } = stepParts(config, blocks);
  const program = await runtime.compile(graph, { buffers: 1, lean: blocks.recompute ?? false });
  const weights = initialWeights(spec, 1);
  const moments = initAdamW(weights);
  let done = 0;
  return async () => {
    const outputs = await program.run(new Map([...weights, ...inputs]));
    const gradient = (name: string) => outputs.get(`grad/${name}`)?.data as Float32Array;
    const norm = globalNorm([...weights.keys()].map(gradient));
    done++;
    updateAdamW(weights, gradient, moments, {
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.2,
      learningRate: 6e-4,
      step: done,
      gradientScale: clipScale(norm, 1),
    });
    return outputs.get("loss")?.data[0] ?? Number.NaN;
  };
}
