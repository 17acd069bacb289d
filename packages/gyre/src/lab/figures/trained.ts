import type { Chart } from "../../report/chart.ts";
import { atMost, type Claim } from "../../report/report.ts";
import { vectorTaskNamed } from "../../tasks/vectors/index.ts";
import { mean } from "../../util/statistics.ts";
import {
  type Arm,
  armTable,
  type CompareOptions,
  type Comparison,
  compare,
  examplesChart,
  loopsChart,
  noiseChart,
  type Outcome,
  settingsOf,
} from "../compare.ts";
import { labRecipeNamed } from "../recipes.ts";
import { type FigureContext, type FigureRecipe, findingsOf } from "./figure.ts";

/** Prompts of the measurement; their seed is none that a model was trained with. */
const promptSeed = 1000;

/** Arms of a task by their short names, each trained with every seed, or with the first few. */
type ArmNames = Readonly<Record<string, number | "all">>;

async function armsOf(context: FigureContext, task: string, names: ArmNames): Promise<Arm[]> {
  const arms: Arm[] = [];
  for (const [short, count] of Object.entries(names)) {
    const recipe = labRecipeNamed(`${task}-${short}`);
    const models = [];
    for (const seed of context.seeds.slice(0, count === "all" ? undefined : count))
      models.push(await context.trained(recipe, seed));
    const [first] = models;
    if (first) arms.push({ name: short, spec: first.spec, weights: models.map(({ weights }) => weights) });
  }
  return arms;
}

type Draw = (comparison: Comparison, options: CompareOptions) => Chart | Promise<Chart>;

/** Trains what is missing, measures all arms and baselines on the same prompts, and decides the claims. */
function trainedFigure({
  name,
  summary,
  task: taskName,
  arms: names,
  seeds,
  draw,
  claims,
}: {
  readonly name: string;
  readonly summary: string;
  readonly task: string;
  readonly arms: ArmNames;
  readonly seeds: number;
  readonly draw: Draw;
  readonly claims: (compared: Compared) => Claim[];
}): FigureRecipe {
  return {
    name,
    summary,
    seeds,
    async measure(context) {
      const arms = await armsOf(context, taskName, names);
      const { prompts, onProgress, signal } = context;
      await using runtime = await context.openRuntime("float32");
      const options: CompareOptions = {
        task: vectorTaskNamed(taskName),
        arms,
        runtime,
        seed: promptSeed,
        ...(prompts === undefined ? {} : { prompts }),
        ...(onProgress ? { onProgress } : {}),
        ...(signal ? { signal } : {}),
      };
      const comparison = await compare(options);
      const chart = await draw(comparison, options);
      const training = Object.keys(names).map((short) => {
        const recipe = labRecipeNamed(`${taskName}-${short}`);
        return { recipe: recipe.name, ...recipe.training };
      });
      return findingsOf(chart, {
        claims: claims(new Compared(comparison)),
        table: armTable(comparison),
        settings: { ...settingsOf(comparison), training },
      });
    },
  };
}

/** Reads errors out of a comparison by the arm's short name. */
class Compared {
  readonly #comparison: Comparison;

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
  }

  #outcome(name: string): Outcome {
    const found = this.#comparison.measured.find(({ arm }) => arm.name === name);
    if (!found) throw new RangeError(`no arm ${name}`);
    return found;
  }

  loops(name: string): number {
    return this.#outcome(name).arm.spec.loops;
  }

  /** The best seed's error after some loops (the trained ones), with some examples (all of them). */
  best(name: string, loops = this.loops(name), examples?: number): number {
    return this.#outcome(name).best.get(loops)?.mean[this.#reading(examples)] ?? Number.NaN;
  }

  /** The mean over seeds, at the last reading or averaged over every reading. */
  mean(name: string, over: "last" | "all" = "last"): number {
    const { readings } = this.#comparison;
    const counted = over === "last" ? readings.slice(-1) : readings;
    const { runs } = this.#outcome(name);
    return mean(
      runs.flatMap((curves) =>
        counted.map((reading) => curves.get(this.loops(name))?.mean[reading] ?? Number.NaN),
      ),
    );
  }

  baseline(name: string, examples?: number): number {
    return this.#comparison.baselines.get(name)?.mean[this.#reading(examples)] ?? Number.NaN;
  }

  parameters(name: string): number {
    return this.#outcome(name).parameters;
  }

  /** Errors of the best seed from `from` loops to the trained number. */
  taps(name: string, from: number): number[] {
    const { best } = this.#outcome(name);
    const loops = [...best.keys()].filter((count) => count >= from && count <= this.loops(name));
    return loops.sort((a, b) => a - b).map((count) => this.best(name, count));
  }

  #reading(examples: number | undefined): number {
    const { readings, examples: counts } = this.#comparison;
    const index = examples === undefined ? readings.length - 1 : counts.indexOf(examples);
    return readings[index] ?? -1;
  }
}

const rises = (errors: readonly number[]) =>
  Math.max(...errors.slice(1).map((error, index) => error / (errors[index] ?? error)));

/** Yang et al., ICLR 2024: a looped layer is on a par with a deep transformer, and with least squares. */
export const loopedExamples = trainedFigure({
  name: "looped-examples",
  summary: "linear regression: one looped layer against six layers and classical algorithms",
  task: "linear",
  arms: { looped: "all", standard: "all" },
  seeds: 3,
  draw: examplesChart,
  claims: (all) => {
    const known = [1, 2, 3, 4];
    return [
      atMost("parameters, looped / standard", all.parameters("looped") / all.parameters("standard"), 0.18),
      atMost(
        "error with 10 examples, looped / standard, best seeds",
        all.best("looped") / all.best("standard"),
        2,
      ),
      atMost(
        "error with 10 examples, looped / standard, means of seeds",
        all.mean("looped") / all.mean("standard"),
        2,
      ),
      atMost("looped: error with 10 examples", all.best("looped"), 0.15),
      atMost(
        "looped / minimum-norm least squares with 1 to 4 examples, largest",
        Math.max(...known.map((n) => all.best("looped", undefined, n) / all.baseline("least-squares", n))),
        1.3,
      ),
    ];
  },
});

/** The same: it is a fixed-point iteration, given input injection and a window of more than one loop. */
export const loopedLoops = trainedFigure({
  name: "looped-loops",
  summary: "linear regression: the looped model is a fixed-point iteration; injection and window are needed",
  task: "linear",
  arms: { looped: "all", tied: 1, "looped-window-1": 1 },
  seeds: 3,
  draw: loopsChart,
  claims: (all) => {
    const b = all.loops("looped");
    return [
      atMost("looped: error at b loops / at b/2", all.best("looped") / all.best("looped", b / 2), 0.5),
      atMost("looped: error at b loops / at b/3", all.best("looped") / all.best("looped", b / 3), 0.2),
      atMost(
        "looped: largest rise from 2 loops to b, from one measured count to the next",
        rises(all.taps("looped", 2)),
        1,
      ),
      atMost("looped: error at 4b loops / at b", all.best("looped", 4 * b) / all.best("looped"), 2),
      atMost("without injection: error at b loops / at 4b", all.best("tied") / all.best("tied", 4 * b), 0.5),
      atMost("looped / without injection, at b loops", all.best("looped") / all.best("tied"), 0.3),
      atMost(
        "window of b/2 loops / window of one, at b loops",
        all.best("looped") / all.best("looped-window-1"),
        0.3,
      ),
    ];
  },
});

export const loopedNoise = trainedFigure({
  name: "looped-noise",
  summary: "linear regression: noise on the labels at test time",
  task: "linear",
  arms: { looped: "all", standard: "all" },
  seeds: 3,
  draw: noiseChart,
  claims: () => [],
});

/** AlgoFormer against what it is built from (Gao et al., arXiv 2402.13572), and an arm of its own size. */
const represented = { algoformer: "all", looped: "all", standard: "all", "looped-3": "all" } as const;

export const algoformerExamples = trainedFigure({
  name: "algoformer-examples",
  summary: "regression with a shared representation: AlgoFormer against looped and standard transformers",
  task: "representation",
  arms: represented,
  seeds: 3,
  draw: examplesChart,
  claims: (all) => {
    const others = ["looped", "standard"];
    const least = (over: "last" | "all") => Math.min(...others.map((name) => all.mean(name, over)));
    return [
      atMost(
        "AlgoFormer / better of looped and standard, over all positions, means of seeds",
        all.mean("algoformer", "all") / least("all"),
        0.95,
      ),
      atMost(
        "AlgoFormer / better of looped and standard, 12 examples, means of seeds",
        all.mean("algoformer") / least("last"),
        0.95,
      ),
      atMost(
        "parameters, AlgoFormer / standard",
        all.parameters("algoformer") / all.parameters("standard"),
        0.55,
      ),
      atMost(
        "AlgoFormer / least squares on x, 12 examples",
        all.best("algoformer") / all.baseline("least-squares"),
        0.1,
      ),
      atMost(
        "AlgoFormer / looped with as many parameters, over all positions, means of seeds",
        all.mean("algoformer", "all") / all.mean("looped-3", "all"),
        1,
      ),
    ];
  },
});

export const algoformerLoops = trainedFigure({
  name: "algoformer-loops",
  summary: "regression with a shared representation: the pre-transformer saves loops",
  task: "representation",
  arms: represented,
  seeds: 3,
  draw: loopsChart,
  claims: (all) => {
    const b = all.loops("algoformer");
    return [
      atMost(
        "AlgoFormer: error at 4b loops / at b",
        all.best("algoformer", 4 * b) / all.best("algoformer"),
        1.1,
      ),
      atMost("AlgoFormer / looped after 2 loops", all.best("algoformer", 2) / all.best("looped", 2), 0.5),
      atMost(
        "AlgoFormer / looped with as many parameters after 2 loops",
        all.best("algoformer", 2) / all.best("looped-3", 2),
        1,
      ),
    ];
  },
});

export const algoformerNoise = trainedFigure({
  name: "algoformer-noise",
  summary: "regression with a shared representation: noise on the labels at test time",
  task: "representation",
  arms: { algoformer: "all", looped: "all", standard: "all" },
  seeds: 3,
  draw: noiseChart,
  claims: () => [],
});

/** Tasks where nobody says who should win. */
export const otherTasks = [
  "sparse-linear",
  "relu-network",
  "decision-tree",
  "autoregression",
  "chain-of-thought",
].map((task) =>
  trainedFigure({
    name: task,
    summary: `${vectorTaskNamed(task).summary}: three models and classical algorithms`,
    task,
    arms: { algoformer: "all", looped: "all", standard: "all" },
    seeds: 2,
    draw: examplesChart,
    claims: (all) => [
      atMost("AlgoFormer / standard, best seeds", all.best("algoformer") / all.best("standard"), 1),
      atMost("AlgoFormer / standard, means of seeds", all.mean("algoformer") / all.mean("standard"), 1),
      atMost("looped / standard, best seeds", all.best("looped") / all.best("standard"), 1),
      atMost("looped / standard, means of seeds", all.mean("looped") / all.mean("standard"), 1),
      atMost("AlgoFormer / looped, best seeds", all.best("algoformer") / all.best("looped"), 1),
      atMost("AlgoFormer / looped, means of seeds", all.mean("algoformer") / all.mean("looped"), 1),
    ],
  }),
);
