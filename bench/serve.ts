import { Decoder } from "../packages/gyre/src/decode/decoder.ts";
import { initialWeights } from "../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../packages/gyre/src/models/presets.ts";
import type { Spec } from "../packages/gyre/src/models/spec.ts";
import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import { Scheduler } from "../packages/gyre/src/server/scheduler.ts";
import { type ConfigName, configs } from "./configs.ts";
import { alternate, type Provenance, round, table } from "./harness.ts";

export interface ServeOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

const concurrencies = [1, 8, 32] as const;
type PerConcurrency = Readonly<Record<`${(typeof concurrencies)[number]}`, number>>;

/** Tokens a second of so many clients, each of which sends L requests one after the other; budgets are 1 to L loops in turn. Medians. */
export interface ServeResult {
  readonly bench: "serve";
  readonly config: ConfigName;
  readonly ours: { readonly tokensPerSecond: PerConcurrency };
  /** The same requests, one after the other. */
  readonly unbatched: { readonly tokensPerSecond: PerConcurrency };
  /** Eight and thirty-two streams over one, and over the same requests one after the other. */
  readonly ratios: {
    readonly eight: number;
    readonly thirtyTwo: number;
    readonly eightToUnbatched: number;
    readonly thirtyTwoToUnbatched: number;
  };
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly threads: number;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const PROMPT = 16;
const NEW_TOKENS = 64;

/** Times the scheduler with batching and without, in turn. No HTTP: what a network adds is not its own. */
export async function benchServe({
  config,
  rounds,
  threads,
  provenance,
  print,
}: ServeOptions): Promise<ServeResult> {
  const { batch: _, shortLoops: __, ...size } = configs[config];
  const spec = loopformer(size);
  const newTokens = Math.min(NEW_TOKENS, spec.context - PROMPT);
  await using runtime = await openOnnxRuntime({ threads });
  await using decoder = new Decoder({ spec, weights: initialWeights(spec, 1), runtime });
  const measured = { ours: [] as [string, number][], unbatched: [] as [string, number][] };
  for (const streams of concurrencies) {
    const requests = streams * spec.loops;
    print(`${streams} streams: ${requests} requests of ${newTokens} tokens, ${rounds} rounds`);
    const side = (batching: boolean) => async () => {
      const started = performance.now();
      await runRequests(new Scheduler(decoder, { slots: streams, batching }), {
        spec,
        requests,
        streams,
        newTokens,
      });
      return [performance.now() - started];
    };
    const sides = { ours: side(true), unbatched: side(false) };
    await alternate(sides, 1);
    const samples = await alternate(sides, rounds);
    const rate = ({ median }: { median: number }) => round((1000 * requests * newTokens) / median);
    measured.ours.push([`${streams}`, rate(samples.ours)]);
    measured.unbatched.push([`${streams}`, rate(samples.unbatched)]);
  }
  const ours = Object.fromEntries(measured.ours) as PerConcurrency;
  const unbatched = Object.fromEntries(measured.unbatched) as PerConcurrency;
  return {
    bench: "serve",
    config,
    ours: { tokensPerSecond: ours },
    unbatched: { tokensPerSecond: unbatched },
    ratios: {
      eight: round(ours["8"] / ours["1"], 2),
      thirtyTwo: round(ours["32"] / ours["1"], 2),
      eightToUnbatched: round(ours["8"] / unbatched["8"], 2),
      thirtyTwoToUnbatched: round(ours["32"] / unbatched["32"], 2),
    },
    promptTokens: PROMPT,
    newTokens,
    threads,
    rounds,
    provenance,
  };
}

interface Requests {
  readonly spec: Spec;
  readonly requests: number;
  readonly streams: number;
  readonly newTokens: number;
}

/** Runs so many requests, `streams` of them at a time; a new one follows each that ends. */
async function runRequests(
  scheduler: Scheduler,
  { spec, requests, streams, newTokens }: Requests,
): Promise<void> {
  const budgets = Array.from({ length: requests }, (_, index) => index);
  const client = async () => {
    for (let next = budgets.shift(); next !== undefined; next = budgets.shift())
      await request(scheduler, spec, next, newTokens);
  };
  await Promise.all(Array.from({ length: streams }, client));
}

function request(scheduler: Scheduler, spec: Spec, index: number, maxTokens: number): Promise<void> {
  const { loops, vocab } = spec;
  return new Promise((resolve, reject) => {
    scheduler.submit({
      prompt: Array.from({ length: PROMPT }, (_, at) => (31 * index + 7 * at + 3) % vocab),
      options: { loops: 1 + (index % loops), maxTokens, temperature: 0, window: "stop" },
      onToken: () => false,
      onEnd: () => resolve(),
      onError: reject,
    });
  });
}

/** The result as a table for people. */
export function serveTable({ config, ours, unbatched, ratios }: ServeResult): string {
  const rows = concurrencies.map((streams) => {
    const [batched, alone] = [ours.tokensPerSecond[`${streams}`], unbatched.tokensPerSecond[`${streams}`]];
    return [`${streams} streams`, batched, alone, round(batched / alone, 2)];
  });
  return [
    table([[`serve ${config}, tokens/s`, "batched", "one by one", "ratio"], ...rows]),
    `8 streams over 1: ${ratios.eight}; 32 over 1: ${ratios.thirtyTwo}`,
  ].join("\n");
}
