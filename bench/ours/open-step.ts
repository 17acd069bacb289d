import type { Graph } from "../../packages/gyre/src/graph/types.ts";
import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../../packages/gyre/src/models/presets.ts";
import { conditions, type Spec } from "../../packages/gyre/src/models/spec.ts";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../../packages/gyre/src/optim/adamw.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../packages/gyre/src/runtime/session-runtime.ts";
import { tuning } from "../../packages/gyre/src/train/elastic-source.ts";
import { SHORT_ROUTE, stepGraph } from "../../packages/gyre/src/train/objectives/elastic.ts";
import { rng } from "../../packages/gyre/src/util/rng.ts";
import type { Tensor } from "../../packages/gyre/src/util/tensor.ts";
import type { BenchConfig } from "../configs.ts";

/** A training step of gyre, ready to run. */
export interface Step {
  readonly runtime: OnnxRuntime;
  /** Runs one whole step (both runs, backward, clipping, AdamW) and returns its loss. */
  step(): Promise<number>;
}

export interface StepTuning {
  readonly tile?: number;
  readonly logitRows?: number;
  readonly recompute?: boolean;
  readonly profile?: string;
}

/** The graph of a LoopFormer training step, and one fixed random batch, with the short run fixed at L / 2. */
export function fixedPass(
  config: BenchConfig,
  { seed = 1, ...blocks }: Omit<StepTuning, "profile"> & { readonly seed?: number } = {},
): { readonly spec: Spec; readonly graph: Graph; readonly inputs: ReadonlyMap<string, Tensor> } {
  const { vocab, width, heads, mlp, layers, loops, shortLoops, batch, context } = config;
  const spec = loopformer({ vocab, context, width, heads, mlp, layers, loops });
  const graph = stepGraph(
    spec,
    { kind: "elastic", shortWeight: 0.1, consistencyWeight: 0.1, consistency: "hidden" },
    { batch, tokens: context, loops, shortLoops },
    { ...tuning(spec, blocks.recompute ?? false), ...blocks },
  );
  const random = rng(seed, "bench");
  const ids = () => Int32Array.from({ length: batch * context }, () => random.below(vocab));
  const inputs = new Map<string, Tensor>();
  for (const name of ["tokens", "targets"]) inputs.set(name, { data: ids(), shape: [batch, context] });
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

/** A LoopFormer training step on one fixed random batch, as the peer's. */
export async function openStep(
  config: BenchConfig,
  threads: number,
  options: StepTuning = {},
): Promise<Step> {
  const { profile, ...blocks } = options;
  const runtime = await openOnnxRuntime({ threads, ...(profile ? { profile } : {}) });
  const { spec, graph, inputs: fixed } = fixedPass(config, blocks);
  const program = await runtime.compile(graph, { buffers: 1, lean: options.recompute ?? false });
  const weights = initialWeights(spec, 1);
  const moments = initAdamW(weights);
  const inputs = new Map<string, Tensor>([...weights, ...fixed]);
  let done = 0;
  return {
    runtime,
    async step(): Promise<number> {
      const outputs = await program.run(inputs);
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
    },
  };
}
