import type { Runtime } from "../../runtime/runtime.ts";
import { bestDescent } from "../linear/best-descent.ts";
import { drawLinear, type InputLaw, momentsOf } from "../linear/prompts.ts";
import { linearErrors, linearRecipe, type Parametrisation, trainLinear } from "../linear/train.ts";
import { atMost, type Claim } from "../report.ts";
import { mean, median } from "../statistics.ts";
import { type FigureContext, type FigureRecipe, overSeeds } from "./figure.ts";

const inputs: InputLaw = { kind: "gaussian", scales: [1, 1, 0.5, 0.25, 1] };

interface Arm {
  readonly parametrisation: Parametrisation;
  readonly examples: number;
  readonly loops: number;
  readonly steps: number;
  readonly batch: number;
}

/** What one run measured: mean and median squared error by loops, and the best descents for as many steps. */
interface Outcome {
  readonly means: ReadonlyMap<number, number>;
  readonly medians: ReadonlyMap<number, number>;
  readonly plain: number;
  readonly preconditioned: number;
  /** |D A D - I| in the Frobenius norm, above the spectral one, and the antisymmetric share of D A D. */
  readonly distance: number;
  readonly antisymmetric: number;
}

async function runArm(
  arm: Arm,
  seed: number,
  context: FigureContext,
  runtimes: readonly [Runtime, Runtime],
): Promise<Outcome> {
  const { parametrisation, examples, loops, steps } = arm;
  const label = `${parametrisation}, n ${examples}, ${loops} loops, seed ${seed}`;
  const { weights } = await trainLinear(
    runtimes[0],
    { ...linearRecipe, ...arm, inputs, seed },
    {
      onStep: (step, loss) =>
        context.onProgress?.(`${label}: step ${step + 1} of ${steps}, loss ${loss.toPrecision(3)}`),
      ...(context.signal ? { signal: context.signal } : {}),
    },
  );
  const law = {
    seed,
    stream: "evaluation",
    batch: 2048,
    examples,
    outputs: 1,
    inputs,
    prior: "matched",
  } as const;
  const prompts = drawLinear(law);
  const moments = momentsOf(prompts);
  const taps = [1, 2, 4, 8, 16].filter((tap) => tap <= 4 * loops);
  const errors = await linearErrors(runtimes[1], weights, prompts, taps);
  const best = (diagonal: readonly number[]) => bestDescent(prompts, moments, diagonal, loops).meanSquare;
  const { scales } = inputs;
  const scaled = (row: number, column: number) =>
    (weights.Q.data[row * (scales.length + 1) + column] ?? 0) * (scales[row] ?? 0) * (scales[column] ?? 0);
  let [distance, odd, size] = [0, 0, 0];
  for (let row = 0; row < scales.length; row++)
    for (let column = 0; column < scales.length; column++) {
      distance += (scaled(row, column) - (row === column ? 1 : 0)) ** 2;
      odd += ((scaled(row, column) - scaled(column, row)) / 2) ** 2;
      size += scaled(row, column) ** 2;
    }
  return {
    means: new Map([...errors].map(([loop, values]) => [loop, mean(values)])),
    medians: new Map([...errors].map(([loop, values]) => [loop, median(values)])),
    plain: best(scales.map(() => 1)),
    preconditioned: best(scales.map((scale) => 1 / scale ** 2)),
    distance: Math.sqrt(distance),
    antisymmetric: Math.sqrt(odd / size),
  };
}

async function runAll<Key>(arms: readonly (readonly [Key, Arm])[], context: FigureContext) {
  await using single = await context.openRuntime("float32");
  await using double = await context.openRuntime("float64");
  const outcomes = new Map<Key, Outcome[]>();
  for (const [key, arm] of arms)
    for (const seed of context.seeds)
      outcomes.set(key, [...(outcomes.get(key) ?? []), await runArm(arm, seed, context, [single, double])]);
  return outcomes;
}

const worst = (outcomes: readonly Outcome[], of: (one: Outcome) => number) => Math.max(...outcomes.map(of));
const at = (one: Outcome, loops: number) => one.means.get(loops) ?? Number.NaN;

/** Trained models against the best gradient descents, by loops. */
export const linearTrained: FigureRecipe = {
  name: "linear-trained",
  summary: "trained A equals preconditioned gradient descent; free P and Q learn more than that",
  async measure(context) {
    const trained = [1, 2, 4];
    const common = { steps: linearRecipe.steps, batch: linearRecipe.batch };
    const restricted = trained.map(
      (loops) => [`A, ${loops}`, { parametrisation: "restricted", examples: 100, loops, ...common }] as const,
    );
    const free = [2, 4].map(
      (loops) => [`P, Q, ${loops}`, { parametrisation: "free", examples: 100, loops, ...common }] as const,
    );
    const outcomes = await runAll<string>([...restricted, ...free], context);
    const of = (key: string) => outcomes.get(key) ?? [];
    const curves = [...outcomes].map(([name, all], group) => ({
      name: `trained ${name} loop${name.endsWith("1") ? "" : "s"}`,
      group,
      isDashed: name.startsWith("P"),
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
          "finding: free P, Q at 2 loops / best preconditioned descent",
          worst(of("P, Q, 2"), (one) => at(one, 2) / one.preconditioned),
          0.8,
        ),
        atMost(
          "finding: symmetric share of D A D at 4 loops (1 - antisymmetric share)",
          worst(four, (one) => 1 - one.antisymmetric),
          0.95,
        ),
        atMost(
          "finding: median over mean squared error, A, 4 loops at 16",
          worst(four, (one) => (one.medians.get(16) ?? Number.NaN) / at(one, 16)),
          0.1,
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
    const arms = counts.map(
      (examples) =>
        [examples, { parametrisation: "restricted", examples, loops: 2, steps: 2000, batch: 256 }] as const,
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
      settings: { ...linearRecipe, steps: 2000, batch: 256, scales: inputs.scales, loops: 2 },
    };
  },
};
