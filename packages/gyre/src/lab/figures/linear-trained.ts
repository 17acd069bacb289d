import { atMost, type Claim } from "../../report/lab-report.ts";
import type { InputLaw } from "../linear/prompts.ts";
import { linearRecipe } from "../linear/train.ts";
import { type FigureRecipe, overSeeds } from "./figure.ts";
import { at, type Outcome, runAll, worst } from "./linear-arms.ts";

const inputs: InputLaw = { kind: "gaussian", scales: [1, 1, 0.5, 0.25, 1] };

/** Trained models against the best gradient descents, by loops. */
export const linearTrained: FigureRecipe = {
  name: "linear-trained",
  summary: "trained A equals preconditioned gradient descent, and goes on falling beyond the trained loops",
  async measure(context) {
    const trained = [1, 2, 4];
    const outcomes = await runAll<string>(
      trained.map(
        (loops) => [`A, ${loops}`, { parametrisation: "restricted", inputs, examples: 100, loops }] as const,
      ),
      context,
    );
    const of = (key: string) => outcomes.get(key) ?? [];
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
      points: trained.map((loops) => overSeeds(loops, of(`A, ${loops}`).map(value))),
    });
    const claims: Claim[] = trained.flatMap((loops) => [
      atMost(
        `A, ${loops} loops: MSE / best preconditioned descent`,
        worst(of(`A, ${loops}`), (one) => at(one, loops) / one.preconditioned),
        1.15,
      ),
      atMost(
        `A, ${loops} loops: MSE / best plain descent`,
        worst(of(`A, ${loops}`), (one) => at(one, loops) / one.plain),
        0.25,
      ),
      atMost(
        `A, ${loops} loops: MSE at twice the loops / at the trained`,
        worst(of(`A, ${loops}`), (one) => at(one, 2 * loops) / at(one, loops)),
        0.3,
      ),
      ...(loops <= 2
        ? [
            atMost(
              `A, ${loops} loops: |D A D - I| (Frobenius)`,
              worst(of(`A, ${loops}`), (one) => one.distance),
              0.4,
            ),
          ]
        : []),
    ]);
    const four = of("A, 4");
    return {
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
      claims: [
        ...claims,
        atMost(
          "finding: symmetric share of D A D at 4 loops (1 - antisymmetric share)",
          worst(four, (one) => 1 - one.antisymmetric),
          0.95,
        ),
        ...[2, 4].map((loops) =>
          atMost(
            `A: MSE of ${loops} trained loops / of ${loops / 2}`,
            worst(of(`A, ${loops}`), (one) => at(one, loops)) /
              Math.min(...of(`A, ${loops / 2}`).map((one) => at(one, loops / 2))),
            1,
          ),
        ),
      ],
      settings: { ...linearRecipe, scales: inputs.scales, examples: 100, evaluation: 2048 },
    };
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
      isDashed,
      points: counts.map((count) => overSeeds(count, of(count).map(value))),
    });
    return {
      title: "Two trained loops equal preconditioned gradient descent at every n",
      subtitle: "A alone, d = 5; mean squared error over 2,048 prompts, range over seeds",
      x: { title: "examples n", kind: "log" },
      y: { title: "mean squared error", kind: "log" },
      series: [
        curve("trained A, 2 loops", (one) => at(one, 2)),
        curve("best preconditioned", (one) => one.preconditioned, true),
        curve("best plain descent", (one) => one.plain, true),
      ],
      claims: counts.map((count) =>
        atMost(
          `n = ${count}: |MSE / best preconditioned descent - 1|`,
          worst(of(count), (one) => Math.abs(at(one, 2) / one.preconditioned - 1)),
          0.1,
        ),
      ),
      settings: { ...linearRecipe, ...training, scales: inputs.scales, loops: 2 },
    };
  },
};
