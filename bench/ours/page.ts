// gyre's side of the benchmark in a browser, and jax-js's: what the page offers to the process that drives it.
import { generate, initialWeights, loopformer, type Model } from "gyre";
import { openWebRuntime } from "gyre/web";
import type { BenchConfig } from "../configs.ts";
import { openJaxStep } from "../peers/loopformer-jax.ts";
import { stepOn, stepParts } from "./step-parts.ts";

const opened = openWebRuntime({ threads: 1, wasmPaths: "/ort/" });
const steps = new Map<string, Promise<() => Promise<number>>>();

/** The step of a side and a size, opened once. */
function stepOf(side: Side, config: BenchConfig): Promise<() => Promise<number>> {
  const key = `${side} ${JSON.stringify(config)}`;
  const known = steps.get(key) ?? sides[side](config);
  steps.set(key, known);
  return known;
}

const models = new Map<string, Model>();

/** The model of a size, made once: its programs are compiled once for all texts. */
async function modelOf({ batch: _, shortLoops: __, ...size }: BenchConfig): Promise<Model> {
  const key = JSON.stringify(size);
  const spec = loopformer(size);
  const model = models.get(key) ?? {
    spec,
    weights: initialWeights(spec, 1),
    runtime: (await opened).runtime,
  };
  models.set(key, model);
  return model;
}

const sides = {
  ours: async (config: BenchConfig) => stepOn((await opened).runtime, config),
  jaxJs: async (config: BenchConfig) => {
    const { spec, inputs } = stepParts(config);
    const ids = (name: string) => inputs.get(name)?.data as Int32Array;
    const batch = { weights: initialWeights(spec, 1), tokens: ids("tokens"), targets: ids("targets") };
    const { step } = await openJaxStep(config, batch);
    return step;
  },
} as const;
type Side = keyof typeof sides;

const offered = {
  /** Times of so many training steps, in milliseconds, and the last one's loss. */
  async train(side: Side, config: BenchConfig, count: number) {
    const step = await stepOf(side, config);
    const ms: number[] = [];
    let loss = Number.NaN;
    for (let at = 0; at < count; at++) {
      const started = performance.now();
      loss = await step();
      ms.push(performance.now() - started);
    }
    return { ms, loss };
  },

  /** Milliseconds per token of greedy text, the first token left out. */
  async decode(config: BenchConfig, prompt: number, count: number) {
    const model = await modelOf(config);
    const ids = Array.from({ length: prompt }, (_, index) => (7 * index + 3) % model.spec.vocab);
    let [started, tokens] = [0, 0];
    for await (const _token of generate(model, ids, { temperature: 0, maxTokens: count, window: "stop" }))
      if (tokens++ === 0) started = performance.now();
    return { msPerToken: (performance.now() - started) / (tokens - 1) };
  },
};
/** What the page can be asked for. */
export type PageBench = typeof offered;

Object.assign(globalThis, { bench: offered });
