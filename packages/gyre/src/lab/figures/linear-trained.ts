import { atMost, type Claim } from "../../report/report.ts";
import type { InputLaw } from "../linear/prompts.ts";
import { linearRecipe } from "../linear/train.ts";
import { type FigureRecipe, findingsOf, overSeeds } from "./figure.ts";
import { at, type Outcome, runAll, worst } from "./linear-arms.ts";

const inputs: InputLaw = { kind: "gaussian", scales: [1, 1, 0.5, 0.25, 1] };

const trained = [1, 2, 4];
/** How far A may be from the optimum of one and two loops, which is known. */
const knownOptimum = 2;

/** What a model of some loops is held to; `outcomes` are its seeds'. */
function claimsOf(loops: number, outcomes: readonly Outcome[]): Claim[] {
  const of = (what: string, value: (one: Outcome) => number, most: number) =>
    atMost(`A, ${loops} loops: ${what}`, worst(outcomes, value), most);
  const claims = [
    of("MSE / best preconditioned descent", (one) => at(one, loops) / one.preconditioned, 1.15),
    of("MSE / best plain descent", (one) => at(one, loops) / one.plain, 0.25),
    of("MSE at twice the loops / at the trained", (one) => at(one, 2 * loops) / at(one, loops), 0.3),
  ];
  if (loops > knownOptimum) return claims;
  return [...claims, of("|D A D - I| (Frobenius)", (one) => one.distance, 0.4)];
}

/** Error of one number of loops over that of half as many, at worst. */
function doubling(loops: number, of: (loops: number) => readonly Outcome[]): Claim {
  const least = Math.min(...of(loops / 2).map((one) => at(one, loops / 2)));
  const ratio = worst(of(loops), (one) => at(one, loops)) / least;
  return atMost(`A: MSE of ${loops} trained loops / of ${loops / 2}`, ratio, 1);
}

/** Trained models against the best gradient descents, by loops. */
export const linearTrained: FigureRecipe = {
  name: "linear-trained",
  summary: "trained A equals preconditioned gradient descent, and goes on falling beyond the trained loops",
  async measure(context) {
    const arms = trained.map(
      (loops) => [`A, ${loops}`, { parametrisation: "restricted", inputs, examples: 100, loops }] as const,
    );
    const outcomes = await runAll<string>(arms, context);
    const of = (loops: number) => outcomes.get(`A, ${loops}`) ?? [];
    const curves = [...outcomes].map(([name, all], group) => ({
      name: `trained ${name} loop${name.endsWith("1") ? "" : "s"}`,
      group,
      points: [...(all[0]?.means.keys() ?? [])].map((loop) =>
        overSeeds(
          loop,
          all.map((one) => at(one, loop)),
        ),
      ),
    }));
    const descent = (name: string, value: (one: Outcome) => number, group: number) => ({
      name,
      group,
      points: trained.map((loops) => overSeeds(loops, of(loops).map(value))),
    });
    const symmetric = worst(of(4), (one) => 1 - one.antisymmetric);
    return findingsOf(
      {
        title: "What training finds: preconditioned gradient descent, or better",
        subtitle:
          "d = 5, n = 100, variances 1, 1, 1/4, 1/16, 1; mean squared error over 2,048 prompts, range over seeds",
        x: { title: "loops", kind: "log" },
        y: { title: "mean squared error", kind: "log", most: 100 },
        series: [
          ...curves,
          descent("best plain descent", (one) => one.plain, 5),
          descent("best preconditioned descent", (one) => one.preconditioned, 6),
        ],
      },
      {
        claims: [
          ...trained.flatMap((loops) => claimsOf(loops, of(loops))),
          atMost("finding: symmetric share of D A D at 4 loops (1 - antisymmetric share)", symmetric, 0.95),
          doubling(2, of),
          doubling(4, of),
        ],
        settings: { ...linearRecipe, scales: inputs.scales, examples: 100, evaluation: 2048 },
      },
    );
  },
};

/** Two trained loops against the number of examples. */
export const linearSamples: FigureRecipe = {
  name: "linear-samples",
  summary: "two loops learn preconditioned gradient descent already with 2d examples",
  async measure(context) {
    const counts = [10, 20, 40, 80];
    const training = { steps: 2000, batch: 256 };
    const arms = counts.map(
      (examples) =>
        [examples, { parametrisation: "restricted", inputs, examples, loops: 2, training }] as const,
    );
    const outcomes = await runAll<number>(arms, context);
    const of = (count: number) => outcomes.get(count) ?? [];
    const curve = (name: string, value: (one: Outcome) => number, isDashed = false) => ({
      name,
      line: isDashed ? ("dashed" as const) : ("solid" as const),
      points: counts.map((count) => overSeeds(count, of(count).map(value))),
    });
    return findingsOf(
      {
        title: "Two trained loops equal preconditioned gradient descent at every n",
        subtitle: "A alone, d = 5; mean squared error over 2,048 prompts, range over seeds",
        x: { title: "examples n", kind: "log" },
        y: { title: "mean squared error", kind: "log" },
        series: [
          curve("trained A, 2 loops", (one) => at(one, 2)),
          curve("best preconditioned", (one) => one.preconditioned, true),
          curve("best plain descent", (one) => one.plain, true),
        ],
      },
      {
        claims: counts.map((count) =>
          atMost(
            `n = ${count}: |MSE / best preconditioned descent - 1|`,
            worst(of(count), (one) => Math.abs(at(one, 2) / one.preconditioned - 1)),
            0.1,
          ),
        ),
        settings: { ...linearRecipe, ...training, scales: inputs.scales, loops: 2 },
      },
    );
  },
};
