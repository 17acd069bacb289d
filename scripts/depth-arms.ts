import type { AnswerClaim, AnswerModel } from "gyre";
import { accuracyAt, claim, closed, full, mean, minus, type Report, Study } from "./depth-study.ts";

/** Arms that came later, beside those of the first report, and what they are called in claims. */
const laterArms = {
  "early-exit-aligned": "aligned early exits",
  "tmlt-ee": "TMLT with early exits",
  "looped-transformer": "Looped Transformer",
  algoformer: "AlgoFormer",
} as const;

/**
 * D2 of state tracking against the arms that came later, and once more at equal training FLOPs: what is dearer a step has as many
 * fewer steps. Problems and protocol of both reports are the same.
 */
export function armClaims(arms: Report, report: Report): AnswerClaim[] {
  const asked = ({ task, problems, difficulties }: Report) => JSON.stringify([task, problems, difficulties]);
  if (asked(arms) !== asked(report)) throw new Error("the arms were asked other problems");
  const { of } = new Study({ ...report, models: [...report.models, ...arms.models] });
  const lead = (loopformer: string, [arm, name]: readonly [string, string], cost: string) => {
    const [ours, theirs] = [of(loopformer, "wide"), of(arm, "wide")];
    const meanAt = (models: readonly AnswerModel[], loops: number) =>
      mean(models.map((model) => accuracyAt(model, loops)));
    return armsAt.map((loops) =>
      claim(
        "D2",
        `LoopFormer less ${name} (seeds: ${ours.length}, ${theirs.length}) at ${loops} of ${full} loops: mean accuracy, equal ${cost}`,
        minus(meanAt(ours, loops), meanAt(theirs, loops)),
        0,
      ),
    );
  };
  const cheap = { "early-exit": "naive early exits", ...laterArms, "algoformer-equal-flops": "AlgoFormer" };
  const { algoformer: _, ...equal } = cheap;
  return [
    ...Object.entries(laterArms).flatMap((arm) => lead("loopformer", arm, "steps")),
    ...Object.entries(equal).flatMap((arm) => lead("loopformer-equal-flops", arm, "training FLOPs")),
  ].map(closed);
}

/** Loops at which later arms are compared. */
const armsAt = [1, 4, full];
