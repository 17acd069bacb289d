import { chosenText } from "../report/sweep-page.ts";
import { type AnswerRecipe, parseAnswerRecipe, parseRecipe, type Recipe } from "../train/recipe.ts";
import { GyreError } from "../util/errors.ts";
import { type Rng, rng } from "../util/rng.ts";
import { badSweep } from "./errors.ts";
import { pathsIn, unknownFields, withField } from "./recipe-fields.ts";
import type { Dimension, Sweep } from "./sweep-file.ts";

/** One choice of what is searched. */
export interface Trial {
  /** trial-001 and so on: what its files are called. */
  readonly name: string;
  /** The value of each field that is searched. */
  readonly chosen: Readonly<Record<string, unknown>>;
  /** The recipe with these values, as JSON. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly recipe: Recipe | AnswerRecipe;
}

/** The steps of a recipe that does not say. */
const USUAL_STEPS = 1000;
/** Draws that are made for each new trial before the search counts as exhausted. */
const MOST_DRAWS = 100;

/** Steps of a trial's whole training. */
export const stepsOf = ({ recipe }: Trial): number => recipe.training?.steps ?? USUAL_STEPS;

/**
 * The trials of a sweep over a recipe: all combinations of its lists, the last field changing fastest, or `trials` draws, of which
 * the first ones stay when there are to be more. Throws SWEEP_FILE with every field and every trial that cannot be.
 */
export function trialsOf(sweep: Sweep, json: Readonly<Record<string, unknown>>, from: string): Trial[] {
  const unknown = unknownFields([...pathsIn(json), ...Object.keys(sweep.search)]);
  if (unknown.length > 0) throw badSweep(from, unknown);
  const choices = sweep.trials === undefined ? combinations(sweep.search) : draws(sweep, from);
  const problems = new Set<string>(
    "training.seed" in sweep.search ? ["training.seed: is what seeds are for"] : [],
  );
  const trials = choices.flatMap((chosen, index): Trial[] => {
    const own = Object.entries(chosen).reduce((all, [path, value]) => withField(all, path, value), json);
    try {
      const parse = "task" in own ? parseAnswerRecipe : parseRecipe;
      const name = `trial-${String(index + 1).padStart(3, "0")}`;
      return [{ name, chosen, json: own, recipe: parse(own, chosenText(chosen)) }];
    } catch (error) {
      if (!(error instanceof GyreError)) throw error;
      problems.add(error.detail.given.replace(/^the recipe /, ""));
      return [];
    }
  });
  const lengths = new Set(trials.map(stepsOf));
  if (sweep.halving && lengths.size > 1) problems.add("halving: all trials must have as many steps");
  if (sweep.halving && sweep.halving.first >= Math.min(...lengths))
    problems.add(`halving.first: ${sweep.halving.first}, where training has ${Math.min(...lengths)} steps`);
  if (problems.size > 0) throw badSweep(from, [...problems]);
  return trials;
}

function combinations(search: Sweep["search"]): Trial["chosen"][] {
  return Object.entries(search).reduce<Trial["chosen"][]>(
    (all, [path, tried]) =>
      all.flatMap((chosen) => (tried as unknown[]).map((value) => ({ ...chosen, [path]: value }))),
    [{}],
  );
}

function draws({ search, trials = 0, drawSeed }: Sweep, from: string): Trial["chosen"][] {
  const found = new Map<string, Trial["chosen"]>();
  for (let draw = 0; found.size < trials; draw++) {
    if (draw > MOST_DRAWS * trials)
      throw badSweep(from, [`trials: ${trials}, where search has only ${found.size} different ones`]);
    const random = rng(drawSeed, "sweep", draw);
    const chosen = Object.fromEntries(
      Object.entries(search).map(([path, tried]) => [path, drawn(tried, random)]),
    );
    found.set(JSON.stringify(chosen), chosen);
  }
  return [...found.values()];
}

function drawn(tried: Dimension, random: Rng): unknown {
  if (Array.isArray(tried)) return tried[random.below(tried.length)];
  const { from, to, scale, whole } = tried;
  const part = random.uniform();
  const value = scale === "log" ? from * (to / from) ** part : from + part * (to - from);
  return whole ? Math.round(value) : Number(value.toPrecision(4));
}
