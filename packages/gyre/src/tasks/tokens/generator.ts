import { type Rng, rng } from "../../util/rng.ts";
import { badTokenDraw } from "../errors.ts";
import type { DifficultyRange, TokenBatch, TokenDrawOptions, TokenProblem, TokenTask } from "../task.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A problem as its family writes it. */
export interface Written {
  readonly tokens: readonly number[];
  /** As long as `tokens`; -1 where nothing is scored. */
  readonly targets: readonly number[];
  readonly difficulty: number;
  /** What makes it another problem; its tokens where left out, so these must then follow from the question. */
  readonly key?: readonly number[];
}

type TaskParts = Pick<
  TokenTask,
  "name" | "variant" | "summary" | "source" | "difficulty" | "answer" | "columns"
>;

/** What a family of problems says of itself; `tokenTask` makes a task of it. */
export interface Family extends TaskParts {
  readonly vocabulary: Vocabulary;
  /** `problems` where left out. */
  readonly scores?: TokenTask["scores"];
  maxLength(difficulty: number): number;
  /** At least so many different keys are drawn at this difficulty; left out where there are millions. */
  readonly problems?: (difficulty: number) => number;
  /** One problem, its difficulty within the range and spread over it by the paper's law. */
  problem(random: Rng, range: DifficultyRange): Written;
  /** Where targets are not the only right answer. */
  readonly isRight?: (problem: TokenProblem, answer: ArrayLike<number>) => boolean;
}

/** One problem of so many is held out. */
export const heldOutOneIn = 8;
/** With fewer problems than this, chance could leave one side nearly empty: both sides then have them all. */
const fewestToSplit = 256;

/** A task whose problems are split by a hash of each: an eighth of them is held out, whatever the seed. */
export function tokenTask(family: Family): TokenTask {
  const { problems, isRight, vocabulary, scores = "problems", problem, ...parts } = family;
  const isShared = (difficulty: number) => (problems?.(difficulty) ?? fewestToSplit) < fewestToSplit;
  const isHeldOut = ({ tokens, key = tokens }: Written) =>
    rng(0, "held out", family.name, ...key).below(heldOutOneIn) === 0;
  const drawOne = (random: Rng, range: DifficultyRange, wanted: boolean): Written => {
    for (;;) {
      const one = family.problem(random, range);
      // Problems on both sides are kept at the rate of the others, or ranges would have too many of them.
      const side = isShared(one.difficulty) ? random.below(heldOutOneIn) === 0 : isHeldOut(one);
      if (side === wanted) return one;
    }
  };
  return {
    ...parts,
    kind: "tokens",
    vocabulary: vocabulary.names,
    scores,
    hasOneAnswer: isRight === undefined,
    isShared,
    draw(options) {
      const { range, length } = checkedDraw(family, options);
      const { seed, stream, batch, first = 0, isHeldOut: wanted = false } = options;
      const rows = emptyRows(batch, length);
      const name = `${family.name} ${family.variant ?? ""} ${wanted ? "held out" : "training"} ${stream}`;
      for (let row = 0; row < batch; row++) {
        const { tokens, targets, difficulty } = drawOne(rng(seed, name, first + row), range, wanted);
        rows.tokens.set(tokens, row * length);
        rows.targets.set(targets, row * length);
        rows.difficulties[row] = difficulty;
      }
      return rows;
    },
    grade: (given, answer) => (isRight ? isRight(given, answer) : isExact(given, answer)),
  };
}

/** Rows of nothing but filling. */
export const emptyRows = (batch: number, length: number): TokenBatch => ({
  tokens: new Int32Array(batch * length),
  targets: new Int32Array(batch * length).fill(-1),
  batch,
  length,
  difficulties: new Int32Array(batch),
});

/** The range and row length of a draw. Throws TASK_DRAW. */
export function checkedDraw(
  family: Pick<TokenTask, "name" | "difficulty" | "maxLength">,
  options: TokenDrawOptions,
): { range: DifficultyRange; length: number } {
  const { batch, first = 0, difficulty = family.difficulty.usual } = options;
  const range = typeof difficulty === "number" ? { from: difficulty, to: difficulty } : difficulty;
  const { least, most, counts } = family.difficulty;
  const isWhole = (value: number, low: number, high = Number.MAX_SAFE_INTEGER) =>
    Number.isSafeInteger(value) && value >= low && value <= high;
  if (!isWhole(batch, 1)) throw badTokenDraw(family.name, "batch", batch, "a whole number of at least 1");
  if (!isWhole(first, 0)) throw badTokenDraw(family.name, "first", first, "a whole number of at least 0");
  if (!isWhole(range.from, least, range.to) || !isWhole(range.to, least, most))
    throw badTokenDraw(
      family.name,
      "difficulty",
      range.from === range.to ? range.to : `${range.from}..${range.to}`,
      `from ${least} to ${most} ${counts}`,
    );
  const longest = family.maxLength(range.to);
  const { length = longest } = options;
  if (!isWhole(length, longest))
    throw badTokenDraw(
      family.name,
      "length",
      length,
      `at least ${longest} tokens, for ${range.to} ${counts}`,
    );
  return { range, length };
}

/** The tokens at the scored positions, in order. */
export function answerOf({ targets }: Pick<TokenProblem, "targets">): number[] {
  return Array.from(targets).filter((target) => target >= 0);
}

function isExact(problem: TokenProblem, answer: ArrayLike<number>): boolean {
  const expected = answerOf(problem);
  return answer.length === expected.length && expected.every((token, at) => token === answer[at]);
}

/** A whole number from the range, all equally likely. */
export const within = (random: Rng, { from, to }: DifficultyRange): number =>
  from + random.below(to - from + 1);

/** One of a list, all equally likely. */
export const oneOf = <Item>(random: Rng, items: readonly Item[]): Item =>
  items[random.below(items.length)] as Item;

/** So many different ones of a list, in random order: all of them unless told (Fisher-Yates, as far as needed). */
export function someOf<Item>(random: Rng, items: readonly Item[], count = items.length): Item[] {
  const left = [...items];
  for (let at = 0; at < count; at++) {
    const other = at + random.below(left.length - at);
    const kept = left[at] as Item;
    left[at] = left[other] as Item;
    left[other] = kept;
  }
  return left.slice(0, count);
}

/** Question and answer as one text that is written from left to right: each answer token is predicted at the one before it. */
export function written(
  question: readonly number[],
  answer: readonly number[],
): Pick<Written, "tokens" | "targets"> {
  return {
    tokens: [...question, ...answer.slice(0, -1)],
    targets: [...new Array<number>(question.length - 1).fill(-1), ...answer],
  };
}

/** The problems of a batch, each without its filling. */
export function problemsIn({ tokens, targets, batch, length, difficulties }: TokenBatch): TokenProblem[] {
  return Array.from({ length: batch }, (_, row) => {
    const start = row * length;
    let end = start + length;
    while (end > start && tokens[end - 1] === 0 && targets[end - 1] === -1) end--;
    return {
      tokens: tokens.subarray(start, end),
      targets: targets.subarray(start, end),
      difficulty: difficulties[row] as number,
    };
  });
}
