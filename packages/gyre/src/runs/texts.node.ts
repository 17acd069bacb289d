import { join, resolve } from "node:path";
import { loadTokenizerJson } from "../data/bpe.node.ts";
import { badManifest } from "../data/errors.ts";
import { gpt2Tokenizer } from "../data/gpt2.node.ts";
import { noTexts } from "../data/labelled/errors.ts";
import {
  sideFiles,
  type TextsManifest,
  textsChecksum,
  textsManifestSchema,
} from "../data/labelled/manifest.ts";
import { MANIFEST, TOKENIZER } from "../data/manifest.ts";
import { readChecked } from "../data/shards.node.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import type { TokenTask } from "../tasks/task.ts";
import { tokenTaskNamed } from "../tasks/tokens/index.ts";
import { type ClassifiedText, textsTask } from "../tasks/tokens/texts.ts";
import { reasonOf } from "../util/errors.ts";
import { readRegular } from "../util/files.node.ts";
import { inWords, problemsOf } from "../util/issues.ts";
import { type AnswersConfig, learnedTask, type Run } from "./config.ts";
import { dataChanged, dataMissing } from "./errors.ts";
import { realPathOf } from "./place.node.ts";

/** Labelled texts as a folder keeps them, and the task that they are. */
export interface Texts {
  readonly path: string;
  readonly manifest: TextsManifest;
  readonly tokenizer: Tokenizer;
  readonly task: TokenTask;
}

/** Whether a folder holds labelled texts that `prepareTexts` wrote. */
export async function holdsTexts(folder: string): Promise<boolean> {
  const text = await readRegular(join(folder, MANIFEST)).catch(() => undefined);
  return text !== undefined && /"kind":\s*"texts"/.test(text.subarray(0, 256).toString("utf8"));
}

/**
 * Opens labelled texts that `prepareTexts` wrote, and checks every file against its checksum. Throws DATA_MISSING,
 * DATA_MANIFEST, DATA_CORRUPT, PACKAGE_MISSING.
 *
 * @example
 * const { task, manifest } = await openTexts("data/spam");
 * console.log(manifest.classes, task.vocabulary.length);
 */
export async function openTexts(folder: string): Promise<Texts> {
  const manifest = await readTextsManifest(folder);
  const tokenizer = await tokenizerOf(folder, manifest);
  const { source, classes, context, train, heldOut, baselines } = manifest;
  const tokens = Array.from({ length: tokenizer.vocab }, (_, id) => tokenizer.decode([id]));
  const task = textsTask({
    source,
    tokens,
    asks: tokenizer.endOfText,
    classes,
    context,
    train: await readSide(join(folder, sideFiles.train), train.sha256),
    heldOut: await readSide(join(folder, sideFiles.heldOut), heldOut.sha256),
    baselines,
  });
  return { path: folder, manifest, tokenizer, task };
}

/**
 * The task of a run: by its name, or of the labelled texts that it was trained on, wherever they are by now: at `path`,
 * if that is given. Throws RUN_DATA, TASK_NAME, TASK_VARIANT, and what `openTexts` throws.
 */
export async function openRunTask(
  { path, config }: Pick<Run<AnswersConfig>, "path" | "config">,
  folder?: string,
): Promise<TokenTask> {
  const { name, variant } = learnedTask(config);
  const data = config.kind === "task" ? config.data : undefined;
  if (data === undefined) return tokenTaskNamed(name, variant);
  const from = folder ?? resolve(await realPathOf(path), data.path);
  if (!(await holdsTexts(from))) throw dataMissing(path, `no labelled texts at ${from}`);
  const texts = await openTexts(from);
  if (textsChecksum(texts.manifest) !== data.sha256)
    throw dataChanged(path, `${from} holds other texts than the run was trained on`);
  return texts.task;
}

async function readTextsManifest(folder: string): Promise<TextsManifest> {
  const path = join(folder, MANIFEST);
  let value: unknown;
  try {
    value = JSON.parse((await readRegular(path)).toString("utf8"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw noTexts(folder);
    throw badManifest(path, reasonOf(cause));
  }
  const result = textsManifestSchema.safeParse(value, { error: inWords });
  if (result.success) return result.data;
  throw badManifest(path, problemsOf(result.error, "the manifest").join("; "));
}

async function tokenizerOf(folder: string, { tokenizer }: TextsManifest): Promise<Tokenizer> {
  if (tokenizer.kind === "gpt2") return await gpt2Tokenizer();
  if (tokenizer.kind === "bytes") return bytesTokenizer();
  const path = join(folder, TOKENIZER);
  await readChecked(path, tokenizer.sha256 ?? "");
  return await loadTokenizerJson(path);
}

const readSide = async (path: string, sha256: string): Promise<ClassifiedText[]> =>
  (await readChecked(path, sha256))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ClassifiedText);
