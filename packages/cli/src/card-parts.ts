import process from "node:process";
import { cachePolicies, measureSpeed, type ReportOf } from "gyre";
import { type CardParts, type ConfigOf, type Device, evaluateRuns, isOnTask, type Run } from "gyre/node";
import { budgetsFor, shapesOf } from "./budgets.ts";
import { statesOf } from "./commands/analyze.ts";
import { draftsOf, promptsOf } from "./commands/calibrate.ts";
import { answersReport } from "./commands/eval-answers.ts";
import { exitsOf, exitsOfAnswers } from "./commands/exits.ts";
import { type Measurement, type OneModel, type OpenModel, type ofText, reportOn } from "./measure-run.ts";
import { commandLine, commitOfGyre, machineText } from "./provenance.ts";

/** Runs that cards are of. */
type CardKind = (typeof ofText)[number] | "task";

/** A run whose card is written, open. */
export interface CardRun extends OpenModel {
  readonly run: Run<ConfigOf<CardKind>>;
  readonly baselines: readonly string[];
  /** A dataset instead of the run's own. */
  readonly data: string | undefined;
  /** Tokens of text that quality is measured on. */
  readonly maxTokens: number;
  readonly device: Device;
  readonly threads: number;
}

/** One part of a card: whether it was measured, why it cannot be, and how it is. */
export interface CardPart {
  readonly name: string;
  readonly isThere: (parts: CardParts) => boolean;
  readonly absence: string | undefined;
  readonly measure: () => Promise<Partial<CardParts>>;
}

/** Tokens of text for each point of the study of exits, which has fifty and reads token by token. */
const EXIT_TOKENS = 1024;
const DRAFTED_TOKENS = 16;

/** The parts of a card that reports may hold. */
export function partsOf(card: CardRun): CardPart[] {
  const { data } = card;
  const of = absences(card);
  return [
    {
      name: "quality",
      isThere: ({ quality }) => quality !== undefined,
      absence: of.text,
      measure: async () => ({ quality: await qualityReport(card) }),
    },
    {
      name: "trajectories",
      isThere: ({ trajectories }) => trajectories !== undefined,
      absence: of.trajectories ?? of.text,
      measure: async () => ({ trajectories: await trajectoriesReport(card) }),
    },
    ...(isOnTask(card.run.config) ? [answerExitsPart(card, of.loops)] : exitParts(card, of)),
    {
      name: "drafts",
      isThere: ({ drafts }) => drafts !== undefined,
      absence: of.loops ?? of.task,
      measure: async () => {
        const options = { maxTokens: DRAFTED_TOKENS, ...(data === undefined ? {} : { data }) };
        return { drafts: await measured(card, draftsOf(options)) };
      },
    },
    {
      name: "verdict",
      isThere: ({ states }) => states !== undefined,
      absence: of.loops ?? of.text,
      measure: async () => {
        const options = { tokens: 512, traced: 16, ...(data === undefined ? {} : { data }) };
        return { states: await measured(card, statesOf(options)) };
      },
    },
  ];
}

/** Exits on text, under each cache policy. */
const exitParts = (card: CardRun, of: ReturnType<typeof absences>): CardPart[] =>
  cachePolicies.map((cachePolicy) => ({
    name: `exits, cache policy ${cachePolicy}`,
    isThere: ({ exits }: CardParts) => exits.some((report) => report.cachePolicy === cachePolicy),
    absence: of.loops ?? of.text,
    measure: async () => {
      const { data } = card;
      const options = { maxTokens: EXIT_TOKENS, cachePolicy, ...(data === undefined ? {} : { data }) };
      return { exits: [await measured(card, exitsOf(options))] };
    },
  }));

/** Exits on the answers to a task. */
const answerExitsPart = (card: CardRun, absence: string | undefined): CardPart => ({
  name: "exits",
  isThere: ({ answerExits }) => answerExits !== undefined,
  absence,
  measure: async () => ({ answerExits: await measured(card, exitsOfAnswers({})) }),
});

/** Why parts cannot be: the run has no text, is on a task, has one loop, or no step sizes to choose. */
function absences({ run: { config }, data }: CardRun) {
  const { loops, conditioning } = config.spec;
  const onTask = isOnTask(config);
  const hasText = onTask || config.data !== null || data !== undefined;
  return {
    text: hasText ? undefined : "the run has no text; --data names a dataset",
    task: onTask ? "measured on text only" : undefined,
    loops: loops > 1 ? undefined : "the model has one loop",
    trajectories:
      conditioning.kind !== "time"
        ? "its loops have no step sizes"
        : loops < 3
          ? "fewer than three loops leave no choice"
          : undefined,
  };
}

/** A measurement of the card's run. */
async function measured<Kind extends OneModel, Given, Of extends CardKind>(
  card: CardRun,
  measurement: Measurement<Kind, Given, Of>,
): Promise<ReportOf<Kind>> {
  // parts that are not for this kind of run are absent
  const given = await measurement.open(card.run as Run<ConfigOf<Of>>);
  return reportOn(card, measurement, given);
}

async function qualityReport(card: CardRun) {
  const paths = [card.path, ...card.baselines];
  const { device, threads, status } = card;
  if (isOnTask(card.run.config)) return answersReport(paths, { device, threads }, { status });
  return (await evaluateRuns(paths, {
    ...(await evaluation(card)),
    kind: "budgets",
    budgets: (spec, isCompared) => budgetsFor(spec, {}, isCompared),
  })) as ReportOf<"budgets">;
}

async function trajectoriesReport(card: CardRun) {
  const { path, device, threads, status } = card;
  const budgets = shapesOf(card.run.config.spec);
  if (isOnTask(card.run.config)) return answersReport([path], { device, threads, budgets }, { status });
  return (await evaluateRuns([path], {
    ...(await evaluation(card)),
    kind: "trajectories",
    budgets: async () => budgets,
  })) as ReportOf<"trajectories">;
}

/** What every evaluation on text is told. */
const evaluation = async ({ status, maxTokens, device, threads, data }: CardRun) => ({
  command: commandLine(),
  machine: machineText(),
  commit: await commitOfGyre(),
  maxTokens,
  device,
  threads,
  ...(data === undefined ? {} : { data }),
  onProgress: ({ name, budget, budgets }: { name: string; budget: number; budgets: number }) =>
    status.update(`${name}  budget ${budget + 1} of ${budgets}`),
  onWarning: (text: string) => status.print(`warning: ${text}`),
});

/** How fast one text is written, and the memory that it takes: before anything larger has run in the process. */
export async function speedOf(card: CardRun): Promise<NonNullable<ReportOf<"card">["speed"]>> {
  const { model, run, status, data } = card;
  const { config, path, version } = run;
  const { context, loops } = model.spec;
  const beginning = isOnTask(config) ? [1] : (await promptsOf({ config, path, version }, data)).prompts[0];
  const prompt = (beginning ?? [0]).slice(0, Math.ceil(context / 2));
  const maxTokens = Math.max(2, Math.min(48, context - prompt.length));
  const points = await measureSpeed(model, {
    prompt,
    maxTokens,
    budgets: Array.from({ length: loops }, (_, index) => index + 1),
    onBudget: (budget) => status.update(`speed: ${budget} of ${loops} loops`),
  });
  return {
    machine: machineText(),
    runtime: model.runtime.name,
    promptTokens: prompt.length,
    tokens: maxTokens,
    residentBytes: process.resourceUsage().maxRSS * 1024,
    points,
  };
}
