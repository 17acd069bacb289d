// One rank of a training on several processes: rank 0 answers "step N" on stdin, the others follow it.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { startFrom } from "../../packages/gyre/src/optim/state.ts";
import { broadcastJson } from "../../packages/gyre/src/ranks/agreement.ts";
import type { Collective } from "../../packages/gyre/src/ranks/collective.ts";
import { openCollective } from "../../packages/gyre/src/ranks/mpi.node.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { optimise, type TrainEvent } from "../../packages/gyre/src/train/optimise.ts";
import { parseTraining } from "../../packages/gyre/src/train/options.ts";
import type { BenchConfig } from "../configs.ts";
import { fixedPass } from "./open-step.ts";

/** A collective whose sums are timed, the wait for a slower rank among them. */
function timed(ranks: Collective): { readonly ranks: Collective; readonly spentMs: () => number } {
  let spentMs = 0;
  const sum = async (data: Float32Array | Float64Array) => {
    const start = performance.now();
    await ranks.sum(data);
    spentMs += performance.now() - start;
  };
  return { ranks: { ...ranks, sum }, spentMs: () => spentMs };
}

/** Trains on one fixed batch, of which every rank has its part, and stops between two steps. */
function openTraining(config: BenchConfig, ranks: Collective): AsyncGenerator<TrainEvent> {
  const part = { ...config, batch: config.batch / ranks.size };
  const { spec, graph, inputs } = fixedPass(part, { seed: 1 + ranks.rank });
  const options = parseTraining(
    { steps: 100_000, microBatches: ranks.size, learningRate: 6e-4, batch: part.batch },
    spec,
  );
  const tokens = part.batch * part.context;
  return (async function* () {
    await using runtime = await openOnnxRuntime({ threads });
    const source = () => ({ graph, inputs, tokens, flops: 0 });
    yield* optimise({
      options,
      source,
      state: startFrom(initialWeights(spec, 1)),
      runtime,
      ranks,
      checkpointEvery: 1_000,
    });
  })();
}

async function nextStep(events: AsyncGenerator<TrainEvent>): Promise<{ ms: number; loss: number }> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error("the training ended");
    if (value.type === "step") return { ms: value.elapsedMs, loss: value.loss };
  }
}

/** Does `count` steps on every rank. */
async function steps(events: AsyncGenerator<TrainEvent>, count: number) {
  const done = [];
  for (let step = 0; step < count; step++) done.push(await nextStep(events));
  return { ms: done.map(({ ms }) => ms), loss: done.at(-1)?.loss ?? Number.NaN };
}

const { values } = parseArgs({ options: { config: { type: "string" }, threads: { type: "string" } } });
const threads = Number(values.threads ?? 1);
const world = await openCollective();
const { ranks, spentMs } = timed(world);
const events = openTraining(JSON.parse(values.config ?? "{}") as BenchConfig, ranks);
/** What rank 0 was asked; the others hear it from rank 0. */
async function* requests(): AsyncGenerator<number> {
  if (world.rank === 0) {
    for await (const line of createInterface({ input: process.stdin })) {
      const [word, count] = line.trim().split(/\s+/);
      yield await broadcastJson(world, word === "step" ? Number(count) : 0);
      if (word !== "step") return;
    }
  }
  for (;;) yield await broadcastJson(world, 0);
}
for await (const count of requests()) {
  if (count === 0) break;
  const before = spentMs();
  const { ms, loss } = await steps(events, count);
  const answer = { ms, loss, sumMs: spentMs() - before };
  if (world.rank === 0) process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.stdin.destroy();
world.close();
