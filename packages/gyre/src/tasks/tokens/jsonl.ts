import * as z from "zod";
import { inWords, problemsOf } from "../../util/issues.ts";
import { badLine } from "../errors.ts";
import type { TokenProblem, TokenTask } from "../task.ts";
import { answerOf } from "./generator.ts";

const whole = z.int();
/** A number alone is what earlier versions wrote. */
const difficulties = z.preprocess(
  (given) => (typeof given === "number" ? [given] : given),
  z.array(whole.min(0)).min(1),
);
const problemSchema = z.strictObject({
  tokens: z.array(whole).min(1),
  targets: z.array(whole.min(-1)).min(1),
  difficulty: difficulties,
});
const answerSchema = z.object({ answer: z.array(whole) });

/**
 * Problems as JSON, one a line, that any framework reads: see docs/tasks.md. `difficulty` is a list: of a problem that is right as a
 * whole its own, of a row whose prefixes are problems that of each scored position.
 */
export function problemLines(
  { scores }: Pick<TokenTask, "scores">,
  problems: readonly TokenProblem[],
): string {
  const line = (problem: TokenProblem) => {
    const { tokens, targets, difficulty } = problem;
    const each = scores === "prefixes" ? answerOf(problem).map((_, at) => at + 1) : [difficulty];
    return JSON.stringify({ tokens: Array.from(tokens), targets: Array.from(targets), difficulty: each });
  };
  return problems.map((problem) => `${line(problem)}\n`).join("");
}

/** Problems from what `problemLines` writes. Throws TASK_LINE, which names file, line and field. */
export function readProblems(task: TokenTask, text: string, path: string): TokenProblem[] {
  return linesOf(text, path).map(({ line, value }) => {
    const { difficulty: all, ...row } = parsed(problemSchema, value, path, line);
    const { tokens, targets } = row;
    const { least, most } = task.difficulty;
    const outOfRange = all.find((one) => one < least || one > most);
    if (outOfRange !== undefined)
      throw badLine(path, line, "difficulty", `must be from ${least} to ${most}, not ${outOfRange}`);
    const difficulty = Math.max(...all);
    const problem = { ...row, difficulty };
    const longest = task.maxLength(difficulty);
    if (tokens.length > longest)
      throw badLine(
        path,
        line,
        "tokens",
        `must have at most ${counted(longest)} at this difficulty, not ${tokens.length}`,
      );
    const wrong = tokens.findIndex((token) => !isToken(task, token));
    if (wrong >= 0) throw badLine(path, line, `tokens.${wrong}`, outside(task, tokens[wrong]));
    if (targets.length !== tokens.length)
      throw badLine(
        path,
        line,
        "targets",
        `must have ${counted(tokens.length)} as tokens has, not ${targets.length}`,
      );
    const odd = targets.findIndex((target) => target !== -1 && !isToken(task, target));
    if (odd >= 0) throw badLine(path, line, `targets.${odd}`, `${outside(task, targets[odd])}, or -1`);
    if (answerOf(problem).length === 0)
      throw badLine(path, line, "targets", "must score at least one position");
    return problem;
  });
}

/**
 * Answers from lines `{"answer": [...]}`, the i-th to the i-th problem: one token for each scored position, in order. What
 * is written token by token may have any length. Other fields are left alone. Throws TASK_LINE.
 *
 * @example
 * const answers = readAnswers(task, problems, { text: '{"answer": [1, 3, 5]}', path: "answers.jsonl" });
 */
export function readAnswers(
  task: TokenTask,
  problems: readonly TokenProblem[],
  { text, path }: { readonly text: string; readonly path: string },
): number[][] {
  const lines = linesOf(text, path);
  return lines.map(({ line, value }, row) => {
    const { answer } = parsed(answerSchema, value, path, line);
    const problem = problems[row];
    if (!problem) throw badLine(path, line, "answer", `answers problem ${row + 1} of ${problems.length}`);
    const wrong = answer.findIndex((token) => !isToken(task, token));
    if (wrong >= 0) throw badLine(path, line, `answer.${wrong}`, outside(task, answer[wrong]));
    const asked = answerOf(problem).length;
    if (task.answer === "read" && answer.length !== asked)
      throw badLine(
        path,
        line,
        "answer",
        `must have ${asked} tokens, one for each scored position, not ${answer.length}`,
      );
    return answer;
  });
}

const counted = (entries: number) => `${entries} ${entries === 1 ? "entry" : "entries"}`;

const isToken = ({ vocabulary }: TokenTask, token: number) => token > 0 && token < vocabulary.length;

const outside = ({ vocabulary, name }: TokenTask, given: number | undefined) =>
  `must be a token of ${name}, from 1 to ${vocabulary.length - 1}, not ${given}`;

interface Line {
  /** Counted from 1. */
  readonly line: number;
  readonly value: unknown;
}

/** The values of all lines that are not empty. Throws TASK_LINE. */
function linesOf(text: string, path: string): Line[] {
  return text.split("\n").flatMap((content, at) => {
    if (content.trim() === "") return [];
    try {
      return [{ line: at + 1, value: JSON.parse(content) as unknown }];
    } catch (cause) {
      throw badLine(path, at + 1, "line", `is no JSON: ${cause instanceof Error ? cause.message : cause}`);
    }
  });
}

function parsed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: string,
  line: number,
): z.infer<Schema> {
  const result = schema.safeParse(value, { error: inWords });
  if (result.success) return result.data;
  const [first = ""] = problemsOf(result.error, "line");
  const field = first.split(":", 1)[0] as string;
  throw badLine(path, line, field, first.slice(field.length + 2));
}
