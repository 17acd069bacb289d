import { atMost } from "../../report/report.ts";
import type { InputLaw } from "../linear/prompts.ts";
import { linearRecipe } from "../linear/train.ts";
import { type FigureRecipe, findingsOf, overSeeds } from "./figure.ts";
import { type Arm, at, type Outcome, runAll, worst } from "./linear-arms.ts";

const inputs: InputLaw = { kind: "gaussian", scales: [1, 1, 1, 1, 1] };
const examples = 20;
/**
 * Free P and Q start at a saddle, from which small weights do not get away: with a spread of 0.01 none of eight runs
 * left the plateau, with 0.3 four loops overflow in the first step.
 */
const training = { learningRate: 0.04, initial: 0.2 };

const settings = { ...linearRecipe, free: training, scales: inputs.scales, examples, evaluation: 2048 };

const medianAt = (one: Outcome, loop: number) => one.medians.get(loop) ?? Number.NaN;

/** Few examples: what free P and Q learn, and the tails of what A alone learned. */
export const linearFree: FigureRecipe = {
  name: "linear-free",
  summary: "with few examples free P and Q learn more than gradient descent, and A alone has heavy tails",
  async measure(context) {
    const free = (loops: number): Arm => ({ parametrisation: "free", inputs, examples, loops, training });
    const arms: [string, Arm][] = [
      ["P and Q, 2 loops", free(2)],
      ["P and Q, 4 loops", free(4)],
      ["A, 4 loops", { parametrisation: "restricted", inputs, examples, loops: 4 }],
    ];
    const outcomes = await runAll<string>(arms, context);
    const of = (name: string) => outcomes.get(name) ?? [];
    const restricted = of("A, 4 loops");
    const curve = (
      name: string,
      value: (one: Outcome, loop: number) => number,
      group: number,
      isDashed = false,
    ) => ({
      name: `${name}${isDashed ? ", median" : ""}`,
      group,
      line: isDashed ? ("dashed" as const) : ("solid" as const),
      points: [...(of(name)[0]?.means.keys() ?? [])].map((loop) =>
        overSeeds(
          loop,
          of(name).map((one) => value(one, loop)),
        ),
      ),
    });
    return findingsOf(
      {
        title: "Few examples: more than gradient descent, and heavy tails",
        subtitle: "d = 5, n = 20, isotropic; squared error over 2,048 prompts, range over seeds",
        x: { title: "loops", kind: "log" },
        y: { title: "squared error", kind: "log", most: 100, least: 1e-8 },
        series: [
          ...arms.map(([name], group) => curve(name, at, group)),
          curve("A, 4 loops", medianAt, 2, true),
          {
            name: "best gradient descent",
            group: 3,
            points: ["P and Q, 2 loops", "P and Q, 4 loops"].map((name, index) =>
              overSeeds(
                [2, 4][index] ?? 0,
                of(name).map((one) => one.plain),
              ),
            ),
          },
        ],
      },
      {
        claims: [
          atMost(
            "P and Q, 2 loops: MSE / best gradient descent",
            worst(of("P and Q, 2 loops"), (one) => at(one, 2) / one.plain),
            0.5,
          ),
          atMost(
            "P and Q, 4 loops: MSE / best gradient descent",
            worst(of("P and Q, 4 loops"), (one) => at(one, 4) / one.plain),
            0.2,
          ),
          atMost(
            "A trained at 4 loops, run for 16: median / mean of squared errors",
            worst(restricted, (one) => medianAt(one, 16) / at(one, 16)),
            1e-3,
          ),
        ],
        settings,
      },
    );
  },
};
