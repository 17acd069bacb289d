import { decodeSafetensors, toFloat32 } from "../checkpoint/safetensors.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { tokenizerFromJson } from "../data/tokenizer-json.ts";
import { parseSums, sumsFile } from "../families/checksums.ts";
import { officialSpec, readOfficial } from "../families/official.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { GyreError } from "../util/errors.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import {
  isCheckpointName,
  modelFile,
  optimizerFile,
  parseState,
  pointerFile,
  stateFile,
} from "./checkpoint-files.ts";
import { modelOf, momentsOf } from "./checkpoint-tensors.ts";
import { type LanguageConfig, parseConfig } from "./config.ts";
import { checksumOf, Downloads, type FetchProgress, type FileStore } from "./downloads.ts";
import {
  badUrl,
  fetchedFormat,
  fetchedOther,
  fetchOption,
  modelTooLarge,
  noFetchedTokenizer,
  runKind,
} from "./errors.ts";

/** How a model is fetched: progress, an end to it, and where its files are kept. */
export interface FetchModelOptions {
  readonly signal?: AbortSignal;
  /** Called for every piece that arrives. */
  readonly onProgress?: (progress: FetchProgress) => void;
  /**
   * Where files are kept, to be there without a network and not to be fetched twice: the page's Cache Storage, under the
   * name `gyre`, where there is one; `false` for nowhere.
   */
  readonly cache?: FileStore | false;
  /** Full depth of an exported model, where its config.json does not say it (8 otherwise); a run says it. */
  readonly loops?: number;
  /** The tokenizer, where none lies beside the model. */
  readonly tokenizer?: Tokenizer;
  /** Fetch what training goes on from as well, of a run. */
  readonly withState?: boolean;
  /** Most bytes of weights in float32; 1 GiB unless told, since a page holds them up to three times. */
  readonly mostBytes?: number;
}

/** What a run says of itself beside its model. */
export interface FetchedRun {
  readonly config: LanguageConfig;
  /** Of its newest checkpoint. */
  readonly step: number;
  /** What training goes on from, where it was asked for; its weights are the model's. */
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

const mostBytesByDefault = 2 ** 30;

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
  const folder = folderOf(url);
  const store = cache === undefined ? await pageStore() : cache || undefined;
  const downloads = new Downloads(folder, { signal, onProgress, store });
  const configUrl = downloads.urlOf("config.json");
  const text = textOf(await downloads.read("config.json"), configUrl);
  const json = jsonOf(text, configUrl);
  const model = isRunConfig(json)
    ? await fetchRun(downloads, json, options)
    : await fetchOfficial(downloads, text, options);
  signal?.throwIfAborted();
  return { url: folder.href, ...model, warnings: await downloads.keep() };
}

type Fetched = Omit<FetchedModel, "url" | "warnings">;
type Asked = Pick<FetchModelOptions, "loops" | "tokenizer" | "mostBytes" | "withState">;

/** A run in the layout that HeldRun writes: `latest` names the checkpoint, whose state.json has the checksums. */
async function fetchRun(downloads: Downloads, json: unknown, asked: Asked): Promise<Fetched> {
  const url = downloads.urlOf(".");
  const { config } = parseConfig(json, url);
  if (config.kind === "prompts" || config.kind === "task")
    throw runKind(url, config.kind, ["text", "imported"]);
  const { spec } = config;
  if (asked.loops !== undefined)
    throw fetchOption("loops", asked.loops, `nothing: ${url} is a run, and says ${spec.loops} itself`);
  requireRoom(url, spec, asked);
  const latest = textOf(await downloads.read(pointerFile), downloads.urlOf(pointerFile)).trim();
  if (!isCheckpointName(latest))
    throw fetchedFormat(downloads.urlOf(pointerFile), "no name of a checkpoint", "step-NNNNNN in one line");
  const path = (file: string) => `checkpoints/${latest}/${file}`;
  const stateUrl = downloads.urlOf(path(stateFile));
  const state = parseState(textOf(await downloads.read(path(stateFile)), stateUrl), latest, stateUrl);
  const tokenizer = await runTokenizer(downloads, config, asked.tokenizer);
  const bytes = await downloads.read(path(modelFile), state.sha256[modelFile]);
  const modelUrl = downloads.urlOf(path(modelFile));
  const weights = naming(modelUrl, () => modelOf(floatTensors(bytes, modelUrl), spec, modelUrl));
  const run = { config, step: state.step, state: undefined };
  if (!asked.withState) return { spec, weights, tokenizer, run };
  const momentBytes = await downloads.read(path(optimizerFile), state.sha256[optimizerFile]);
  const momentsUrl = downloads.urlOf(path(optimizerFile));
  const moments = naming(momentsUrl, () =>
    momentsOf(floatTensors(momentBytes, momentsUrl), spec, momentsUrl),
  );
  return { spec, weights, tokenizer, run: { ...run, state: { step: state.step, weights, moments } } };
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

async function runTokenizer(
  downloads: Downloads,
  { tokenizer: { kind, vocab, endOfText, sha256 } }: LanguageConfig,
  given: Tokenizer | undefined,
): Promise<Tokenizer> {
  if (given) {
    if (given.vocab !== vocab || given.endOfText !== endOfText)
      throw fetchOption(
        "tokenizer",
        `${given.kind}, ${given.vocab} entries`,
        `the tokenizer of the run: ${kind}, ${vocab} entries, end of text ${endOfText}`,
      );
    return given;
  }
  if (kind === "bytes") return bytesTokenizer();
  const path = "extra/tokenizer.json";
  const bytes = await downloads.find(path, sha256);
  if (typeof bytes === "string") throw noFetchedTokenizer(downloads.urlOf(path), bytes, kind);
  return tokenizerFromJson(textOf(bytes, downloads.urlOf(path)), downloads.urlOf(path));
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

/** A run says its version, formerly its format; no config of another program has that and a spec. */
function isRunConfig(json: unknown): boolean {
  return typeof json === "object" && json !== null && "spec" in json;
}

function requireRoom(url: string, spec: Spec, { mostBytes = mostBytesByDefault }: Asked): void {
  const bytes = 4 * parameterCount(spec);
  if (bytes > mostBytes) throw modelTooLarge(url, bytes, mostBytes);
}

function floatTensors(bytes: Uint8Array, source: string): Map<string, Tensor<Float32Array>> {
  const { tensors } = decodeSafetensors(bytes, source);
  return new Map(
    [...tensors].map(([name, stored]) => [name, { data: toFloat32(stored, name), shape: stored.shape }]),
  );
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

function textOf(bytes: Uint8Array, url: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fetchedFormat(url, "bytes that are not UTF-8", "a text file in UTF-8", cause);
  }
}

function jsonOf(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fetchedFormat(url, "no JSON", "the config.json of a run or of an exported model", cause);
  }
}

/** Does `read`; an error that does not name the URL comes with it. */
function naming<Result>(url: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GyreError) || error.detail.given.includes(url)) throw error;
    const { code, detail } = error;
    throw new GyreError(code, { ...detail, given: `${url}: ${detail.given}` }, { cause: error });
  }
}

/** The page's Cache Storage; there is none in Node, nor in a page without HTTPS. */
async function pageStore(): Promise<FileStore | undefined> {
  const { caches } = globalThis as { caches?: { open(name: string): Promise<FileStore> } };
  return caches?.open("gyre").catch(() => undefined);
}
