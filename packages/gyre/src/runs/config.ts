import * as z from "zod";
import { manifestSchema } from "../data/manifest.ts";
import { type LearnedTask, learnedTaskSchema } from "../families/loopformer-config.ts";
import { type Spec, storedSpecSchema } from "../models/spec.ts";
import { scheduledValues } from "../tasks/curriculum.ts";
import { tokenTaskNamed } from "../tasks/tokens/index.ts";
import { ofTexts } from "../tasks/tokens/texts.ts";
import { vectorTaskNamed } from "../tasks/vectors/index.ts";
import { type AnswerTraining, answerTrainingSchema, parseAnswerTraining } from "../train/answer-options.ts";
import { trainingSchema } from "../train/options.ts";
import { type PromptTraining, parsePromptTraining, promptTrainingSchema } from "../train/prompt-options.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { badRunConfig, otherVersion } from "./errors.ts";

/** The version that is written; the one before it, which said `format: 1`, is still read. */
export const CONFIG_VERSION = 2;

/** `sha256` is that of tokens and tokenizer, whatever else the manifest says. */
const namedDataSchema = z.strictObject({ path: z.string(), sha256: z.string() });
/** A folder of data, and the checksum of what is in it. */
export type NamedData = z.infer<typeof namedDataSchema>;

/** Where a dataset is and which one it is; a relative path starts at the run. */
const dataSchema = z.union([
  namedDataSchema,
  /** Runs of format 1 knew the checksum of the manifest alone. */
  z.strictObject({ path: z.string(), manifestSha256: z.string() }),
]);
/** Which dataset a run learned from: where it was, and its checksum. */
export type DataReference = z.infer<typeof dataSchema>;

const common = { version: z.literal(CONFIG_VERSION), spec: storedSpecSchema };
/** Threads within one operation: another number sums in another order. Runs of format 1 do not say it. */
const threads = z.int().positive().optional();
/** Where it was trained, if not on the CPU as a matter of course: each device rounds in its own way. */
const device = z.enum(["cpu", "webgpu", "cuda"]).optional();
/** The run whose weights a new one began with, after how many of its steps, and which of them where that was asked for. */
const from = z
  .strictObject({
    run: z.string(),
    step: z.int().nonnegative(),
    weights: z.enum(["ema", "last"]).optional(),
  })
  .optional();
const languageModel = {
  ...common,
  tokenizer: manifestSchema.shape.tokenizer,
  /** Null where the text was in no folder. */
  data: dataSchema.nullable(),
};

const schemas = {
  /** A language model, trained on text. */
  text: z.strictObject({
    ...languageModel,
    kind: z.literal("text"),
    training: trainingSchema,
    threads,
    device,
    from,
  }),
  /** A language model that was trained elsewhere. */
  imported: z.strictObject({
    ...languageModel,
    kind: z.literal("imported"),
    /** What it learned, where that was no text. */
    task: learnedTaskSchema.optional(),
  }),
  /** A model of the laboratory, trained on prompts of a task. */
  prompts: z.strictObject({
    ...common,
    kind: z.literal("prompts"),
    recipe: z.string(),
    task: z.string(),
    training: promptTrainingSchema,
    threads,
    device,
  }),
  /** A model of tokens, trained on the answers of a task. */
  task: z.strictObject({
    ...common,
    kind: z.literal("task"),
    task: z.string(),
    /** Which form of the task; the usual one where left out. */
    variant: z.string().optional(),
    /** Where its labelled texts are, of a task that is made of some. */
    data: namedDataSchema.optional(),
    training: answerTrainingSchema,
    threads,
    device,
  }),
};
const configSchema = z.discriminatedUnion("kind", [
  schemas.text,
  schemas.imported,
  schemas.prompts,
  schemas.task,
]);

/** The config of a run on text. */
export type TextConfig = z.infer<typeof schemas.text>;
/** The config of a run that was made of an official checkpoint. */
export type ImportedConfig = z.infer<typeof schemas.imported>;
/** The config of a run on prompts of vectors. */
export type PromptsConfig = Omit<z.infer<typeof schemas.prompts>, "training"> & {
  readonly training: PromptTraining;
};
/** The config of a run on a task of tokens. */
export type TaskConfig = Omit<z.infer<typeof schemas.task>, "training"> & {
  readonly training: AnswerTraining;
};
/** What config.json of a run says: enough to go on with it, and to use its model without its data. */
export type RunConfig = TextConfig | ImportedConfig | PromptsConfig | TaskConfig;
/** What a run learns from: text, an official checkpoint, prompts of vectors, or a task of tokens. */
export type RunKind = RunConfig["kind"];
/** The kinds of runs. */
export const runKinds = ["text", "imported", "prompts", "task"] as const satisfies readonly RunKind[];
/** Runs whose model reads and writes text. */
export type LanguageConfig = TextConfig | ImportedConfig;

/** Runs that can be asked problems of a task: trained on it, or imported with its name. */
export type AnswersConfig = TaskConfig | (ImportedConfig & { readonly task: LearnedTask });

/** Whether a run can be asked problems of a task. */
export const isOnTask = (config: RunConfig): config is AnswersConfig =>
  config.kind === "task" || (config.kind === "imported" && config.task !== undefined);

/** The task of such a run, and the difficulties that it was trained on. */
export function learnedTask(config: AnswersConfig): LearnedTask {
  if (config.kind === "imported") return config.task;
  const { task: name, variant, training } = config;
  const hardest = Math.max(...scheduledValues(training.hardest, training.steps));
  return { name, ...(variant === undefined ? {} : { variant }), easiest: training.easiest, hardest };
}

/** The config of a kind of run. */
export type ConfigOf<Kind extends RunKind> = Extract<RunConfig, { readonly kind: Kind }>;

/** A run on disk, for reading. */
export interface Run<Config extends RunConfig = LanguageConfig> {
  readonly path: string;
  readonly config: Config;
  /** The version of config.json as it is on disk. */
  readonly version: number;
}

/**
 * The config that was stored as `json`, and in which version. Throws RUN_CONFIG listing every problem, RUN_VERSION, LAB_NAME
 * and LAB_OPTIONS of prompts, TASK_NAME, TASK_VARIANT and TRAIN_OPTIONS of a task.
 */
export function parseConfig(
  json: unknown,
  path: string,
): { readonly config: RunConfig; readonly version: number } {
  const version = versionOf(json);
  if (version !== 1 && version !== CONFIG_VERSION) throw otherVersion(path, version, CONFIG_VERSION);
  const stored = version === 1 ? fromFormat1(json as object) : json;
  const parsed = configSchema.safeParse(stored, { error: inWords });
  if (!parsed.success) throw badRunConfig(path, problemsOf(parsed.error, "config"));
  const config = parsed.data;
  if (config.kind === "prompts") {
    const training = parsePromptTraining(config.training, config.spec, vectorTaskNamed(config.task));
    return { config: { ...config, training }, version };
  }
  if (config.kind === "task") {
    const task = config.data ? shapeOfTexts(config) : tokenTaskNamed(config.task, config.variant);
    const training = parseAnswerTraining(config.training, config.spec, task);
    return { config: { ...config, training }, version };
  }
  return { config, version };
}

/** What is known of a task of labelled texts without them. */
const shapeOfTexts = ({ task, spec }: { readonly task: string; readonly spec: Spec }) => ({
  name: task,
  difficulty: ofTexts,
  maxLength: () => spec.context,
  vocabulary: new Array<string>(spec.vocab).fill(""),
});

function versionOf(json: unknown): unknown {
  const { version, format } = (json ?? {}) as { readonly version?: unknown; readonly format?: unknown };
  return version ?? format;
}

/** Format 1 had no kind for language models, and `lab` for prompts. */
function fromFormat1(json: object): object {
  const { format: _, kind, training, data, ...others } = json as Record<string, unknown>;
  const version = CONFIG_VERSION;
  if (kind === "lab") return { version, kind: "prompts", ...others, training };
  const { path, sha256 } = (data ?? {}) as { readonly path?: unknown; readonly sha256?: unknown };
  const reference = data === null ? null : { path, manifestSha256: sha256 };
  if (training === null) return { version, kind: "imported", ...others, data: reference };
  // one trajectory was drawn for each micro-batch then
  const drawn = { trajectoryPer: "micro-batch", ...(training as object) };
  return { version, kind: "text", ...others, training: drawn, data: reference };
}

/** What speaks against another depth than the full one, where a model was trained at no other. */
export function depthWarning(config: LanguageConfig, isFull: boolean): string | undefined {
  const { spec } = config;
  const isElastic =
    config.kind === "text" ? config.training.objective.kind === "elastic" : spec.family === "loopformer";
  if (isFull || isElastic) return undefined;
  return `this ${spec.family} was trained at ${spec.loops} loops only; other depths are a guess`;
}
