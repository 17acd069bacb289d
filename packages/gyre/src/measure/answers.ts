import { GraphBuilder } from "../graph/builder.ts";
import { gather } from "../graph/ops.ts";
import type { Graph, Value } from "../graph/types.ts";
import { forward, readOut } from "../models/assembly.ts";
import { vocabularyMisfits } from "../models/misfits.ts";
import { type Budget, conditions, type Spec, uniformTrajectory } from "../models/spec.ts";
import { inTurns } from "../ranks/agreement.ts";
import { alone, type Collective } from "../ranks/collective.ts";
import type { AnswerPoint, ReportTask } from "../report/answers.ts";
import type { Program, Runtime } from "../runtime/runtime.ts";
import type { TokenProblem, TokenTask } from "../tasks/task.ts";
import { type DifficultyScore, scoreAnswers } from "../tasks/tokens/grading.ts";
import { groups } from "../util/groups.ts";
import type { Tensor } from "../util/tensor.ts";
import { badEvaluation } from "./errors.ts";

/** What `evaluateAnswers` measures, and at which budgets. */
export interface EvaluateAnswersOptions {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly runtime: Runtime;
  readonly task: TokenTask;
  /** What is asked: `heldOutProblems` are those that no training sees. */
  readonly problems: readonly TokenProblem[];
  readonly budgets: readonly Budget[];
  /** Problems computed together; 64 by default. No answer depends on it. */
  readonly batch?: number;
  /** The processes that share the problems; all pass the same options and get the same points. This one alone by default. */
  readonly ranks?: Collective;
  readonly signal?: AbortSignal;
}

/** A difficulty is solved where so many of its problems are answered rightly. */
export const SOLVED = 0.95;

/**
 * Right answers of a model at each budget, by difficulty. One pass answers every scored position with its likeliest
 * token. Where the answer is written, that pass reads the right answer so far: an answer is right as a whole exactly
 * when greedy decoding writes it, while the share of right tokens is that of a model that is always set right. A task
 * with several right answers is decoded token by token. Throws EVAL_OPTION, LOOPS or TRAJECTORY.
 *
 * @example
 * const problems = heldOutProblems(task, { seed: 1, count: 1000, difficulties: [24] });
 * for await (const { loops, solved } of evaluateAnswers({ ...model, task, problems, budgets: [1, 2, 4, 8] }))
 *   console.log(loops, solved);
 */
export async function* evaluateAnswers(options: EvaluateAnswersOptions): AsyncGenerator<AnswerPoint> {
  const { spec, weights, runtime, task, problems, budgets, batch = 64, ranks = alone, signal } = options;
  requireSense(options);
  const routes = budgets.map((budget) => conditions(spec, budget));
  const batches = [...groups(problems, batch)];
  const length = Math.max(...problems.map(({ tokens }) => tokens.length));
  const scored = Math.max(...batches.map((group) => group.flatMap(scoredIn).length));
  for (const [index, { loops, t, dt }] of routes.entries()) {
    const program = await runtime.compile(answerGraph(spec, loops, { batch, length, scored }), {
      buffers: 1,
    });
    const fixed = new Map<string, Tensor>([
      ...weights,
      ["t", { data: t, shape: [loops] }],
      ["dt", { data: dt, shape: [loops] }],
    ]);
    const ofBatches = await inTurns(ranks, batches, {
      compute: async (some) => {
        signal?.throwIfAborted();
        return (await answered(some, { program, fixed, task, batch, length, scored })).flat();
      },
    });
    const unread = ofBatches.flat();
    const answers = problems.map((problem) => unread.splice(0, scoredIn(problem).length));
    const scores = scoreAnswers(task, problems, answers);
    const budget = budgets[index] as Budget;
    const trajectory = typeof budget === "number" ? uniformTrajectory(loops) : [...budget];
    const example = (answers[0] ?? []).map(nameIn(task));
    yield { loops, trajectory, scores, ...summaryOf(scores), example };
  }
}

/** A problem at its scored positions: the names of what is read there, and of what is right. */
export function exampleOf(task: TokenTask, problem: TokenProblem): { read: string[]; right: string[] } {
  const at = scoredIn(problem);
  const names = (ids: ArrayLike<number>) => at.map((position) => nameIn(task)(ids[position] as number));
  return { read: names(problem.tokens), right: names(problem.targets) };
}

/** A task as reports name it. */
export function reportTask({
  name,
  variant,
  difficulty,
  answer,
  scores,
  hasOneAnswer,
}: TokenTask): ReportTask {
  const form = variant === undefined ? {} : { variant };
  return { name, ...form, counts: difficulty.counts, answer, scores, hasOneAnswer };
}

const nameIn =
  (task: TokenTask) =>
  (id: number): string =>
    task.vocabulary[id] ?? `?${id}`;

interface Sizes {
  readonly batch: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Scored positions of a batch, at most. */
  readonly scored: number;
}

/** `tokens` [B, T], `scoredAt` [S] and a trajectory -> `logits` [S, vocab]. */
function answerGraph(spec: Spec, loops: number, { batch, length, scored }: Sizes): Graph {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch, tokens: length, loops }).get(loops) as Value;
  const read = gather(hidden, builder.input("scoredAt", [scored], "int"));
  return builder.graph({ logits: readOut(builder, spec, read) });
}

interface Answering extends Sizes {
  readonly program: Program;
  /** Weights and trajectory. */
  readonly fixed: ReadonlyMap<string, Tensor>;
  readonly task: TokenTask;
}

/** The answers to some problems, in order: the likeliest token at each scored position. */
async function answered(
  problems: readonly TokenProblem[],
  { program, fixed, task, batch, length, scored }: Answering,
): Promise<number[][]> {
  const tokens = new Int32Array(batch * length);
  for (const [row, problem] of problems.entries()) tokens.set(problem.tokens, row * length);
  const positions = problems.map(scoredIn);
  const scoredAt = new Int32Array(scored);
  scoredAt.set(positions.flatMap((own, row) => own.map((at) => row * length + at)));
  const read = async (): Promise<number[][]> => {
    const inputs = new Map(fixed)
      .set("tokens", { data: tokens, shape: [batch, length] })
      .set("scoredAt", { data: scoredAt, shape: [scored] });
    const { data, shape } = (await program.run(inputs)).get("logits") as Tensor;
    let from = 0;
    return positions.map((own) => own.map(() => likeliest(data, shape[1] as number, from++)));
  };
  if (task.answer === "read" || task.hasOneAnswer) return await read();
  // Token i of an answer depends on those before it alone, so each pass settles one more.
  const most = Math.max(...positions.map((own) => own.length));
  for (let settled = 0; settled < most - 1; settled++) {
    const answers = await read();
    for (const [row, own] of positions.entries()) {
      const at = own[settled];
      const token = answers[row]?.[settled];
      const isRead = at !== undefined && own.includes(at + 1);
      if (isRead && token !== undefined) tokens[row * length + at + 1] = token;
    }
  }
  return await read();
}

/** The class of the largest logit of a row. */
function likeliest(logits: ArrayLike<number>, classes: number, row: number): number {
  let best = 0;
  for (let token = 1; token < classes; token++)
    if ((logits[row * classes + token] as number) > (logits[row * classes + best] as number)) best = token;
  return best;
}

const scoredIn = ({ targets }: TokenProblem): number[] =>
  Array.from(targets, (target, at) => (target >= 0 ? at : -1)).filter((at) => at >= 0);

function summaryOf(scores: readonly DifficultyScore[]): Pick<AnswerPoint, "accuracy" | "solved"> {
  const shares = scores.map(({ right, problems }) => right / problems);
  const accuracy = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const failed = shares.findIndex((share) => share < SOLVED);
  const solved = scores[(failed < 0 ? scores.length : failed) - 1]?.difficulty;
  return { accuracy, ...(solved === undefined ? {} : { solved }) };
}

/** Throws EVAL_OPTION. */
function requireSense({ spec, task, problems, budgets, batch = 64 }: EvaluateAnswersOptions): void {
  if (!(Number.isSafeInteger(batch) && batch >= 1))
    throw badEvaluation("batch", String(batch), "a whole number of at least 1");
  if (budgets.length === 0)
    throw badEvaluation("budgets", "none", "at least one number of loops or trajectory");
  if (problems.length === 0) throw badEvaluation("problems", "none", "at least one problem");
  const [misfit] = vocabularyMisfits(spec, task);
  if (misfit) throw badEvaluation("spec", misfit, `a model over the vocabulary of ${task.name}`);
  const longest = Math.max(...problems.map(({ tokens }) => tokens.length));
  if (longest > spec.context)
    throw badEvaluation("problems", `${longest} tokens`, `at most ${spec.context}, the model's context`);
}
