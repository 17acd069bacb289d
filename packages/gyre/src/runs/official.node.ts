import { stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfFile, writeFileAtomic } from "../checkpoint/files.node.ts";
import type { FloatDType } from "../checkpoint/safetensors.ts";
import { loadTokenizerJson } from "../data/bpe.node.ts";
import { bytesJson } from "../data/bpe.ts";
import { gpt2Json, gpt2Tokenizer } from "../data/gpt2.node.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { wordsJson, wordsTokenizer } from "../data/words.ts";
import { printSums, sumsFile } from "../families/checksums.ts";
import type { LearnedTask } from "../families/loopformer-config.ts";
import { readOfficialFolder, writeOfficialFolder } from "../families/official.node.ts";
import { type OfficialOrigin, readOfficial, writeOfficial } from "../families/official.ts";
import { vocabularyMisfits } from "../models/misfits.ts";
import type { Spec } from "../models/spec.ts";
import { tokenTaskNamed } from "../tasks/tokens/index.ts";
import {
  type ImportedConfig,
  isOnTask,
  type LanguageConfig,
  learnedTask,
  type Run,
  type TaskConfig,
} from "./config.ts";
import { badImportTask, noTokenizer, textsNotExported, vocabularyMismatch } from "./errors.ts";
import { hasFile, readRunFile, writeRunFile } from "./files.node.ts";
import { hubFiles } from "./hub-files.ts";
import { createRun } from "./run.node.ts";
import { loadTokenizer } from "./tokenizer.node.ts";
import { tokenizerJson } from "./tokenizer-entry.ts";
import { loadWeights, type WhichCheckpoint, type WhichWeights } from "./weights.node.ts";

/** How an official checkpoint becomes a run. */
export interface ImportOptions {
  /** Run directory to make. */
  readonly out: string;
  /** Full depth, where config.json does not say it (8 otherwise). */
  readonly loops?: number;
  /**
   * `gpt2`, `bytes` or the path of a tokenizer.json; found from the vocabulary and the folder when left out.
   */
  readonly tokenizer?: string;
  /** The task that it learned; what config.json says, if that, when left out. Difficulties are the usual ones that fit, unless told. */
  readonly task?: Pick<LearnedTask, "name" | "variant"> & Partial<LearnedTask>;
  /** Delete a run that is there already. */
  readonly force?: boolean;
}

/** How a run is written as an official checkpoint. */
export interface ExportOptions {
  /** As imported, or F32, when left out. */
  readonly dtype?: FloatDType;
  /** Before each tensor's name; as imported, or `gpt.`, when left out. */
  readonly prefix?: string;
  /** Replace the files of a model that is there. */
  readonly force?: boolean;
  /** The newest good one by default. */
  readonly checkpoint?: WhichCheckpoint;
  /** Moving averages where the run keeps them, by default. */
  readonly weights?: WhichWeights;
}

const configFile = "official-config.json";
const layoutFile = "official-layout.safetensors";
const tokenizerFile = "tokenizer.json";
/** The vocabulary of GPT-2, and what the official configs round it up to. */
const gpt2Vocab = { least: 50_257, most: 50_304 };

/**
 * Makes a run of an official checkpoint: a folder with config.json and model.safetensors. Nothing is written unless
 * all of it fits. Throws the errors of `readOfficialFolder`, `readOfficial` and `createRun`, IMPORT_TOKENIZER, IMPORT_TASK, TASK_NAME
 * and TASK_VARIANT.
 */
export async function importOfficial(folder: string, options: ImportOptions): Promise<Run<ImportedConfig>> {
  const { out, loops, force = false } = options;
  const source = join(folder, "config.json");
  const files = await readOfficialFolder(folder);
  const { spec, weights, origin, ...said } = readOfficial(files, {
    source,
    ...(loops === undefined ? {} : { loops }),
  });
  const asked = options.task ?? said.task;
  const task = asked && fittingTask(folder, spec, asked);
  const tokenizer = await tokenizerFor(folder, spec, options.tokenizer);
  await using run = await createRun(
    out,
    { kind: "imported", spec, tokenizer, ...(task ? { task } : {}) },
    {
      force,
      fill: async (draft) => {
        await writeRunFile(draft, configFile, origin.config);
        await writeRunFile(draft, layoutFile, origin.layout);
        await draft.save({ step: 0, weights, moments: { first: new Map(), second: new Map() } });
      },
    },
  );
  const { path, config, version } = run;
  return { path, config, version };
}

/**
 * Writes the model of a run as an official checkpoint: its config.json and weights, the tokenizer.json of its text or of its
 * task's words, tokenizer_config.json and generation_config.json, and the checksums of all of them in SHA256SUMS. The config and weights of an
 * imported model come back byte for byte unless another dtype or prefix is asked for. Returns the names of the files. Throws SPEC_NOT_OFFICIAL,
 * OFFICIAL_EXISTS, EXPORT_TEXTS, RUN_NO_CHECKPOINT, RUN_NO_BEST, RUN_NO_EMA, PACKAGE_MISSING.
 */
export async function exportOfficial(
  run: Run<LanguageConfig | TaskConfig>,
  folder: string,
  options: ExportOptions = {},
): Promise<string[]> {
  const { config } = run;
  const { force = false, checkpoint, weights: which, ...form } = options;
  const { weights } = await loadWeights(run, checkpoint, which);
  const origin = await originOf(run);
  const { endOfText, json } = await vocabularyOf(run);
  const files = writeOfficial({
    spec: config.spec,
    weights,
    endOfText,
    ...(origin ? { origin } : {}),
    ...(isOnTask(config) ? { task: learnedTask(config) } : {}),
    ...form,
  });
  await writeOfficialFolder(folder, files, { force });
  const beside = [[tokenizerFile, json] as const, ...hubFiles({ context: config.spec.context, endOfText })];
  for (const [name, text] of beside) await writeFileAtomic(join(folder, name), text);
  const names = ["config.json", "model.safetensors", ...beside.map(([name]) => name)];
  await writeSums(folder, names);
  return [...names, sumsFile];
}

/** A task with its difficulties, which the model can read. Throws TASK_NAME, TASK_VARIANT, IMPORT_TASK. */
function fittingTask(folder: string, spec: Spec, asked: NonNullable<ImportOptions["task"]>): LearnedTask {
  const { name, variant } = asked;
  const task = tokenTaskNamed(name, variant);
  const { least, most, usual, counts } = task.difficulty;
  const fits = (difficulty: number) => task.maxLength(difficulty) <= spec.context;
  let { hardest = Math.min(usual.to, most) } = asked;
  if (asked.hardest === undefined) while (hardest > least && !fits(hardest)) hardest--;
  const { easiest = Math.min(usual.from, hardest) } = asked;
  const problems = vocabularyMisfits(spec, task);
  if (easiest < least || hardest > most || easiest > hardest)
    problems.push(
      `difficulty: ${easiest} to ${hardest}, where ${name} has from ${least} to ${most} ${counts}`,
    );
  else if (!fits(hardest))
    problems.push(
      `difficulty: ${hardest} ${counts} take up to ${task.maxLength(hardest)} tokens, where the context is ${spec.context}`,
    );
  if (problems.length > 0) throw badImportTask(folder, name, problems);
  return { name, ...(task.variant === undefined ? {} : { variant: task.variant }), easiest, hardest };
}

/** What a text of the model ends with, and its tokenizer.json. */
async function vocabularyOf({
  path,
  config,
}: Run<LanguageConfig | TaskConfig>): Promise<{ readonly endOfText: number; readonly json: string }> {
  if (config.kind === "task") {
    if (config.data) throw textsNotExported(path);
    const { vocabulary } = tokenTaskNamed(config.task, config.variant);
    const { endOfText, json } = wordsTokenizer(wordsJson(vocabulary));
    return { endOfText, json };
  }
  const { kind, endOfText } = config.tokenizer;
  if (kind === "bytes") return { endOfText, json: bytesJson() };
  if (kind === "gpt2") return { endOfText, json: await gpt2Json() };
  const json = tokenizerJson(await loadTokenizer({ path, config }));
  if (json === undefined) throw new Error(`a tokenizer of kind ${kind} without its tokenizer.json`);
  return { endOfText, json };
}

async function writeSums(folder: string, names: readonly string[]): Promise<void> {
  const sums = new Map<string, string>();
  for (const name of names) sums.set(name, await sha256OfFile(join(folder, name)));
  await writeFileAtomic(join(folder, sumsFile), printSums(sums));
}

async function originOf(run: Pick<Run, "path">): Promise<OfficialOrigin | undefined> {
  if (!(await hasFile(run, configFile))) return undefined;
  const bytes = await readRunFile(run, configFile);
  const config = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return { config, layout: await readRunFile(run, layoutFile) };
}

async function tokenizerFor(folder: string, spec: Spec, choice: string | undefined): Promise<Tokenizer> {
  const tokenizer = await openTokenizer(folder, spec, choice);
  if (tokenizer.vocab > spec.vocab) throw vocabularyMismatch(tokenizer.kind, tokenizer.vocab, spec.vocab);
  return tokenizer;
}

async function openTokenizer(
  folder: string,
  { vocab }: Spec,
  choice: string | undefined,
): Promise<Tokenizer> {
  if (choice === "gpt2") return gpt2Tokenizer();
  if (choice === "bytes") return bytesTokenizer();
  if (choice !== undefined) return loadTokenizerJson(choice);
  if (vocab >= gpt2Vocab.least && vocab <= gpt2Vocab.most) return gpt2Tokenizer();
  const path = join(folder, tokenizerFile);
  if (await exists(path)) return loadTokenizerJson(path);
  const bytes = bytesTokenizer();
  if (vocab === bytes.vocab) return bytes;
  throw noTokenizer(folder, vocab);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
