import { mean } from "../util/statistics.ts";
import type { AnswerClaim } from "./answers.ts";
import type { Analysis, LoopMeasures, RunAnalysis } from "./states.ts";

/** How much the states of a run keep moving from loop to loop: what LoopFormer's figures 4 and 5 are about. */
export interface Movement {
  /** Mean over the loops of the second half of the median |h_l - h_(l-1)| / |h_(l-1)|. */
  readonly change: number;
  /** The same of the angle between h_(l-1) and h_l, in radians. */
  readonly angle: number;
  /** Mean linear CKA of two different loops. */
  readonly cka: number;
  /** The largest value of any loop less the smallest: radians, nats, and directions. */
  readonly curvature: number;
  readonly entropy: number;
  readonly effectiveRank: number;
}

/** The run at full depth; where it was not looked into, the one that the verdict is about. */
export function fullRun({ runs, fullDepth, judged }: Analysis): RunAnalysis {
  const at = (depth: number) => runs.find(({ loops }) => loops === depth);
  return (at(fullDepth) ?? at(judged) ?? runs[0]) as RunAnalysis;
}

/** What the loops of a run do to the states; what enters the first loop is left out. CKA is NaN of one loop. */
export function movementOf({ loops, steps, cka }: RunAnalysis): Movement {
  const own = steps.filter((step) => step.loops > 0);
  const late = own.filter((step) => step.loops > loops / 2);
  const lateMean = (part: "change" | "angle") => mean(late.flatMap((step) => step[part]?.median ?? []));
  const range = (measure: (step: LoopMeasures) => number) =>
    Math.max(...own.map(measure)) - Math.min(...own.map(measure));
  const first = steps.length - own.length;
  return {
    change: lateMean("change"),
    angle: lateMean("angle"),
    cka: mean(cka.slice(first).flatMap((row, at) => row.slice(first, first + at))),
    curvature: range(({ curvature }) => curvature),
    entropy: range(({ promptEntropy }) => promptEntropy),
    effectiveRank: range(({ effectiveRank }) => effectiveRank),
  };
}

/** A model whose loops have step sizes, or not, and what it was like inside. */
export interface LookedInto {
  readonly name: string;
  readonly hasSteps: boolean;
  readonly analysis: Analysis;
}

/**
 * What LoopFormer's paper says of its figures 4 and 5, as inequalities: models whose loops have step sizes keep moving their
 * states, and each other one stagnates beside them. Of several with step sizes the one that moves least counts. No claims
 * where either side is missing.
 */
export function movementClaims(models: readonly LookedInto[]): AnswerClaim[] {
  const withSteps = models.filter(({ hasSteps }) => hasSteps);
  if (withSteps.length === 0) return [];
  const moved = withSteps.map(({ analysis }) => movementOf(fullRun(analysis)));
  const names = withSteps.map(({ name }) => name).join(", ");
  const least = (part: keyof Movement) => Math.min(...moved.map((one) => one[part]));
  const subject = withSteps.length === 1 ? names : `the least of ${names}`;
  return models
    .filter(({ hasSteps }) => !hasSteps)
    .flatMap(({ name, analysis }) => {
      const other = movementOf(fullRun(analysis));
      const less = (id: string, what: string, part: keyof Movement) =>
        claim(id, `${what}: ${subject}, less ${name}`, least(part) - other[part]);
      const alike = Math.max(...moved.map(({ cka }) => cka));
      return [
        less("change", "mean relative change in the second half of the loops", "change"),
        less("angle", "mean angle between loops in their second half, radians", "angle"),
        claim(
          "CKA",
          `mean CKA of two loops: ${name}, less ${withSteps.length === 1 ? names : `the most of ${names}`}`,
          other.cka - alike,
        ),
        less("curvature", "range of curvature over the loops, radians", "curvature"),
        less("entropy", "range of entropy over the loops, nats", "entropy"),
      ];
    });
}

const claim = (id: string, text: string, measured: number): AnswerClaim => ({
  id,
  text,
  ...(Number.isFinite(measured) ? { measured } : {}),
  is: "at least",
  limit: 0,
});
