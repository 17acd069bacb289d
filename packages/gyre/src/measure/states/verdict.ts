import type { DialPoint, Tendency, Verdict } from "../../report/states.ts";

/** Where the lines are drawn. docs/analysis.md says why. */
export const thresholds = {
  /** A factor below 1 - this shrinks, above 1 + this grows; between them it does neither. */
  margin: 0.05,
  /** States that move by less than this in the last loop, relative to their norm, have settled. */
  settledChange: 1e-3,
  /** Loss in nats per token that more loops may cost: one percent of perplexity. */
  harm: 0.01,
  /** Standard errors that a harm must exceed. */
  certainty: 2,
} as const;

/**
 * What a user can act on: whether states settle as loops go on, and how many loops are safe. `changes` are the relative changes of
 * the loops of one run, in order, `radius` the spectral radius of its last loop, and `dial` the loss by number of loops, up to
 * and beyond `fullDepth`.
 */
export function judge(seen: {
  readonly changes: readonly number[];
  readonly radius: number;
  readonly dial: readonly DialPoint[];
  readonly fullDepth: number;
}): Omit<Verdict, "text"> {
  const { changes, radius, dial, fullDepth } = seen;
  const trend = trendOf(changes);
  const last = changes.at(-1) ?? 0;
  const fromChanges = last < thresholds.settledChange ? "settling" : tendencyOf(trend);
  const fromRadius = tendencyOf(radius);
  return {
    tendency: fromChanges === fromRadius ? fromChanges : "marginal",
    fromChanges,
    fromRadius,
    trend,
    ...safety(dial, fullDepth),
  };
}

/** (c_M / c_h)^(1 / (M - h)) of the changes c_1 ... c_M, with h the middle; 1 of fewer than two, 0 where nothing moves at last. */
function trendOf(changes: readonly number[]): number {
  const from = Math.max(0, Math.ceil(changes.length / 2) - 1);
  const [first, last] = [changes[from] ?? 0, changes.at(-1) ?? 0];
  if (changes.length < 2 || (first === 0 && last > 0))
    return changes.length < 2 ? 1 : Number.POSITIVE_INFINITY;
  return last === 0 ? 0 : (last / first) ** (1 / (changes.length - 1 - from));
}

function tendencyOf(factor: number): Tendency {
  if (factor < 1 - thresholds.margin) return "settling";
  return factor > 1 + thresholds.margin ? "drifting" : "marginal";
}

/** From the best number of loops up to full depth, up to the last before one that does harm. */
function safety(dial: readonly DialPoint[], fullDepth: number): Pick<Verdict, "safeLoops" | "isLimited"> {
  const within = dial.filter(({ loops }) => loops <= fullDepth);
  const best = within.reduce((one, other) => (other.loss < one.loss ? other : one), within[0] as DialPoint);
  const beyond = dial.filter(({ loops }) => loops > best.loops);
  const { harm, certainty } = thresholds;
  const bad = beyond.findIndex(({ worse, stderr }) => !(worse <= harm || worse <= certainty * stderr));
  const good = bad < 0 ? beyond : beyond.slice(0, bad);
  return { safeLoops: good.at(-1)?.loops ?? best.loops, isLimited: bad >= 0 };
}

/** The verdict in sentences, with the numbers that they rest on. */
export function verdictText(
  verdict: Omit<Verdict, "text">,
  {
    fullDepth,
    tried,
    radius,
  }: { readonly fullDepth: number; readonly tried: number; readonly radius: number },
): string[] {
  const { tendency, fromChanges, fromRadius, trend, safeLoops, isLimited } = verdict;
  const meaning = {
    settling:
      "Settling: each loop changes the states less than the one before, and small disturbances die out.",
    marginal: "Marginal: states neither clearly settle nor clearly drift.",
    drifting: "Drifting: each loop changes the states more than the one before, and small disturbances grow.",
  }[tendency];
  const numbers =
    `From loop to loop the change of states is multiplied by ${trend.toFixed(2)} (${fromChanges}); ` +
    `the last loop multiplies a small turn of them by up to ${radius.toFixed(2)} (${fromRadius}).`;
  const advice = isLimited
    ? `Do not turn the dial beyond ${safeLoops}: the next number of loops costs more than ${thresholds.harm} nats per token.`
    : `Up to ${safeLoops} loops are safe; more were not tried.`;
  const depth = `It was trained at ${fullDepth}; up to ${tried} were tried.`;
  return [meaning, numbers, `${advice} ${depth}`];
}
