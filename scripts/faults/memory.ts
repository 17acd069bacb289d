import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { generate, initialState, memorySplit, parseTraining, train } from "gyre";
import { openOnnxRuntime } from "gyre/node";
import type { FaultPart } from "./part.ts";
import { randomOf, sharedOut } from "./part.ts";
import { spec, tinyWeights } from "./tiny.ts";

const MEBI = 2 ** 20;
/** A leak of one kilobyte a token would be 15 MB; of one set of outputs a step, hundreds. */
const most = { heap: 4, resident: 24 };

async function held(): Promise<{ heap: number; resident: number }> {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise((done) => setImmediate(done));
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: (heapUsed + arrayBuffers) / MEBI, resident: rss / MEBI };
}

/** Memory from a quarter of the way to its end, in MiB. */
async function growth(items: AsyncIterable<unknown>, count: number) {
  let before = { heap: 0, resident: 0 };
  let at = 0;
  for await (const _ of items) if (++at === Math.floor(count / 4)) before = await held();
  if (at < count) throw new Error(`${at} of ${count}`);
  const after = await held();
  return { heap: after.heap - before.heap, resident: after.resident - before.resident };
}

type Growth = Awaited<ReturnType<typeof growth>>;
const problems = (what: string, { heap, resident }: Growth) =>
  heap > most.heap || resident > most.resident
    ? [`${what}: heap and buffers ${heap.toFixed(1)} MiB more, resident ${resident.toFixed(1)} MiB more`]
    : [];
const words = (what: string, { heap, resident }: Growth) =>
  `${what} ${heap.toFixed(1)} MiB of heap and ${resident.toFixed(1)} resident`;

/** A long text, and a long training: memory does not grow. */
export const memory: FaultPart = {
  name: "memory",
  summary: "memory stays flat over 20,000 tokens and 4,000 training steps",
  async run(context) {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const [tokens, steps] = [sharedOut(20_000, context), sharedOut(4000, context)];
    const model = { spec, weights: tinyWeights(context.seed), runtime };
    const writing = {
      loops: 2,
      temperature: 1,
      seed: context.seed,
      maxTokens: tokens,
      window: "slide",
    } as const;
    const written = await growth(generate(model, [65, 66], writing), tokens);
    context.note(words("tokens:", written));
    const random = randomOf(context, "memory");
    const data = memorySplit(Uint16Array.from({ length: 4096 }, () => random.below(256)));
    const training = parseTraining(
      { objective: { kind: "elastic" }, steps, batch: 2, warmupSteps: 10, seed: context.seed },
      spec,
    );
    const state = initialState(spec, training.seed);
    const trained = await growth(train({ spec, training, runtime, data, state }), steps);
    return {
      attacks: 2,
      broken: [...problems("20,000 tokens", written), ...problems("4,000 steps", trained)],
      measured: `${words("tokens", written)}; ${words("steps", trained)}`,
    };
  },
};
