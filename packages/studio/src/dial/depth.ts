import type { WriteOptions } from "gyre/web";

/** How deep a text is written: with so many loops, along steps of unequal size, or until a rule is content. */
export interface Depth {
  readonly kind: "loops" | "trajectory" | "exit";
  readonly loops: number;
  /** Step sizes that sum to 1. */
  readonly steps: readonly number[];
  readonly rule: RuleName;
  readonly limit: number;
}

/** Rules that stop a token early, with the range of their limits. */
export const rules = {
  "probability>": { title: "sure enough: probability above", least: 0.1, most: 0.99, usual: 0.6 },
  "entropy<": { title: "few options left: entropy below", least: 0.1, most: 4, usual: 1.5 },
  "kl<": { title: "settled: change of the prediction below", least: 0.001, most: 0.5, usual: 0.02 },
  "change<": { title: "settled: change of the state below", least: 0.01, most: 1, usual: 0.2 },
} as const;
export type RuleName = keyof typeof rules;

export const even = (count: number): number[] => Array.from({ length: count }, () => 1 / count);

export function usualDepth(loops: number): Depth {
  return {
    kind: "loops",
    loops,
    steps: even(loops),
    rule: "probability>",
    limit: rules["probability>"].usual,
  };
}

/** The steps with one of them changed, the others scaled so that all still sum to 1. */
export function withStep(steps: readonly number[], index: number, size: number): number[] {
  if (steps.length === 1) return [1];
  const least = 0.01;
  const own = Math.min(1 - least * (steps.length - 1), Math.max(least, size));
  const others = steps.reduce((sum, step, at) => (at === index ? sum : sum + step), 0);
  const scaled = steps.map((step, at) => (at === index ? own : Math.max(least, (step * (1 - own)) / others)));
  const total = scaled.reduce((sum, step) => sum + step, 0);
  return scaled.map((step) => step / total);
}

/** What the worker is asked for. */
export function optionsOf({ kind, loops, steps, rule, limit }: Depth): Pick<WriteOptions, "loops" | "exit"> {
  if (kind === "trajectory") return { loops: steps };
  return kind === "exit" ? { loops, exit: `${rule}${limit}` } : { loops };
}

/** The budget whose states the lens reads. */
export const budgetOf = ({ kind, loops, steps }: Depth): number | readonly number[] =>
  kind === "trajectory" ? steps : loops;

/** Text as it can be seen: blanks and ends of lines are shown. */
export function visible(text: string): string {
  return text === "" ? "∅" : text.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}
