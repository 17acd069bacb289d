import type { Tokenizer } from "../data/tokenizer.ts";
import { memorySplit } from "../data/windows.ts";
import { evaluateAnswers } from "../measure/answers.ts";
import { evaluate } from "../measure/evaluate.ts";
import type { Spec } from "../models/spec.ts";
import { type TrainState, usedWeights } from "../optim/state.ts";
import type { AnswerPoint } from "../report/answers.ts";
import type { BudgetPoint } from "../report/report.ts";
import { CONFIG_VERSION, type LanguageConfig, parseConfig, type TaskConfig } from "../runs/config.ts";
import type { DatasetFiles } from "../runs/dataset-files.ts";
import { tokenizerEntry } from "../runs/tokenizer-entry.ts";
import type { WebRuntime } from "../runtime/onnx.web.ts";
import { scheduledValues } from "../tasks/curriculum.ts";
import type { TokenTask } from "../tasks/task.ts";
import { heldOutProblems } from "../tasks/tokens/grading.ts";
import { tokenTaskNamed } from "../tasks/tokens/index.ts";
import { type AnswerTrainingInput, parseAnswerTraining } from "../train/answer-options.ts";
import { trainAnswers } from "../train/answers.ts";
import type { TrainEvent } from "../train/optimise.ts";
import { parseTraining } from "../train/options.ts";
import { train } from "../train/text.ts";
import { noText } from "./errors.ts";
import type { QualityRequest } from "./protocol.ts";

/** The one model that a worker holds; of text or, with a task, of its tokens. */
export interface Held {
  readonly spec: Spec;
  readonly tokenizer: Tokenizer | undefined;
  readonly task: TokenTask | undefined;
  readonly state: TrainState;
  readonly web: WebRuntime;
  config: LanguageConfig | TaskConfig;
  data: DatasetFiles | undefined;
  metrics: string;
  going: Going | undefined;
}

/** A training that takes a step when it is asked for the next event: between two, other calls have their turn. */
interface Going {
  readonly key: string;
  readonly events: AsyncIterator<TrainEvent>;
  /** What the run says when a step of it is done. */
  readonly config: LanguageConfig | TaskConfig;
}

/** The training under way where it is the one that is asked for, whose graphs are built; else a new one, as `trainingOf`. */
export function goingOf(held: Held, text: string | undefined, training: AnswerTrainingInput): Going {
  const key = JSON.stringify([text, training]);
  if (held.going?.key === key) return held.going;
  const { events, config } = trainingOf(held, text, training);
  held.going = { key, events: events[Symbol.asyncIterator](), config };
  return held.going;
}

/** How a model is trained, and the config that says so. Throws TRAIN_OPTIONS, WORKER_NO_TEXT and DATA_TOO_SHORT. */
function trainingOf(
  held: Held,
  text: string | undefined,
  given: AnswerTrainingInput,
): { readonly events: AsyncIterable<TrainEvent>; readonly config: LanguageConfig | TaskConfig } {
  const { spec, tokenizer, task, state, data } = held;
  const progress = { spec, state, runtime: held.web.runtime };
  if (task) {
    const training = parseAnswerTraining(given, spec, task);
    const config = taskConfig(spec, task, training);
    return { config, events: trainAnswers({ ...progress, training, task }) };
  }
  const training = parseTraining(given, spec);
  const own = tokenizer as Tokenizer;
  if (text !== undefined) {
    const bytes = new TextEncoder().encode(text).length;
    const split = memorySplit(own.encode(text), { bytes });
    const config = languageConfig(spec, own, { kind: "text", training });
    return { config, events: train({ ...progress, training, data: split }) };
  }
  if (!data) throw noText("train");
  const config = languageConfig(spec, own, { kind: "text", training, data: data.reference });
  return { config, events: train({ ...progress, training, data: data.train }) };
}

/** Problems that are asked where the page does not say how many. */
const USUAL_COUNT = 256;

/** What a model is worth at each budget. Throws WORKER_NO_TEXT and the errors of measuring. */
export function qualityOf(
  held: Held,
  { budgets, maxTokens, count = USUAL_COUNT, difficulties }: QualityRequest,
  { signal }: { readonly signal: AbortSignal },
): AsyncIterable<BudgetPoint | AnswerPoint> {
  const { spec, state, tokenizer, task, data, web } = held;
  const common = { spec, weights: usedWeights(state), runtime: web.runtime, budgets, signal };
  if (task) {
    const asked = difficulties ?? [hardestOf(held, task)];
    const problems = heldOutProblems(task, { seed: 1, count, difficulties: asked });
    return evaluateAnswers({ ...common, task, problems });
  }
  if (!data) throw noText("quality");
  const { byteLength } = tokenizer as Tokenizer;
  const most = maxTokens === undefined ? {} : { maxTokens };
  return evaluate({ ...common, split: data.validation, byteLength, ...most });
}

function hardestOf({ config }: Held, { difficulty }: TokenTask): number {
  if (config.kind !== "task") return difficulty.usual.to;
  return Math.max(...scheduledValues(config.training.hardest, config.training.steps));
}

/** The config of a run, in the order in which it is read again: a run that travels keeps its bytes. */
export function languageConfig(spec: Spec, tokenizer: Tokenizer, more: object): LanguageConfig {
  const json = { version: CONFIG_VERSION, spec, tokenizer: tokenizerEntry(tokenizer), data: null, ...more };
  return parseConfig(json, "the model of this page").config as LanguageConfig;
}

export function taskConfig(
  spec: Spec,
  { name: task, variant }: TokenTask,
  training: AnswerTrainingInput,
): TaskConfig {
  const what = { task, ...(variant === undefined ? {} : { variant }) };
  const json = { version: CONFIG_VERSION, kind: "task", spec, ...what, training };
  return parseConfig(json, "the model of this page").config as TaskConfig;
}

export const taskOf = (config: LanguageConfig | TaskConfig): TokenTask | undefined =>
  config.kind === "task" ? tokenTaskNamed(config.task, config.variant) : undefined;
