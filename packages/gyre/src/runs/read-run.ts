import { decodeSafetensors, toFloat32 } from "../checkpoint/safetensors.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { tokenizerFromJson } from "../data/tokenizer-json.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { GyreError } from "../util/errors.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import {
  emaFile,
  isCheckpointName,
  modelFile,
  optimizerFile,
  parseState,
  pointerFile,
  stateFile,
} from "./checkpoint-files.ts";
import { modelOf, momentsOf } from "./checkpoint-tensors.ts";
import { type LanguageConfig, type PromptsConfig, parseConfig, type TaskConfig } from "./config.ts";
import { checksumOf } from "./downloads.ts";
import {
  fetchedFormat,
  fetchedOther,
  fetchOption,
  fetchStatus,
  modelTooLarge,
  noFetchedTokenizer,
  runKind,
} from "./errors.ts";

/** The files of a run, wherever they are: behind a URL, or in the hands of a page. */
export interface RunSource {
  /** How errors call a file. */
  urlOf(path: string): string;
  /** The bytes of a file. Throws FETCH_STATUS where there is none, FETCH_CHECKSUM. */
  read(path: string, checksum?: string): Promise<Uint8Array>;
  /** The same; where there is none, why, in words. */
  find(path: string, checksum?: string): Promise<Uint8Array | string>;
}

export interface ReadRunOptions {
  /** The tokenizer, where none lies in the run. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Read what training goes on from as well. */
  readonly withState?: boolean | undefined;
  /** Most bytes of weights in float32; 1 GiB unless told, since a page holds them up to three times. */
  readonly mostBytes?: number | undefined;
}

/** A run as it was read. */
export interface StoredRun<Config extends LanguageConfig | TaskConfig | PromptsConfig> {
  readonly config: Config;
  /** Moving averages where the run keeps them. */
  readonly weights: Weights;
  /** Undefined of a task, whose problems are tokens or vectors. */
  readonly tokenizer: Tokenizer | undefined;
  /** Of its newest checkpoint. */
  readonly step: number;
  /** What training goes on from, where it was asked for. */
  readonly state: TrainState | undefined;
}

const mostBytesByDefault = 2 ** 30;

type ReadableConfig = LanguageConfig | TaskConfig | PromptsConfig;

/**
 * A run in the layout that HeldRun writes, whose config.json says `json`: `latest` names the checkpoint, whose state.json
 * has the checksums. Throws RUN_CONFIG, RUN_KIND, RUN_SHAPE, CHECKPOINT_CORRUPT, FETCH_FORMAT, FETCH_TOO_LARGE,
 * FETCH_TOKENIZER and what the source throws.
 */
export async function readRun<Kind extends ReadableConfig["kind"]>(
  source: RunSource,
  { json, kinds, ...options }: ReadRunOptions & { readonly json: unknown; readonly kinds: readonly Kind[] },
): Promise<StoredRun<Extract<ReadableConfig, { readonly kind: Kind }>>> {
  const url = source.urlOf(".");
  const config = configOf(json, kinds, url);
  const { spec } = config;
  requireRoom(url, spec, options);
  const latest = textOf(await source.read(pointerFile), source.urlOf(pointerFile)).trim();
  if (!isCheckpointName(latest))
    throw fetchedFormat(source.urlOf(pointerFile), "no name of a checkpoint", "step-NNNNNN in one line");
  const path = (file: string) => `checkpoints/${latest}/${file}`;
  const stateUrl = source.urlOf(path(stateFile));
  const { step, sha256 } = parseState(textOf(await source.read(path(stateFile)), stateUrl), latest, stateUrl);
  const tokenizer =
    "tokenizer" in config ? await runTokenizer(source, config.tokenizer, options.tokenizer) : undefined;
  const tensors = async <Named>(file: keyof typeof sha256, named: typeof modelOf | typeof momentsOf) => {
    const fileUrl = source.urlOf(path(file));
    const found = floatTensors(await source.read(path(file), sha256[file]), fileUrl);
    return naming(fileUrl, () => named(found, spec, fileUrl) as Named);
  };
  const ema = sha256[emaFile] === undefined ? undefined : await tensors<Weights>(emaFile, modelOf);
  const last = !ema || options.withState ? await tensors<Weights>(modelFile, modelOf) : undefined;
  const run = { config, weights: ema ?? (last as Weights), tokenizer, step };
  if (!options.withState) return { ...run, state: undefined };
  const moments = await tensors<TrainState["moments"]>(optimizerFile, momentsOf);
  return { ...run, state: { step, weights: last as Weights, moments, ...(ema ? { ema } : {}) } };
}

function configOf<Kind extends ReadableConfig["kind"]>(json: unknown, kinds: readonly Kind[], url: string) {
  const { config } = parseConfig(json, url);
  if (!kinds.some((kind) => kind === config.kind)) throw runKind(url, config.kind, kinds);
  return config as Extract<ReadableConfig, { readonly kind: Kind }>;
}

/** The JSON of a run's config.json. Throws FETCH_STATUS, FETCH_FORMAT. */
export async function readConfig(source: RunSource): Promise<unknown> {
  const url = source.urlOf("config.json");
  return jsonOf(textOf(await source.read("config.json"), url), url);
}

/** Files that are in memory, by their paths in the run; `name` stands before them in errors. */
export function filesInMemory(files: ReadonlyMap<string, Uint8Array>, name: string): RunSource {
  const urlOf = (path: string) => (path === "." ? name : `${name}/${path}`);
  const find = async (path: string, checksum?: string) => {
    const bytes = files.get(path);
    if (!bytes) return "not among the files";
    const actual = checksum === undefined ? undefined : checksumOf(bytes);
    if (actual !== checksum) throw fetchedOther(urlOf(path), String(actual), String(checksum));
    return bytes;
  };
  const read = async (path: string, checksum?: string) => {
    const found = await find(path, checksum);
    if (typeof found === "string") throw fetchStatus(urlOf(path), found);
    return found;
  };
  return { urlOf, find, read };
}

/** A run says its version, formerly its format; no config of another program has that and a spec. */
export function isRunConfig(json: unknown): boolean {
  return typeof json === "object" && json !== null && "spec" in json;
}

/** Throws FETCH_TOO_LARGE, before anything large is read. */
export function requireRoom(
  url: string,
  spec: Spec,
  { mostBytes = mostBytesByDefault }: Pick<ReadRunOptions, "mostBytes">,
): void {
  const bytes = 4 * parameterCount(spec);
  if (bytes > mostBytes) throw modelTooLarge(url, bytes, mostBytes);
}

async function runTokenizer(
  source: RunSource,
  { kind, vocab, endOfText, sha256 }: LanguageConfig["tokenizer"],
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
  const bytes = await source.find(path, sha256);
  if (typeof bytes === "string") throw noFetchedTokenizer(source.urlOf(path), bytes, kind);
  return tokenizerFromJson(textOf(bytes, source.urlOf(path)), source.urlOf(path));
}

function floatTensors(bytes: Uint8Array, source: string): Map<string, Tensor<Float32Array>> {
  const { tensors } = decodeSafetensors(bytes, source);
  return new Map(
    [...tensors].map(([name, stored]) => [name, { data: toFloat32(stored, name), shape: stored.shape }]),
  );
}

export function textOf(bytes: Uint8Array, url: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fetchedFormat(url, "bytes that are not UTF-8", "a text file in UTF-8", cause);
  }
}

export function jsonOf(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fetchedFormat(url, "no JSON", "the config.json of a run or of an exported model", cause);
  }
}

/** Does `read`; an error that does not name the URL comes with it. */
export function naming<Result>(url: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GyreError) || error.detail.given.includes(url)) throw error;
    const { code, detail } = error;
    throw new GyreError(code, { ...detail, given: `${url}: ${detail.given}` }, { cause: error });
  }
}
