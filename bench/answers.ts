import { join } from "node:path";
import {
  type BenchConfig,
  type ConfigName,
  configs,
  type QuestionsConfig,
  SCORED_ONE_IN,
  twoChoices,
} from "./configs.ts";
import {
  alternate,
  alternateWithPeer,
  type Provenance,
  ratiosOf,
  repositoryRoot,
  round,
  type Sample,
  table,
} from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { compileSide } from "./ours/compile.ts";
import { openPeer } from "./peers/python.ts";

export interface AnswersOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

interface Time {
  readonly ms: number;
  readonly msBest: number;
}

/** `ratio` is the other's time over ours, of the medians; above 1 ours is faster. */
export interface AnswersResult {
  readonly bench: "answers";
  readonly config: ConfigName;
  /** All questions at full depth; PyTorch has the faster of two batches. */
  readonly questions: QuestionsConfig & {
    readonly ours: Time;
    readonly pytorch: (Time & { readonly batch: number; readonly version: string }) | null;
    readonly ratio: number | null;
    readonly ratioBest: number | null;
  };
  /** A training step of the same batch: every position scored, and one of `oneIn`. */
  readonly training: {
    readonly oneIn: number;
    readonly text: Time;
    readonly answers: Time;
    readonly ratio: number;
    readonly ratioBest: number;
  };
  readonly size: BenchConfig;
  readonly threads: number;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const STEPS_PER_TURN = 5;
/** Questions that each side is asked before any is timed. */
const WARM_UP = 64;
/** Rows that PyTorch may read at a time. */
const BATCHES = [32, 128];

/** Times questions of two choices in turn with PyTorch, and a training step on answers in turn with one on text. */
export async function benchAnswers(options: AnswersOptions): Promise<AnswersResult> {
  const { config, threads, rounds, provenance } = options;
  const size = configs[config];
  return {
    bench: "answers",
    config,
    questions: await timeQuestions(size, options),
    training: await timeTraining(size, options),
    size,
    threads,
    rounds,
    provenance,
  };
}

async function timeQuestions(
  size: BenchConfig,
  { rounds, threads, peer: isWanted, print }: AnswersOptions,
): Promise<AnswersResult["questions"]> {
  const asked = { ...twoChoices, tokens: Math.min(twoChoices.tokens, size.context) };
  const sizes = ["--config", JSON.stringify(size), "--questions", JSON.stringify(asked)];
  const flags = [...sizes, "--threads", String(threads)];
  await using ours = new LineProcess({
    name: "gyre",
    command: process.execPath,
    args: [await compileSide("questions"), ...flags],
  });
  await using peer = openPeer({ script: "questions", flags, threads, peer: isWanted, print });
  const ask = async (side: LineProcess, request: string) => (await side.ask<{ ms: number[] }>(request)).ms;
  print(`questions: warming up on ${WARM_UP}, then ${rounds} rounds of all ${asked.questions}`);
  await ask(ours, `ask ${WARM_UP}`);
  const batch = peer === null ? 0 : await fasterBatch((size) => ask(peer, `ask ${WARM_UP} ${size}`));
  const count = asked.questions;
  const samples = await alternateWithPeer(
    () => ask(ours, `ask ${count}`),
    peer && (() => ask(peer, `ask ${count} ${batch}`)),
    rounds,
  );
  const { version = "" } = (await peer?.ask<{ version: string }>("version")) ?? {};
  const theirs = samples.pytorch ? { ...timeOf(samples.pytorch), batch, version } : null;
  return {
    ...asked,
    ours: timeOf(samples.ours),
    pytorch: theirs,
    ...ratiosOf(samples),
  };
}

/** The batch in which PyTorch answers some questions fastest, each tried twice. */
async function fasterBatch(ask: (size: number) => Promise<readonly number[]>): Promise<number> {
  const times = new Map<number, number>();
  for (const _round of ["first", "second"])
    for (const size of BATCHES) times.set(size, (await ask(size))[0] as number);
  return [...times].sort(([, a], [, b]) => a - b)[0]?.[0] as number;
}

async function timeTraining(
  size: BenchConfig,
  { rounds, threads, print }: AnswersOptions,
): Promise<AnswersResult["training"]> {
  const script = join(repositoryRoot, "bench/ours/train-step.ts");
  const args = ["--import", "tsx", "--conditions", "@gyre/source", script];
  const flags = ["--config", JSON.stringify(size), "--threads", String(threads)];
  const sideOf = (...more: string[]) =>
    new LineProcess({ name: "gyre", command: process.execPath, args: [...args, ...flags, ...more] });
  await using text = sideOf();
  await using answers = sideOf("--scored", String((size.batch * size.context) / SCORED_ONE_IN));
  print(`training: warming up, then ${rounds} rounds of ${STEPS_PER_TURN} steps each`);
  const turn = (side: LineProcess) => async () =>
    (await side.ask<{ ms: number[] }>(`step ${STEPS_PER_TURN}`)).ms;
  const sides = { text: turn(text), answers: turn(answers) };
  await alternate(sides, 1);
  const samples = await alternate(sides, rounds);
  const [ofText, ofAnswers] = [timeOf(samples.text), timeOf(samples.answers)];
  return {
    oneIn: SCORED_ONE_IN,
    text: ofText,
    answers: ofAnswers,
    ratio: round(ofText.ms / ofAnswers.ms, 3),
    ratioBest: round(ofText.msBest / ofAnswers.msBest, 3),
  };
}

const timeOf = ({ median, best }: Sample): Time => ({ ms: round(median), msBest: round(best) });

/** The result as a table for people. */
export function answersTable({ config, questions, training }: AnswersResult): string {
  const row = (name: string, { ms, msBest }: Time) => [name, ms, msBest];
  const { pytorch } = questions;
  const asked = [
    [`${questions.questions} questions, ${config}`, "ms", "best"],
    row("gyre", questions.ours),
    ...(pytorch ? [row(`PyTorch ${pytorch.version}, batches of ${pytorch.batch}`, pytorch)] : []),
  ];
  const trained = [
    ["a training step", "ms", "best"],
    row("on text", training.text),
    row(`on answers, one position in ${training.oneIn}`, training.answers),
  ];
  const ratio = questions.ratio === null ? "no peer, no ratio" : `PyTorch's time / ours: ${questions.ratio}`;
  return [table(asked), ratio, "", table(trained), `text / answers: ${training.ratio}`].join("\n");
}
