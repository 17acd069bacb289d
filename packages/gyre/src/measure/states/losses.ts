import type { Model } from "../../models/model.ts";
import type { DialPoint } from "../../report/states.ts";
import { mean } from "../../util/statistics.ts";
import { type LensReader, openLensReader, openStateReader } from "./collect.ts";
import { lossOf } from "./lens.ts";
import type { Rows } from "./rows.ts";

/** Tokens [T], and the token to come after each; -1 where none is scored. */
export interface ReadText {
  readonly tokens: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
}

/**
 * The loss of texts at each number of loops up to `deepest`, token by token, so that depths are compared on the same tokens. A
 * model without step sizes passes through every depth on its way to the deepest; one with them runs each by itself.
 * Throws MODEL_VECTORS, LOOPS.
 */
export async function dialOf(
  model: Model,
  texts: readonly ReadText[],
  deepest: number,
  signal?: AbortSignal,
): Promise<DialPoint[]> {
  const isPrefix = model.spec.conditioning.kind !== "time";
  const tokens = texts[0]?.tokens.length ?? 0;
  await using lens = await openLensReader(model, tokens);
  const losses = Array.from({ length: deepest }, (): number[] => []);
  for (const budget of isPrefix ? [deepest] : Array.from({ length: deepest }, (_, index) => index + 1)) {
    await using reader = await openStateReader(model, { budget, tokens });
    for (const text of texts) {
      signal?.throwIfAborted();
      const { hidden } = await reader.read(text.tokens);
      for (const [index, rows] of (isPrefix ? hidden : hidden.slice(-1)).entries())
        losses[isPrefix ? index : budget - 1]?.push(...(await tokenLosses(lens, rows, text)));
    }
  }
  return pointsOf(losses);
}

/** Nats of each scored token after those of a text. */
async function tokenLosses(lens: LensReader, hidden: Rows, { targets }: ReadText): Promise<number[]> {
  const losses: number[] = [];
  let position = 0;
  for await (const logits of lens.logits(hidden)) {
    const target = targets[position++] as number;
    if (target >= 0) losses.push(lossOf(Float64Array.from(logits), target));
  }
  return losses;
}

function pointsOf(losses: readonly (readonly number[])[]): DialPoint[] {
  let best = 0;
  const means = losses.map(mean);
  return losses.map((own, index) => {
    if ((means[index] as number) < (means[best] as number)) best = index;
    const worse = own.map((loss, at) => loss - (losses[best]?.[at] as number));
    const average = mean(worse);
    const variance = mean(worse.map((value) => (value - average) ** 2));
    return {
      loops: index + 1,
      loss: means[index] as number,
      worse: average,
      stderr: Math.sqrt(variance / own.length),
    };
  });
}
