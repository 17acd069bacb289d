import { type GenerateOptions, generate, uniformTrajectory } from "gyre";
import { openOnnxRuntime } from "gyre/node";
import type { FaultPart } from "./part.ts";
import { randomOf, sharedOut } from "./part.ts";
import { PlainModel } from "./plain-model.ts";
import { spec, tinyWeights } from "./tiny.ts";

type Choice = Pick<GenerateOptions, "topK" | "topP"> & { readonly temperature: number };

const choices: readonly Choice[] = [
  { temperature: 1 },
  { temperature: 0.6 },
  { temperature: 1.5 },
  { temperature: 1, topK: 12 },
  { temperature: 1, topP: 0.7 },
  { temperature: 0.8, topK: 40, topP: 0.9 },
];
const draws = 4000;
/** Tokens that are expected less often than this are counted together. */
const leastExpected = 8;
/** One in a million right samplers fails. */
const quantile = 4.753;

/** What should be drawn, from logits, in the plainest way. */
function expectedShares(logits: Float64Array, { temperature, topK = logits.length, topP = 1 }: Choice) {
  const best = Math.max(...logits);
  const weights = logits.map((value) => Math.exp((value - best) / temperature));
  const order = [...weights.keys()].sort((a, b) => (weights[b] as number) - (weights[a] as number));
  const mass = order.slice(0, topK).reduce((sum, token) => sum + (weights[token] as number), 0);
  const shares = new Map<number, number>();
  let total = 0;
  for (const token of order.slice(0, topK)) {
    if (shares.size > 0 && total >= topP * mass) break;
    shares.set(token, weights[token] as number);
    total += weights[token] as number;
  }
  return new Map([...shares].map(([token, weight]) => [token, weight / total]));
}

/** How far counts are from what was expected, in standard deviations (Wilson and Hilferty's approximation of chi-squared). */
function deviation(counts: ReadonlyMap<number, number>, shares: ReadonlyMap<number, number>, total: number) {
  let [chi, cells, rareExpected, rareCount] = [0, 0, 0, 0];
  for (const [token, share] of shares) {
    const [expected, count] = [share * total, counts.get(token) ?? 0];
    if (expected >= leastExpected) {
      chi += (count - expected) ** 2 / expected;
      cells++;
    } else {
      rareExpected += expected;
      rareCount += count;
    }
  }
  if (rareExpected >= 1) {
    chi += (rareCount - rareExpected) ** 2 / rareExpected;
    cells++;
  }
  const freedom = Math.max(1, cells - 1);
  const spread = 2 / (9 * freedom);
  return ((chi / freedom) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread);
}

/** Tokens that are drawn, against their probabilities. */
export const sampling: FaultPart = {
  name: "sampling",
  summary: "drawn tokens against their probabilities, by chi-squared",
  async run(context) {
    const weights = tinyWeights(context.seed);
    const prompt = Array.from("We the people", (letter) => letter.charCodeAt(0));
    const loops = 3;
    const logits = new PlainModel(spec, weights)
      .logits(prompt, uniformTrajectory(loops))
      .at(-1) as Float64Array;
    const total = sharedOut(draws, context);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const model = { spec, weights, runtime };
    const broken: string[] = [];
    const deviations: number[] = [];
    for (const [index, choice] of choices.entries()) {
      const counts = new Map<number, number>();
      const random = randomOf(context, "sampling", index);
      for (let draw = 0; draw < total; draw++) {
        const seed = random.below(2 ** 31);
        for await (const { token } of generate(model, prompt, { ...choice, loops, maxTokens: 1, seed }))
          counts.set(token, (counts.get(token) ?? 0) + 1);
      }
      const shares = expectedShares(logits, choice);
      const alien = [...counts.keys()].filter((token) => !shares.has(token));
      const away = deviation(counts, shares, total);
      deviations.push(away);
      if (alien.length > 0)
        broken.push(`${JSON.stringify(choice)}: drew ${alien}, which it should leave out`);
      if (!(away < quantile))
        broken.push(`${JSON.stringify(choice)}: ${away.toFixed(1)} standard deviations off`);
      context.note(`${index + 1} of ${choices.length} ways to draw`);
    }
    return {
      attacks: choices.length,
      broken,
      measured: `${total} draws each, at most ${Math.max(...deviations).toFixed(1)} sd`,
    };
  },
};
