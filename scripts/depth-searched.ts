import type { AnswerClaim, AnswerModel } from "gyre";
import { needClaims, staircaseClaims } from "./depth-claims.ts";
import { accuracyAt, claim, closed, full, least, mean, minus, type Report, Study } from "./depth-study.ts";

/** The arms that LoopFormer is compared with, and what they are called in claims. */
const others = {
  "base-loop": "Base-Loop",
  "base-loop-inject": "Base-Loop with injection",
  "early-exit": "naive early exits",
  "early-exit-aligned": "aligned early exits",
  "tmlt-ee": "TMLT with early exits",
  "looped-transformer": "Looped Transformer",
  algoformer: "AlgoFormer",
};
/** The same at equal training FLOPs: AlgoFormer's step costs more than eight layers', so a run of fewer steps stands for it. */
const { algoformer, ...ofEqualCost } = others;
const atEqualFlops = { ...ofEqualCost, "algoformer-equal-flops": algoformer };

/** Loops at which arms are compared. */
const comparedAt = [1, 2, 4, 6, full];

/**
 * D1, D2 and D4 of state tracking where every arm has its own best rate and start: at equal steps, and at equal training FLOPs.
 */
export function searchedClaims(report: Report): AnswerClaim[] {
  const study = new Study(report);
  const lead = (loopformer: string, [arm, name]: readonly [string, string], cost: string) => {
    const [ours, theirs] = [study.of(loopformer, "wide"), study.of(arm, "wide")];
    const less = `LoopFormer less ${name} (seeds: ${ours.length}, ${theirs.length})`;
    const at = (reduce: typeof mean, models: readonly AnswerModel[], loops: number) =>
      reduce(models.map((model) => accuracyAt(model, loops)));
    const by = (reduce: typeof mean, loops: number) =>
      minus(at(reduce, ours, loops), at(reduce, theirs, loops));
    return [
      ...comparedAt.map((loops) =>
        claim("D2", `${less} at ${loops} of ${full} loops: mean accuracy, equal ${cost}`, by(mean, loops), 0),
      ),
      claim("D2", `${less} at ${full} loops: accuracy of the worst seed, equal ${cost}`, by(least, full), 0),
    ];
  };
  return [
    ...staircaseClaims(study),
    ...Object.entries(others).flatMap((arm) => lead("loopformer", arm, "steps")),
    ...Object.entries(atEqualFlops).flatMap((arm) => lead("loopformer-equal-flops", arm, "training FLOPs")),
    ...needClaims(study),
  ].map(closed);
}
