import { type ExitRule, exitRule, type LoopsSoFar } from "../decode/exits.ts";
import { argmax } from "../decode/sampling.ts";
import type { Model } from "../models/model.ts";
import type { Spec } from "../models/spec.ts";
import type { AnswerExit } from "../report/answers.ts";
import type { TokenProblem, TokenTask } from "../tasks/task.ts";
import { scoreAnswers } from "../tasks/tokens/grading.ts";
import type { FloatData } from "../util/tensor.ts";
import { badEvaluation } from "./errors.ts";
import { openLensReader, openStateReader } from "./states/collect.ts";

/** Limits at which each rule is tried on answers. */
export const triedOnAnswers = [
  ...["change<0.4", "change<0.2", "change<0.1"],
  ...["second-difference<0.4", "second-difference<0.2", "second-difference<0.1"],
  ...["probability>0.8", "probability>0.95", "probability>0.99"],
  ...["margin>0.6", "margin>0.9", "margin>0.98"],
  ...["entropy<0.3", "entropy<0.1", "entropy<0.03"],
  ...["kl<0.1", "kl<0.01", "kl<0.001"],
] as const;

/** What `answerExits` measures. */
export interface AnswerExitsOptions {
  readonly task: TokenTask;
  /** What is asked: `heldOutProblems` are those that no training sees. */
  readonly problems: readonly TokenProblem[];
  /** Rules, as `exitRule` reads them. */
  readonly rules?: readonly string[];
  /** Called after each answer with how many problems are answered. */
  readonly onProgress?: (problems: number) => void;
  readonly signal?: AbortSignal;
}

/** What one scored position would answer after each loop, and what rules look at. */
interface Position {
  readonly answers: readonly number[];
  /** Before the first loop, and after each. */
  readonly states: readonly FloatData[];
  readonly logits: readonly FloatData[];
}

/**
 * How many loops each answer needs: every scored position leaves the full trajectory when a rule says so, and answers
 * with its likeliest token of that loop. What other positions see of it does not change, as loops that it left out are
 * run later where they are needed (cache policy `recompute`). First come fixed depths: the first 1, 2, ... loops of the
 * same trajectory. Throws EVAL_OPTION, EXIT.
 *
 * @example
 * const problems = heldOutProblems(task, { seed: 1, count: 200, difficulties: [12] });
 * for (const { name, accuracy, meanLoops } of await answerExits(model, { task, problems }))
 *   console.log(name, accuracy, meanLoops);
 */
export async function answerExits(
  model: Model,
  { task, problems, rules = triedOnAnswers, onProgress, signal }: AnswerExitsOptions,
): Promise<AnswerExit[]> {
  const { loops } = model.spec;
  if (problems.length === 0) throw badEvaluation("problems", "none", "at least one problem");
  const length = Math.max(...problems.map(({ tokens }) => tokens.length));
  const exits = [...fixedDepths(loops), ...rules.map((text) => ({ ...exitRule(text), name: text }))];
  const chosen = exits.map(() => ({ answers: [] as number[][], ran: [] as number[][] }));
  await using reader = await openStateReader(model, { budget: loops, tokens: length });
  await using lens = await openLensReader(model, length);
  for (const [index, problem] of problems.entries()) {
    signal?.throwIfAborted();
    const positions = await readPositions({ reader, lens, spec: model.spec, length }, problem);
    for (const [at, rule] of exits.entries()) {
      const ran = positions.map((position) => loopsUntil(rule, position, loops));
      chosen[at]?.ran.push(ran);
      chosen[at]?.answers.push(
        positions.map(({ answers }, place) => answers[(ran[place] as number) - 1] as number),
      );
    }
    onProgress?.(index + 1);
  }
  return exits.map(({ name }, at) => outcomeOf(name, { task, problems, ...(chosen[at] as Chosen) }));
}

interface Chosen {
  /** Tokens answered, problem by problem, and the loops that each ran. */
  readonly answers: readonly (readonly number[])[];
  readonly ran: readonly (readonly number[])[];
}

const fixedDepths = (loops: number): ExitRule[] =>
  Array.from({ length: loops }, (_, index) => ({
    name: `first ${index + 1} of ${loops}`,
    reads: "states",
    exit: (soFar) => soFar.loops === index + 1,
  }));

interface Readers {
  readonly reader: Awaited<ReturnType<typeof openStateReader>>;
  readonly lens: Awaited<ReturnType<typeof openLensReader>>;
  readonly spec: Spec;
  /** Tokens of the longest problem. */
  readonly length: number;
}

/** What comes after a problem that is shorter than others is seen by none of its tokens. */
async function readPositions(
  { reader, lens, spec: { width, start }, length }: Readers,
  problem: TokenProblem,
): Promise<Position[]> {
  const tokens = new Int32Array(length);
  tokens.set(problem.tokens);
  const { states, hidden } = await reader.read(tokens);
  const scored = Array.from(problem.targets, (target, at) => (target >= 0 ? at : -1)).filter((at) => at >= 0);
  const logits: FloatData[][] = [];
  for (const rows of hidden) {
    const own: FloatData[] = [];
    for await (const row of lens.logits(rows)) own.push(row);
    logits.push(own);
  }
  // a first loop that reads no state begins where decoding does
  const first = states.length > hidden.length ? [] : [new Float64Array(width).fill(start === "ones" ? 1 : 0)];
  return scored.map((at) => {
    const own = logits.map((rows) => rows[at] as FloatData);
    return {
      answers: own.map(argmax),
      states: [...first, ...states.map(({ data }) => data.subarray(at * width, (at + 1) * width))],
      logits: own,
    };
  });
}

/** Loops that a position runs under a rule, which is asked after every loop but the last. */
function loopsUntil(rule: ExitRule, { states, logits }: Position, most: number): number {
  for (let loops = 1; loops < most; loops++) {
    const soFar: LoopsSoFar = {
      loops,
      most,
      states: states.slice(0, loops + 1),
      logits: logits.slice(0, loops),
    };
    if (rule.exit(soFar)) return loops;
  }
  return most;
}

function outcomeOf(
  name: string,
  { task, problems, answers, ran }: Chosen & Pick<AnswerExitsOptions, "task" | "problems">,
): AnswerExit {
  const scores = scoreAnswers(task, problems, answers).map((score) => ({
    difficulty: score.difficulty,
    problems: score.problems,
    right: score.right,
    meanLoops: mean(ranAt(score.difficulty)),
  }));
  function ranAt(difficulty: number): number[] {
    if (task.scores === "prefixes") return ran.map((row) => row[difficulty - 1] as number);
    return ran.flatMap((row, at) => (problems[at]?.difficulty === difficulty ? row : []));
  }
  const accuracy = mean(scores.map(({ right, problems: count }) => right / count));
  return { name, accuracy, meanLoops: mean(ran.flat()), scores };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
