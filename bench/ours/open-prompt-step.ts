import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { loopedTransformer } from "../../packages/gyre/src/models/presets.ts";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../../packages/gyre/src/optim/adamw.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { promptInputs } from "../../packages/gyre/src/tasks/inputs.ts";
import { interleave } from "../../packages/gyre/src/tasks/interleave.ts";
import { promptStepGraph } from "../../packages/gyre/src/train/objectives/prompts.ts";
import { rng } from "../../packages/gyre/src/util/rng.ts";
import type { IclConfig } from "../configs.ts";
import type { Step } from "./open-step.ts";

/** A training step of a Looped Transformer on one fixed batch of linear regression prompts, as the peer's. */
export async function openPromptStep(config: IclConfig, threads: number): Promise<Step> {
  const { width, heads, loops, window, batch, points, dims } = config;
  const spec = loopedTransformer(
    { inputs: dims, context: 2 * points + 1, width, heads, loops },
    { activation: "gelu" },
  );
  const random = rng(1, "bench");
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const [inputs, unknowns] = [normals(batch * points * dims), normals(batch * dims)];
  const labels = Float32Array.from({ length: batch * points }, (_, row) => {
    const own = unknowns.subarray(Math.floor(row / points) * dims);
    return inputs
      .subarray(row * dims, (row + 1) * dims)
      .reduce((sum, x, d) => sum + x * (own[d] as number), 0);
  });
  const prompts = interleave({ batch, points, dims, outputs: 1, inputs, labels });
  const shape = { batch, tokens: prompts.length, readAt: prompts.readAt, loops };
  const runtime = await openOnnxRuntime({ threads });
  const program = await runtime.compile(promptStepGraph(spec, shape, { window }), { buffers: 1 });
  const weights = initialWeights(spec, 1);
  const moments = initAdamW(weights);
  const feeds = new Map([...weights, ...promptInputs(prompts)]);
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, learningRate: 1e-3 };
  let done = 0;
  return {
    runtime,
    async step(): Promise<number> {
      const outputs = await program.run(feeds);
      const gradient = (name: string) => outputs.get(`grad/${name}`)?.data as Float32Array;
      const norm = globalNorm([...weights.keys()].map(gradient));
      done++;
      updateAdamW(weights, gradient, moments, { ...adam, step: done, gradientScale: clipScale(norm, 1) });
      return outputs.get("loss")?.data[0] ?? Number.NaN;
    },
  };
}
