import { memorySplit, type TokenSplit } from "../packages/gyre/src/data/windows.ts";
import { evaluate } from "../packages/gyre/src/measure/evaluate.ts";
import { loopformer } from "../packages/gyre/src/models/presets.ts";
import type { Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { parseTraining } from "../packages/gyre/src/train/options.ts";
import { train } from "../packages/gyre/src/train/text.ts";
import { rng } from "../packages/gyre/src/util/rng.ts";

/** Tokens that can be learned: each is three times the one before plus one, now and then a random one. */
export function learnableTokens(length: number, vocab: number, seed = 1): TokenSplit {
  const random = rng(seed, "tokens");
  const tokens = new Uint16Array(length);
  for (let at = 1; at < length; at++) {
    const next = 3 * (tokens[at - 1] as number) + 1;
    tokens[at] = (random.uniform() < 0.1 ? random.below(vocab) : next) % vocab;
  }
  return memorySplit(tokens);
}

export const goldenSpec = loopformer({
  vocab: 32,
  context: 16,
  width: 16,
  heads: 2,
  mlp: 40,
  layers: 1,
  loops: 8,
});
export const goldenTraining = parseTraining(
  { objective: { kind: "elastic" }, steps: 10, batch: 4, learningRate: 0.01, warmupSteps: 2, seed: 1 },
  goldenSpec,
);
export const goldenLoops = [1, 4, 8] as const;

export interface GoldenStep {
  readonly loss: number;
  readonly lossLong: number;
  readonly lossShort: number;
  readonly consistency: number;
  readonly gradientNorm: number;
  readonly shortLoops: readonly number[];
}

/** What golden/tiny-looped.json holds beside where it comes from. */
export interface GoldenCurve {
  readonly steps: readonly GoldenStep[];
  /** Loss on held-out tokens after the last step, by number of loops. */
  readonly lossAfter: Readonly<Record<string, number>>;
}

/** Trains the golden model on a runtime and measures it after the last step. */
export async function goldenCurve(runtime: Runtime): Promise<GoldenCurve> {
  const { vocab } = goldenSpec;
  const taken: GoldenStep[] = [];
  const data = learnableTokens(2000, vocab, 1);
  const run = train({ spec: goldenSpec, training: goldenTraining, runtime, data });
  let next = await run.next();
  for (; !next.done; next = await run.next()) {
    const event = next.value;
    if (event.type !== "step") continue;
    const { long: lossLong = 0, short: lossShort = 0, consistency = 0 } = event.parts;
    const { loss, gradientNorm, noted } = event;
    const { shortLoops = [] } = noted;
    taken.push({ loss, lossLong, lossShort, consistency, gradientNorm, shortLoops });
  }
  const lossAfter: Record<string, number> = {};
  const { weights } = next.value;
  const split = learnableTokens(257, vocab, 2);
  const measured = { spec: goldenSpec, weights, runtime, split, byteLength: () => 1, budgets: goldenLoops };
  for await (const { loops, loss } of evaluate(measured)) lossAfter[loops] = loss;
  return { steps: taken, lossAfter };
}
