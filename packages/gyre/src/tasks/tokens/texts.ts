import { permutation, rng } from "../../util/rng.ts";
import { badTokenDraw } from "../errors.ts";
import type { AnswerBaseline, TokenTask } from "../task.ts";
import { answerOf, checkedDraw, emptyRows } from "./generator.ts";

/** The tokens of a text, and which of the classes it has, counted from 0. */
export interface ClassifiedText {
  readonly tokens: ArrayLike<number>;
  readonly class: number;
}

/** Labelled texts that are to be a task. */
export interface TextsOptions {
  /** Where the texts come from; the task's form. */
  readonly source: string;
  /** Names of the tokenizer's tokens, by id; the classes come after them. */
  readonly tokens: readonly string[];
  /** The token after a text, at which its class is predicted. */
  readonly asks: number;
  readonly classes: readonly string[];
  /** Tokens of a row: the longest text and the token after it. */
  readonly context: number;
  readonly train: readonly ClassifiedText[];
  readonly heldOut: readonly ClassifiedText[];
  /** What a model has to beat. */
  readonly baselines?: readonly AnswerBaseline[];
}

/** The name of every task that is made of labelled texts. */
export const CLASSIFY = "classify";

/** Difficulties of texts: there is one. */
export const ofTexts = { counts: "text", least: 1, most: 1, usual: { from: 1, to: 1 } } as const;

/**
 * A task of labelled texts: a row is a text and one token more, at which its class is predicted; nothing else is
 * scored. Training draws its texts with replacement. Problem i of those held out is the i-th of an order that seed
 * and stream decide, so that each comes once; to ask for more than there are throws TASK_DRAW.
 */
export function textsTask(options: TextsOptions): TokenTask {
  const { source, tokens, asks, classes, context, train, heldOut, baselines } = options;
  const orderOf = lastKept((seed: number, name: string) => permutation(heldOut.length, rng(seed, name)));
  const parts = {
    name: CLASSIFY,
    variant: source,
    difficulty: ofTexts,
    maxLength: () => context,
  };
  return {
    ...parts,
    kind: "tokens",
    summary: `which class a text has: ${classes.join(", ")}`,
    source: `labelled texts of ${source}`,
    vocabulary: [...tokens, ...classes],
    answer: "read",
    scores: "problems",
    hasOneAnswer: true,
    heldOut: heldOut.length,
    ...(baselines ? { baselines } : {}),
    isShared: () => false,
    draw(drawn) {
      const { length } = checkedDraw(parts, drawn);
      const { seed, stream, batch, first = 0, isHeldOut = false } = drawn;
      if (isHeldOut && first + batch > heldOut.length)
        throw badTokenDraw(CLASSIFY, "first", first + batch, `at most the ${heldOut.length} texts held out`);
      const name = `${CLASSIFY} ${source} ${isHeldOut ? "held out" : "training"} ${stream}`;
      const order = isHeldOut ? orderOf(seed, name) : undefined;
      const rows = emptyRows(batch, length);
      for (let row = 0; row < batch; row++) {
        const at = first + row;
        const text = order ? heldOut[order[at] as number] : train[rng(seed, name, at).below(train.length)];
        const own = text as ClassifiedText;
        rows.tokens.set(own.tokens, row * length);
        rows.tokens[row * length + own.tokens.length] = asks;
        rows.targets[row * length + own.tokens.length] = tokens.length + own.class;
      }
      rows.difficulties.fill(1);
      return rows;
    },
    grade: (problem, answer) => answer.length === 1 && answer[0] === answerOf(problem)[0],
  };
}

/** The same function, which keeps its last result: problems are often drawn one by one. */
function lastKept<Result>(
  compute: (seed: number, name: string) => Result,
): (seed: number, name: string) => Result {
  let kept: { readonly seed: number; readonly name: string; readonly result: Result } | undefined;
  return (seed, name) => {
    if (kept?.seed !== seed || kept.name !== name) kept = { seed, name, result: compute(seed, name) };
    return kept.result;
  };
}
