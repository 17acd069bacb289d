import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import { jsonText } from "../checkpoint/json.ts";
import type { DatasetManifest } from "../data/manifest.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { LearnedTask } from "../families/loopformer-config.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import type { Device } from "../runtime/host.node.ts";
import type { AnswerTraining } from "../train/answer-options.ts";
import type { TrainingOptions } from "../train/options.ts";
import type { PromptTraining } from "../train/prompt-options.ts";
import { checkpointOf } from "./checkpoint-tensors.ts";
import { markBest, saveCheckpoint } from "./checkpoints.node.ts";
import {
  type AnswersConfig,
  CONFIG_VERSION,
  type ConfigOf,
  isOnTask,
  type LanguageConfig,
  type NamedData,
  parseConfig,
  type Run,
  type RunConfig,
  type RunKind,
} from "./config.ts";
import { dataReference, referenceFrom } from "./data.node.ts";
import { runDamaged, runExists, runKind, runLocked, runMissing, runNotEmpty } from "./errors.ts";
import { holderOf, takeLock } from "./lock.node.ts";
import { MetricsFile, type MetricsRecord } from "./metrics.node.ts";
import {
  hasCheckpoints,
  isFolder,
  kindOf,
  mend,
  putInPlace,
  realPathOf,
  requireWritable,
  tidy,
  tidyBeside,
} from "./place.node.ts";
import { writeTokenizer } from "./tokenizer.node.ts";
import { tokenizerEntry } from "./tokenizer-entry.ts";
import { loadState } from "./weights.node.ts";

/** A run that this process alone writes to, until it is disposed of. */
export class HeldRun<Config extends RunConfig = LanguageConfig> implements Run<Config>, AsyncDisposable {
  readonly path: string;
  readonly metrics: MetricsFile;
  #config: Config;
  #version: number;
  readonly #lock: AsyncDisposable | undefined;
  /** Checkpoints that were seen whole. */
  readonly #good = new Set<string>();

  /** `lock` is released with the run; a draft that nobody else can see needs none. */
  constructor(path: string, stored: Omit<Run<Config>, "path">, lock?: AsyncDisposable) {
    this.path = path;
    this.metrics = new MetricsFile(path);
    this.#config = stored.config;
    this.#version = stored.version;
    this.#lock = lock;
  }

  /** What config.json says. */
  get config(): Config {
    return this.#config;
  }

  get version(): number {
    return this.#version;
  }

  /** Replaces config.json. Throws CHECKPOINT_WRITE. */
  async keepConfig(config: Config): Promise<void> {
    await writeConfig(this.path, config);
    this.#config = config;
    this.#version = CONFIG_VERSION;
  }

  /**
   * Saves a checkpoint, then deletes all but the newest `keep` good ones, two unless told, and the best. Throws CHECKPOINT_OPTION,
   * SAFETENSORS_* or CHECKPOINT_WRITE; the checkpoints that were there are still whole then.
   */
  async save(state: TrainState, { keep = 2 }: { readonly keep?: number } = {}): Promise<void> {
    await this.metrics.sync();
    await saveCheckpoint(this.path, checkpointOf(state), keep, this.#good);
  }

  /** Saves a checkpoint, as `save` does, that stays until a better one is saved so. Throws as `save` does. */
  async saveBest(state: TrainState): Promise<void> {
    await this.save(state);
    await markBest(this.path, state.step);
  }

  /**
   * What training goes on from: the last good checkpoint, with later metrics dropped; no state before the first one.
   * `notices` say what was damaged. Throws CHECKPOINT_CORRUPT, RUN_SHAPE.
   */
  async resume(): Promise<{ readonly state?: TrainState; readonly notices: readonly string[] }> {
    const found = await loadState(this);
    const damaged = await this.metrics.truncate(found?.state.step ?? 0);
    const lines = damaged === 1 ? "1 damaged line" : `${damaged} damaged lines`;
    const notices = damaged > 0 ? [`${lines} of metrics.jsonl went to metrics.damaged.jsonl`] : [];
    return { ...(found ? { state: found.state } : {}), notices: [...(found?.warnings ?? []), ...notices] };
  }

  /** Adds a line to metrics.jsonl. Throws CHECKPOINT_OPTION, RUN_JSON, CHECKPOINT_WRITE. */
  async appendMetrics(record: MetricsRecord): Promise<void> {
    await this.metrics.append(record);
  }

  /** Lets the run go: another process may hold it then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock?.[Symbol.asyncDispose]();
  }
}

const languageKinds: readonly RunKind[] = ["text", "imported"];

/**
 * Opens a run for reading; of a language model, unless other kinds are asked for. Throws RUN_MISSING, RUN_DAMAGED,
 * RUN_CONFIG, RUN_KIND, and what `parseConfig` throws for prompts and tasks.
 *
 * @example
 * const run = await openRun("runs/first");
 * const { weights } = await loadWeights(run);
 */
export async function openRun<Kind extends RunKind = LanguageConfig["kind"]>(
  path: string,
  kinds: readonly Kind[] = languageKinds as readonly Kind[],
): Promise<Run<ConfigOf<Kind>>> {
  await mend(path);
  return { path, ...(await readConfig(path, kinds)) };
}

/** Opens a run that can be asked problems of a task. Throws what `openRun` throws. */
export async function openAnswersRun(path: string): Promise<Run<AnswersConfig>> {
  const { config, ...run } = await openRun(path, ["task", "imported"]);
  if (isOnTask(config)) return { ...run, config };
  throw runKind(path, config.kind, ["task"]);
}

/** Opens a run for writing, by this process alone. Throws what `openRun` throws, RUN_LOCKED, CHECKPOINT_WRITE. */
export async function holdRun<Kind extends RunKind>(
  path: string,
  kinds: readonly Kind[],
): Promise<HeldRun<ConfigOf<Kind>>> {
  await mend(path);
  await readConfig(path, kinds);
  const lock = await takeLock(path);
  try {
    await tidy(path);
    return new HeldRun(path, await readConfig(path, kinds), lock);
  } catch (error) {
    lock.releaseNow();
    throw error;
  }
}

/** What a new run is. */
export type NewRun =
  | {
      readonly kind: "text";
      readonly spec: Spec;
      readonly tokenizer: Tokenizer;
      readonly training: TrainingOptions;
      readonly threads?: number;
      readonly device?: Device | undefined;
      readonly data?: NewData;
    }
  | {
      readonly kind: "imported";
      readonly spec: Spec;
      readonly tokenizer: Tokenizer;
      readonly data?: NewData;
      /** What the model learned, where that was no text. */
      readonly task?: LearnedTask;
    }
  | {
      readonly kind: "prompts";
      readonly recipe: string;
      readonly task: string;
      readonly spec: Spec;
      readonly training: PromptTraining;
      readonly threads?: number;
      readonly device?: Device | undefined;
    }
  | {
      readonly kind: "task";
      readonly task: string;
      readonly variant?: string;
      /** Of a task that is made of labelled texts: where these are, and the checksum of their folder. */
      readonly data?: NamedData;
      readonly spec: Spec;
      readonly training: AnswerTraining;
      readonly threads?: number;
      readonly device?: Device | undefined;
    };

/** The dataset of a new run, and where it is. */
export interface NewData {
  readonly path: string;
  readonly manifest: DatasetManifest;
}

/** What happens to a run that is there already, and what a new one begins with. */
export interface CreateRunOptions<Config extends RunConfig> {
  /** Replace a run that is there already; it is deleted once the new one is in its place. */
  readonly force?: boolean;
  /** What else to write before the run appears. */
  readonly fill?: (draft: HeldRun<Config>) => Promise<void>;
}

/** A run that could be made: everything was checked, and nothing is on disk yet. */
export interface PlannedRun<Config extends RunConfig = RunConfig> {
  readonly path: string;
  /** Makes the run, whole or not at all. Throws as `planRun` does. */
  create(): Promise<HeldRun<Config>>;
}

/**
 * Checks that a run can come to be at a path. Throws RUN_EXISTS where a run is, unless `force` is to replace it or it has no checkpoint;
 * RUN_NOT_EMPTY where something else is, which nothing replaces; RUN_LOCKED; CHECKPOINT_WRITE where nothing can be written.
 */
export async function planRun<New extends NewRun>(
  path: string,
  what: New,
  options: CreateRunOptions<ConfigOf<New["kind"]>> = {},
): Promise<PlannedRun<ConfigOf<New["kind"]>>> {
  await mend(path);
  await requireFree(path, options.force ?? false);
  const holder = await holderOf(path);
  if (holder) throw runLocked(path, holder);
  await requireWritable(path);
  return { path, create: () => create(path, what, options) };
}

/** Makes a run at once; see `planRun`. */
export async function createRun<New extends NewRun>(
  path: string,
  what: New,
  options: CreateRunOptions<ConfigOf<New["kind"]>> = {},
): Promise<HeldRun<ConfigOf<New["kind"]>>> {
  return (await planRun(path, what, options)).create();
}

async function create<New extends NewRun>(
  path: string,
  what: New,
  { force = false, fill }: CreateRunOptions<ConfigOf<New["kind"]>>,
): Promise<HeldRun<ConfigOf<New["kind"]>>> {
  const isThere = await isFolder(path);
  let lock = isThere ? await takeLock(path) : undefined;
  try {
    await (isThere ? tidy(path) : tidyBeside(path));
    await requireFree(path, force);
    const config = await configOf(what, await realPathOf(path));
    const stored = { config: config as ConfigOf<New["kind"]>, version: CONFIG_VERSION };
    await putInPlace(path, async (draft) => {
      lock ??= await takeLock(draft);
      await mkdir(join(draft, "checkpoints"));
      await writeFileAtomic(join(draft, "metrics.jsonl"), "");
      if ("tokenizer" in what) await writeTokenizer({ path: draft }, what.tokenizer);
      await fill?.(new HeldRun(draft, stored));
      await writeConfig(draft, config);
    });
    lock?.movedTo(path);
    return new HeldRun(path, stored, lock);
  } catch (error) {
    lock?.releaseNow();
    throw error;
  }
}

async function configOf(what: NewRun, path: string): Promise<RunConfig> {
  const version = CONFIG_VERSION;
  if (what.kind === "prompts") return { version, ...what };
  if (what.kind === "task") {
    const { data, ...others } = what;
    return { version, ...others, ...(data ? { data: await referenceFrom(path, data) } : {}) };
  }
  const { tokenizer, data, ...others } = what;
  return {
    version,
    ...others,
    tokenizer: tokenizerEntry(tokenizer),
    data: data ? await dataReference(path, data) : null,
  };
}

async function requireFree(path: string, force: boolean): Promise<void> {
  const kind = await kindOf(path);
  if (kind === "other") throw runNotEmpty(path);
  if (kind === "run" && !force && (await hasCheckpoints(path))) throw runExists(path);
}

async function readConfig<Kind extends RunKind>(
  path: string,
  kinds: readonly Kind[],
): Promise<Omit<Run<ConfigOf<Kind>>, "path">> {
  if ((await kindOf(path)) !== "run") throw runMissing(path, ["config.json", "checkpoints/"]);
  const file = join(path, "config.json");
  const text = new TextDecoder().decode(await readBytes(file));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw runDamaged(file, "not JSON", cause);
  }
  const { config, version } = parseConfig(json, path);
  if (!kinds.some((kind) => kind === config.kind)) throw runKind(path, config.kind, kinds);
  return { config: config as ConfigOf<Kind>, version };
}

const writeConfig = (path: string, config: RunConfig): Promise<void> =>
  writeFileAtomic(join(path, "config.json"), `${jsonText(config, "a run's config", 2)}\n`);
