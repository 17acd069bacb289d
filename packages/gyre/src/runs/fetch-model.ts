import { decodeSafetensors } from "../checkpoint/safetensors.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { tokenizerFromJson } from "../data/tokenizer-json.ts";
import { parseSums, sumsFile } from "../families/checksums.ts";
import { officialSpec, readOfficial } from "../families/official.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import type { Weights } from "../util/tensor.ts";
import { modelFile } from "./checkpoint-files.ts";
import type { LanguageConfig, PromptsConfig, TaskConfig } from "./config.ts";
import { checksumOf, Downloads, type FetchProgress, type FileStore } from "./downloads.ts";
import { badUrl, fetchedFormat, fetchedOther, fetchOption, noFetchedTokenizer } from "./errors.ts";
import {
  isRunConfig,
  jsonOf,
  naming,
  readConfig,
  readRun,
  requireRoom,
  type StoredRun,
  textOf,
} from "./read-run.ts";

/** How a model is fetched: progress, an end to it, and where its files are kept. */
export interface FetchModelOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for every piece that arrives. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /**
   * Where files are kept, to be there without a network and not to be fetched twice: the page's Cache Storage, under the
   * name `gyre`, where there is one; `false` for nowhere.
   */
  readonly cache?: FileStore | false | undefined;
  /** Full depth of an exported model, where its config.json does not say it (8 otherwise); a run says it. */
  readonly loops?: number | undefined;
  /** The tokenizer, where none lies beside the model. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Fetch what training goes on from as well, of a run. */
  readonly withState?: boolean | undefined;
  /** Most bytes of weights in float32; 1 GiB unless told, since a page holds them up to three times. */
  readonly mostBytes?: number | undefined;
}

/** What a run says of itself beside its model. */
export interface FetchedRun {
  readonly config: LanguageConfig;
  /** Of its newest checkpoint. */
  readonly step: number;
  /** What training goes on from, where it was asked for. */
  readonly state: TrainState | undefined;
}

/** A model that came over HTTP; with a runtime it can be used: `{ ...model, runtime }`. */
export interface FetchedModel {
  /** The folder's URL. */
  readonly url: string;
  readonly spec: Spec;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** Undefined for an exported folder. */
  readonly run: FetchedRun | undefined;
  /** What did not stop the fetch, in words: storage that is full. */
  readonly warnings: readonly string[];
}

/**
 * Fetches a model from the URL of a run's folder, or of a folder as `gyre export` or the Hugging Face hub has it:
 * config.json, the weights, and tokenizer.json where there is one. Checksums of a run's checkpoint and of SHA256SUMS are
 * checked. In the cache a model is replaced as a whole, after all of it was read. Runs in a page, a worker and Node.
 *
 * Throws FETCH_URL, FETCH_UNREACHABLE, FETCH_STATUS, FETCH_BROKEN, FETCH_CHECKSUM, FETCH_FORMAT, FETCH_TOO_LARGE,
 * FETCH_MEMORY, FETCH_TOKENIZER and FETCH_OPTION; the errors of `readOfficial`, and RUN_CONFIG, RUN_KIND, RUN_SHAPE and
 * CHECKPOINT_CORRUPT of a run, with the URL; the signal's reason once it is aborted.
 *
 * @example
 * const model = await fetchModel("/models/first/", { onProgress: ({ loadedBytes }) => console.log(loadedBytes) });
 * const { runtime } = await openWebRuntime();
 * const prompt = model.tokenizer.encode("The river");
 * for await (const { token } of generate({ ...model, runtime }, [...prompt], { loops: 4 }))
 *   console.log(model.tokenizer.decode([token]));
 */
export async function fetchModel(
  url: string | URL,
  { cache, signal, onProgress, ...options }: FetchModelOptions = {},
): Promise<FetchedModel> {
  const { folder, downloads } = await open(url, { cache, signal, onProgress });
  const configUrl = downloads.urlOf("config.json");
  const text = textOf(await downloads.read("config.json"), configUrl);
  const json = jsonOf(text, configUrl);
  const model = isRunConfig(json)
    ? await fetchRun(downloads, json, options)
    : await fetchOfficial(downloads, text, options);
  signal?.throwIfAborted();
  return { url: folder.href, ...model, warnings: await downloads.keep() };
}

/** A run on the answers of a task that came over HTTP. */
export interface FetchedTask extends Omit<StoredRun<TaskConfig>, "tokenizer"> {
  readonly url: string;
  readonly warnings: readonly string[];
}

/**
 * Fetches a run on the answers of a task, as `fetchModel` does one on text; its config names the task. Throws the same errors.
 *
 * @example
 * const { config, weights } = await fetchTask("/models/shuffle/");
 * const task = tokenTaskNamed(config.task, config.variant);
 */
export async function fetchTask(
  url: string | URL,
  options: Omit<FetchModelOptions, "loops" | "tokenizer"> = {},
): Promise<FetchedTask> {
  return await fetchRunOf("task", url, options);
}

/** A run on prompts of vectors that came over HTTP. */
export interface FetchedPrompts extends Omit<StoredRun<PromptsConfig>, "tokenizer"> {
  readonly url: string;
  readonly warnings: readonly string[];
}

/**
 * Fetches a run of the laboratory, as `fetchModel` does one on text. Throws the same errors.
 *
 * @example
 * const { config, weights } = await fetchPrompts("/models/line-looped/");
 * const shape = { batch: 1, tokens: 3, readAt: [2], loops: 8 };
 * const graph = predictionGraph(config.spec, shape, [1, 8]);
 * const prompts = { data: Float32Array.of(1, 0.5, 0.3, 0, 1, -0.5), shape: [1, 3, 2] };
 * console.log(interpret(graph, new Map([...weights, ["prompts", prompts]])).get("prediction/8")?.data);
 */
export async function fetchPrompts(
  url: string | URL,
  options: Omit<FetchModelOptions, "loops" | "tokenizer"> = {},
): Promise<FetchedPrompts> {
  return await fetchRunOf("prompts", url, options);
}

async function fetchRunOf<Kind extends "task" | "prompts">(
  kind: Kind,
  url: string | URL,
  { cache, signal, onProgress, ...options }: Omit<FetchModelOptions, "loops" | "tokenizer">,
) {
  const { folder, downloads } = await open(url, { cache, signal, onProgress });
  const json = await readConfig(downloads);
  const { tokenizer: _, ...run } = await readRun(downloads, { ...options, json, kinds: [kind] });
  signal?.throwIfAborted();
  return { url: folder.href, ...run, warnings: await downloads.keep() };
}

type Fetched = Omit<FetchedModel, "url" | "warnings">;
type Asked = Pick<FetchModelOptions, "loops" | "tokenizer" | "mostBytes" | "withState">;

async function open(
  url: string | URL,
  { cache, signal, onProgress }: Pick<FetchModelOptions, "cache" | "signal" | "onProgress">,
): Promise<{ readonly folder: URL; readonly downloads: Downloads }> {
  const folder = folderOf(url);
  const store = cache === undefined ? await pageStore() : cache || undefined;
  return { folder, downloads: new Downloads(folder, { signal, onProgress, store }) };
}

async function fetchRun(downloads: Downloads, json: unknown, asked: Asked): Promise<Fetched> {
  const { loops, ...options } = asked;
  if (loops !== undefined)
    throw fetchOption("loops", loops, `nothing: ${downloads.urlOf(".")} is a run, and says it itself`);
  const run = await readRun(downloads, { ...options, json, kinds: ["text", "imported"] });
  const { config, weights, tokenizer, step, state } = run;
  const { spec } = config;
  return { spec, weights, tokenizer: tokenizer as Tokenizer, run: { config, step, state } };
}

/** config.json and model.safetensors with the official names; SHA256SUMS where it is there. */
async function fetchOfficial(downloads: Downloads, config: string, asked: Asked): Promise<Fetched> {
  if (asked.withState)
    throw fetchOption("withState", true, `the URL of a run, which ${downloads.urlOf(".")} is not`);
  const source = downloads.urlOf("config.json");
  const options = { source, ...(asked.loops === undefined ? {} : { loops: asked.loops }) };
  const spec = naming(source, () => officialSpec(config, options));
  requireRoom(downloads.urlOf("."), spec, asked);
  const sums = await downloads.find(sumsFile);
  const sumsUrl = downloads.urlOf(sumsFile);
  const checksums =
    typeof sums === "string" ? new Map<string, string>() : parseSums(textOf(sums, sumsUrl), sumsUrl);
  const expected = checksums.get("config.json");
  const actual = checksumOf(new TextEncoder().encode(config));
  if (expected !== undefined && actual !== expected) throw fetchedOther(source, actual, expected);
  const tokenizer = await officialTokenizer(downloads, spec, asked.tokenizer, checksums);
  const bytes = await downloads.read(modelFile, checksums.get(modelFile));
  const modelUrl = downloads.urlOf(modelFile);
  const model = decodeSafetensors(bytes, modelUrl);
  const { weights } = naming(modelUrl, () => readOfficial({ config, model }, options));
  return { spec, weights, tokenizer, run: undefined };
}

async function officialTokenizer(
  downloads: Downloads,
  { vocab }: Spec,
  given: Tokenizer | undefined,
  checksums: ReadonlyMap<string, string>,
): Promise<Tokenizer> {
  const path = "tokenizer.json";
  const url = downloads.urlOf(path);
  const tokenizer = given ?? (await officialTokenizerFile(downloads, vocab, checksums.get(path)));
  if (tokenizer.vocab > vocab)
    throw given
      ? fetchOption("tokenizer", `${given.kind}, ${given.vocab} entries`, `at most ${vocab} entries`)
      : fetchedFormat(url, `${tokenizer.vocab} entries`, `at most the ${vocab} of the model's vocabulary`);
  return tokenizer;
}

async function officialTokenizerFile(
  downloads: Downloads,
  vocab: number,
  checksum: string | undefined,
): Promise<Tokenizer> {
  const url = downloads.urlOf("tokenizer.json");
  const bytes = await downloads.find("tokenizer.json", checksum);
  if (typeof bytes !== "string") return tokenizerFromJson(textOf(bytes, url), url);
  const ofBytes = bytesTokenizer();
  if (ofBytes.vocab === vocab) return ofBytes;
  throw noFetchedTokenizer(url, bytes, `a vocabulary of ${vocab}`);
}

function folderOf(url: string | URL): URL {
  const { location } = globalThis as { location?: { readonly href: string } };
  let folder: URL;
  try {
    folder = new URL(url, location?.href);
  } catch (cause) {
    throw badUrl(String(url), cause);
  }
  if (!/^https?:$/.test(folder.protocol)) throw badUrl(String(url));
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  folder.hash = "";
  return folder;
}

/** The page's Cache Storage; there is none in Node, nor in a page without HTTPS. */
async function pageStore(): Promise<FileStore | undefined> {
  const { caches } = globalThis as { caches?: { open(name: string): Promise<FileStore> } };
  return caches?.open("gyre").catch(() => undefined);
}
