import { generate } from "../decode/generate.ts";
import type { Model } from "../models/model.ts";
import type { Budget } from "../models/spec.ts";
import type { Speed } from "../report/cost.ts";
import { median } from "../util/statistics.ts";
import { badEvaluation } from "./errors.ts";

/** What `measureSpeed` writes, and at which budgets. */
export interface SpeedOptions {
  /** The text to continue. */
  readonly prompt: readonly number[];
  /** Tokens to write after it. */
  readonly maxTokens: number;
  readonly budgets: readonly Budget[];
  /** Called before each budget. */
  readonly onBudget?: (budget: Budget) => void;
  readonly signal?: AbortSignal;
}

/** Turns after one that warms up: three, and more of short texts. */
const turnsOf = (tokens: number): number => Math.max(3, Math.ceil(128 / tokens));

/**
 * How fast one text is written greedily at each budget: milliseconds to the first token, the prompt's time included, and tokens
 * per second after it; medians of at least three turns. Throws EVAL_OPTION, and what `generate` throws.
 *
 * @example
 * for (const { loops, tokensPerSecond } of await measureSpeed(model, { prompt: [1], maxTokens: 32, budgets: [1, 4] }))
 *   console.log(loops, tokensPerSecond);
 */
export async function measureSpeed(
  model: Model,
  { prompt, maxTokens, budgets, onBudget, signal }: SpeedOptions,
): Promise<Speed["points"]> {
  if (!(Number.isSafeInteger(maxTokens) && maxTokens >= 2))
    throw badEvaluation("maxTokens", String(maxTokens), "a whole number of at least 2");
  const points: Speed["points"] = [];
  for (const budget of budgets) {
    onBudget?.(budget);
    const turns: { readonly firstMs: number; readonly perSecond: number }[] = [];
    for (let turn = 0; turn <= turnsOf(maxTokens); turn++) {
      const begun = performance.now();
      const times: number[] = [];
      const request = { loops: budget, temperature: 0, maxTokens, window: "stop" as const };
      for await (const _ of generate(model, prompt, { ...request, ...(signal ? { signal } : {}) }))
        times.push(performance.now());
      const [first, last] = [times[0] ?? begun, times.at(-1) ?? begun];
      turns.push({ firstMs: first - begun, perSecond: (1000 * (times.length - 1)) / (last - first) });
    }
    const timed = turns.slice(1);
    points.push({
      loops: typeof budget === "number" ? budget : budget.length,
      firstTokenMs: median(timed.map(({ firstMs }) => firstMs)),
      tokensPerSecond: median(timed.map(({ perSecond }) => perSecond)),
    });
  }
  return points;
}
