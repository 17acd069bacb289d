// Steps of the trainer as one of the ranks that a launcher started, or on its own; rank 0 prints one line of JSON.
import process from "node:process";
import { parseArgs } from "node:util";
import type { Collective } from "../../packages/gyre/src/ranks/collective.ts";
import { openCollective } from "../../packages/gyre/src/ranks/mpi.node.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { initialState } from "../../packages/gyre/src/train/initial-state.ts";
import { optimise } from "../../packages/gyre/src/train/optimise.ts";
import { optimiserSchema } from "../../packages/gyre/src/train/options.ts";
import type { BenchConfig } from "../configs.ts";
import { stepParts } from "./step-parts.ts";

/** What rank 0 saw: milliseconds of each step, and those of them that it spent in the collective. */
export interface RankSteps {
  readonly ms: readonly number[];
  readonly communicationMs: readonly number[];
  readonly loss: number;
}

/** The same collective, which counts the time that is spent in it: adding up, and waiting for the other ranks. */
function timed(ranks: Collective): { readonly ranks: Collective; readonly takeMs: () => number } {
  let spent = 0;
  const counted =
    <Data extends unknown[]>(operation: (...given: Data) => void | Promise<void>) =>
    async (...given: Data) => {
      const started = performance.now();
      await operation(...given);
      spent += performance.now() - started;
    };
  const takeMs = () => {
    const taken = spent;
    spent = 0;
    return taken;
  };
  const { sum, broadcast, barrier } = ranks;
  return {
    ranks: { ...ranks, sum: counted(sum), broadcast: counted(broadcast), barrier: counted(barrier) },
    takeMs,
  };
}

async function measured(
  config: BenchConfig,
  { threads, warmup, steps }: Readonly<Record<"threads" | "warmup" | "steps", number>>,
): Promise<void> {
  const own = await openCollective();
  const { ranks, takeMs } = timed(own);
  const { spec, graph, inputs } = stepParts({ ...config, batch: config.batch / ranks.size });
  const tokens = (config.batch / ranks.size) * config.context;
  await using runtime = await openOnnxRuntime({ threads });
  const options = optimiserSchema.parse({ steps: warmup + steps, microBatches: ranks.size });
  const source = () => ({ graph, inputs, tokens, flops: 0 });
  const [ms, communicationMs]: [number[], number[]] = [[], []];
  let [before, loss] = [performance.now(), Number.NaN];
  for await (const event of optimise({ runtime, options, source, state: initialState(spec, 1), ranks })) {
    if (event.type !== "step") continue;
    const [now, communication] = [performance.now(), takeMs()];
    if (event.step > warmup) {
      ms.push(now - before);
      communicationMs.push(communication);
    }
    [before, loss] = [now, event.loss];
  }
  if (ranks.rank === 0) process.stdout.write(`${JSON.stringify({ ms, communicationMs, loss })}\n`);
  own.close();
}

const { values } = parseArgs({
  options: Object.fromEntries(
    ["config", "threads", "warmup", "steps"].map((name) => [name, { type: "string" as const }]),
  ),
});
const { config, threads, warmup, steps } = values;
await measured(JSON.parse(`${config}`) as BenchConfig, {
  threads: Number(threads),
  warmup: Number(warmup),
  steps: Number(steps),
});
