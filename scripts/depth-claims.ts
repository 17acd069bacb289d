// What the reports under docs/results/depth say of claims D1 to D6 on state tracking, and of D1, D2 and D4 on further tasks. A claim
// whose runs are missing stays open.
import { type AnswerClaim, isUniform, type ReportOf } from "gyre";
import {
  accuracyAt,
  beyond,
  claim,
  closed,
  full,
  least,
  leastGrowth,
  mean,
  minus,
  most,
  type Open,
  pointAt,
  type Report,
  reduced,
  Study,
  shareOf,
  solvedAt,
  upTo,
} from "./depth-study.ts";

type ExitsReport = ReportOf<"answer-exits">;

/** Claims D1 to D6 on one task, as far as the models of a report decide them; `trajectories` has twelve loops, `exits` one report a seed. */
export function depthClaims(
  report: Report,
  trajectories: Report | undefined,
  exits: readonly ExitsReport[],
): AnswerClaim[] {
  const study = new Study(report);
  return [
    ...staircaseClaims(study),
    ...elasticClaims(study),
    ...extrapolationClaims(study, trajectories),
    ...needClaims(study),
    ...budgetClaims(exits, study.longest),
    ...startClaims(study),
  ].map(closed);
}

/** Claims D1, D2 and D4 on a further task, on which all arms start wide. */
export function furtherClaims(report: Report): AnswerClaim[] {
  const study = new Study(report);
  return [...staircaseClaims(study), ...leadClaims(study), ...needClaims(study)].map(closed);
}

export function staircaseClaims({ seeds, counts }: Study): Open[] {
  const of = `LoopFormer, worst of ${seeds.length} seeds: least gain of a further loop, from 1 to ${full}`;
  return [
    claim("D1", `${of}, in ${counts} solved`, leastGrowth(seeds, solvedAt), 1),
    claim("D1", `${of}, in mean accuracy`, leastGrowth(seeds, accuracyAt), 0),
    claim(
      "D1",
      `LoopFormer, worst of ${seeds.length} seeds: ${counts} solved with ${full} loops less those with 1`,
      least(seeds.map((model) => minus(solvedAt(model, full), solvedAt(model, 1)))),
      1,
    ),
    claim(
      "D1",
      `LoopFormer, mean of ${seeds.length} seeds: ${counts} solved for each loop, slope of the line that fits 1 to ${full} loops best`,
      mean(seeds.map((model) => slope(upTo(full).map((loops) => solvedAt(model, loops))))),
      1,
    ),
  ];
}

/** By least squares, of values at 1, 2, 3 and so on; undefined where any of them is. */
const slope = (values: readonly (number | undefined)[]) =>
  reduced(values, (known) => {
    const middle = (known.length + 1) / 2;
    const [xy, xx] = [
      known.reduce((sum, value, at) => sum + (at + 1 - middle) * value, 0),
      known.reduce((sum, _, at) => sum + (at + 1 - middle) ** 2, 0),
    ];
    return xy / xx;
  });

/** Loops at which D2 compares. */
const elasticAt = [1, 2, 4, 6, full];
function elasticClaims(study: Study): Open[] {
  const lead = (loops: number) => minus(study.best("loopformer", loops), study.best("early-exit", loops));
  return [
    ...elasticAt.map((loops) =>
      claim(
        "D2",
        `LoopFormer less naive early exits at ${loops} of ${full} loops: mean accuracy, equal steps, each from its better start`,
        lead(loops),
        0,
      ),
    ),
    claim(
      "D2",
      `what early exits lose at ${full} loops with their worse start less what LoopFormer loses`,
      minus(study.lost("early-exit"), study.lost("loopformer")),
      0,
    ),
  ];
}

/** D2 from one start: the means over seeds at some loops, and the worst seeds at full depth. */
function leadClaims(study: Study): Open[] {
  const at = (arm: string, loops: number) => study.of(arm, "wide").map((model) => accuracyAt(model, loops));
  const lead = (reduce: typeof mean, loops: number) =>
    minus(reduce(at("loopformer", loops)), reduce(at("early-exit", loops)));
  const seedsOf = (arm: string) => study.of(arm, "wide").length;
  const less = `LoopFormer less naive early exits (seeds: ${seedsOf("loopformer")}, ${seedsOf("early-exit")})`;
  return [
    ...elasticAt.map((loops) =>
      claim("D2", `${less} at ${loops} of ${full} loops: mean accuracy, equal steps`, lead(mean, loops), 0),
    ),
    claim("D2", `${less} at ${full} of ${full} loops: accuracy of the worst seed`, lead(least, full), 0),
  ];
}

function extrapolationClaims({ seeds }: Study, trajectories: Report | undefined): Open[] {
  const gains = (valueAt: typeof solvedAt) =>
    seeds.map((model) => minus(valueAt(model, beyond), valueAt(model, full)));
  const points = (trajectories?.models ?? []).map(({ points: own }) =>
    own.filter(({ loops }) => loops === beyond),
  );
  const first = (isFirst: (first: number, last: number) => boolean) =>
    mean(
      points.map((own) => {
        const uniform = own.find(({ trajectory }) => isUniform(trajectory));
        const other = own.find(({ trajectory }) => isFirst(trajectory[0] ?? 0, trajectory.at(-1) ?? 0));
        return minus(other?.accuracy, uniform?.accuracy);
      }),
    );
  const more = `${beyond} loops less ${full}`;
  return [
    claim(
      "D3",
      `LoopFormer, worst of ${seeds.length} seeds: elements solved, ${more}`,
      least(gains(solvedAt)),
      1,
    ),
    claim(
      "D3",
      `LoopFormer, mean of ${seeds.length} seeds: mean accuracy, ${more}`,
      mean(gains(accuracyAt)),
      0,
    ),
    claim(
      "D3",
      `${beyond} loops: coarse steps first less uniform ones, mean accuracy`,
      first((a, z) => a > z),
      0,
    ),
    claim(
      "D3",
      `${beyond} loops: fine steps first less uniform ones, mean accuracy`,
      first((a, z) => a < z),
      0,
    ),
  ];
}

export function needClaims(study: Study): Open[] {
  const once = (arm: string) => (["wide", "narrow"] as const).flatMap((start) => study.of(arm, start));
  const deep = most(once("gpt-deep").map((model) => accuracyAt(model, 1)));
  const all = study.looped;
  const best = `${full} loops of one layer, the best of ${all.length} models`;
  const { counts, longest } = study;
  const half = Math.floor(longest / 2);
  const hard = most(once("gpt").map((model) => shareOf(pointAt(model, 1), (n) => n > half)));
  return [
    {
      ...claim("D4", `one layer once: largest share right beyond ${half} ${counts}`, hard, 0.6),
      is: "at most",
    },
    claim(
      "D4",
      `${best}: share right at ${longest} ${counts}`,
      most(all.map((model) => shareOf(pointAt(model, full), (n) => n === longest))),
      0.95,
    ),
    claim(
      "D4",
      `${best}, less eight plain layers: mean accuracy`,
      minus(most(all.map((model) => accuracyAt(model, full))), deep),
      0,
    ),
  ];
}

/** The exit rule that D5 is about: it was chosen on a run of another recipe, the third seed with a curriculum. */
const rule = "probability>0.95";

function budgetClaims(reports: readonly ExitsReport[], longest: number): Open[] {
  const of = `LoopFormer, worst of ${reports.length} seeds, exit ${rule}`;
  const both = reports.map(({ exits, loops }) => ({
    early: exits.find(({ name }) => name === rule),
    whole: exits.find(({ name }) => name === `first ${loops} of ${loops}`),
    loops,
  }));
  const early = both.map((one) => one.early);
  return [
    claim(
      "D5",
      `${of}: mean accuracy less that of all ${full} loops`,
      least(both.map(({ early: own, whole }) => minus(own?.accuracy, whole?.accuracy))),
      -0.005,
    ),
    claim(
      "D5",
      `${of}: mean loops at ${longest} elements less those at 1`,
      least(early.map((exit) => minus(exit?.scores.at(-1)?.meanLoops, exit?.scores[0]?.meanLoops))),
      1,
    ),
    claim(
      "D5",
      `${of}: least growth of mean loops with a further element, from 1 to ${longest}`,
      least(early.flatMap((exit) => growth(exit?.scores.map(({ meanLoops }) => meanLoops) ?? []))),
      0,
    ),
    claim(
      "D5",
      `${of}: share of the loops that are saved`,
      least(both.map(({ early: own, loops }) => own && 1 - own.meanLoops / loops)),
      0.1,
    ),
  ];
}

const growth = (values: readonly number[]) => values.slice(1).map((value, at) => value - (values[at] ?? 0));

function startClaims(study: Study): Open[] {
  const at = (arm: string) => study.starts(arm, full);
  const [plain, injected] = [at("base-loop"), at("base-loop-inject")];
  const more = `mean accuracy at ${full} loops`;
  return [
    claim("D6", `injection, from N(0, 0.02): ${more}`, minus(injected.narrow, plain.narrow), 0),
    claim("D6", `injection, from N(0, 0.06): ${more}`, minus(injected.wide, plain.wide), 0),
    ...(["base-loop", "base-loop-inject", "early-exit", "loopformer"] as const).map((arm) =>
      claim("D6", `the wide start for ${arm}: ${more}`, minus(at(arm).wide, at(arm).narrow), 0),
    ),
  ];
}
