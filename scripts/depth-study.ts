// What the claims of depth-claims.ts and depth-searched.ts are made of: the models of a report by arm, start and seed.
import { type AnswerClaim, type AnswerModel, type AnswerPoint, isUniform, type ReportOf } from "gyre";

export type Report = ReportOf<"answers">;

export const full = 8;
export const beyond = 12;
/** A model's arm, start and seed, out of the name of its run: `loopformer`, `loopformer-seed2`, `loopformer-narrow`. */
const isOf = (arm: string, start: Start) => {
  const pattern = new RegExp(`^${arm}${start === "narrow" ? "-narrow" : ""}(-seed\\d+)?$`);
  return ({ name }: AnswerModel) => pattern.test(name);
};
/** Weights N(0, 0.06), or N(0, 0.02) as the official code. */
type Start = "wide" | "narrow";

export const pointAt = (model: AnswerModel | undefined, loops: number): AnswerPoint | undefined =>
  model?.points.find((point) => point.loops === loops && isUniform(point.trajectory));
export const accuracyAt = (model: AnswerModel | undefined, loops: number) => pointAt(model, loops)?.accuracy;
export const solvedAt = (model: AnswerModel | undefined, loops: number) => {
  const point = pointAt(model, loops);
  return point && (point.solved ?? 0);
};

/** Undefined where any of the values is, or where there is none. */
export function reduced(
  values: readonly (number | undefined)[],
  reduce: (known: readonly number[]) => number,
): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length && known.length > 0 ? reduce(known) : undefined;
}
export const least = (values: readonly (number | undefined)[]) =>
  reduced(values, (known) => Math.min(...known));
export const most = (values: readonly (number | undefined)[]) =>
  reduced(values, (known) => Math.max(...known));
export const mean = (values: readonly (number | undefined)[]) =>
  reduced(values, (known) => known.reduce((sum, value) => sum + value, 0) / known.length);
export const minus = (a: number | undefined, b: number | undefined) =>
  reduced([a, b], ([x, y]) => (x ?? 0) - (y ?? 0));

/** The models of a study by name. */
export class Study {
  readonly seeds: readonly AnswerModel[];
  /** What difficulty counts, and the hardest that was asked. */
  readonly counts: string;
  readonly longest: number;
  readonly #models: readonly AnswerModel[];
  constructor({ models, task }: Report) {
    this.#models = models;
    this.seeds = this.of("loopformer", "wide");
    this.counts = task.counts;
    this.longest = Math.max(...models.flatMap(difficultiesOf));
  }

  /** The seeds of an arm from one start. */
  readonly of = (arm: string, start: Start): readonly AnswerModel[] => this.#models.filter(isOf(arm, start));

  /** Mean accuracy of an arm from each start, over its seeds. */
  starts(arm: string, loops: number): Readonly<Record<Start, number | undefined>> {
    const from = (start: Start) => mean(this.of(arm, start).map((model) => accuracyAt(model, loops)));
    return { narrow: from("narrow"), wide: from("wide") };
  }

  /** Mean accuracy of an arm at some loops from the start that is better at full depth. */
  best(arm: string, loops: number): number | undefined {
    const { narrow, wide } = this.starts(arm, full);
    if (narrow === undefined || wide === undefined) return undefined;
    return this.starts(arm, loops)[narrow >= wide ? "narrow" : "wide"];
  }

  /** What an arm loses at full depth with its worse start. */
  lost(arm: string): number | undefined {
    const { narrow, wide } = this.starts(arm, full);
    return reduced([narrow, wide], ([a = 0, b = 0]) => Math.abs(a - b));
  }

  /** Every looped model, of any arm, seed and start. */
  get looped(): readonly AnswerModel[] {
    return this.#models.filter(({ family }) => family !== "gpt");
  }
}

const difficultiesOf = ({ points }: AnswerModel) =>
  points[0]?.scores.map(({ difficulty }) => difficulty) ?? [];

/** 1, 2 and so on. */
export const upTo = (most: number) => Array.from({ length: most }, (_, at) => at + 1);

/** The least growth of a value from each number of loops to the next, up to the full depth, of the worst seed. */
export const leastGrowth = (
  models: readonly AnswerModel[],
  valueAt: (model: AnswerModel, loops: number) => number | undefined,
) =>
  least(
    models.flatMap((model) =>
      upTo(full - 1).map((loops) => minus(valueAt(model, loops + 1), valueAt(model, loops))),
    ),
  );

export const shareOf = (point: AnswerPoint | undefined, wanted: (difficulty: number) => boolean) =>
  most((point?.scores ?? []).filter((one) => wanted(one.difficulty)).map((one) => one.right / one.problems));

export type Open = Omit<AnswerClaim, "measured"> & { readonly measured: number | undefined };
export const closed = ({ id, text, measured, is, limit }: Open): AnswerClaim => ({
  id,
  text,
  ...(measured === undefined ? {} : { measured }),
  is,
  limit,
});

export const claim = (id: string, text: string, measured: number | undefined, limit: number): Open => ({
  id,
  text,
  measured,
  is: "at least",
  limit,
});
