import {
  decodeSafetensors,
  encodeSafetensors,
  type FloatDType,
  fromFloat32,
  type SafetensorsFile,
  type StoredTensor,
  storeTensors,
} from "../checkpoint/safetensors.ts";
import { type Header, parseHeader } from "../checkpoint/safetensors-header.ts";
import type { Spec } from "../models/spec.ts";
import type { Tensor } from "../util/tensor.ts";
import { officialShapes, toOfficialNames, toOwnNames } from "./index.ts";
import { officialShape, specFromOfficial } from "./loopformer.ts";
import { type LearnedTask, parseOfficialConfig, printOfficialConfig } from "./loopformer-config.ts";
import { embeddingName, headName, matchTensors, ownName } from "./match.ts";

/** What an official checkpoint holds on disk. */
export interface OfficialFiles {
  /** The text of config.json. */
  readonly config: string;
  /** model.safetensors. */
  readonly model: SafetensorsFile;
}

/** What is kept of the files that a model was read from, so that they can be written again byte for byte. */
export interface OfficialOrigin {
  readonly config: string;
  /** A safetensors file of the tensors that are no weights of the model; the original header is its metadata. */
  readonly layout: Uint8Array;
}

/** A model that was read from a checkpoint in the format of its authors. */
export interface OfficialModel {
  readonly spec: Spec;
  /** By our names. */
  readonly weights: Map<string, Tensor<Float32Array>>;
  /** What it learned, where that was no text and config.json says it. */
  readonly task?: LearnedTask;
  readonly origin: OfficialOrigin;
}

/** What a writer of official checkpoints needs. */
export interface WriteOfficialOptions {
  readonly spec: Spec;
  readonly weights: ReadonlyMap<string, Tensor<Float32Array>>;
  /** As imported, or F32, when left out. */
  readonly dtype?: FloatDType;
  /** Stands before each tensor's name: `gpt.` as on the hub, or nothing. As imported, or `gpt.`, when left out. */
  readonly prefix?: string;
  readonly origin?: OfficialOrigin;
  /** Written into a new config.json as begin, end and padding of a text. */
  readonly endOfText?: number;
  /** What the model learned, where that was no text. */
  readonly task?: LearnedTask;
}

const torchNames = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;
const originalHeader = "header";

/** What a reader of official checkpoints may be told. */
export interface ReadOfficialOptions {
  /** The full depth, where config.json does not say it. */
  readonly loops?: number;
  /** Names config.json in errors. */
  readonly source?: string;
}

/** The spec that the text of an official config.json describes. Throws CHECKPOINT_CONFIG, SPEC_INVALID. */
export function officialSpec(config: string, { loops, source }: ReadOfficialOptions = {}): Spec {
  const official = parseOfficialConfig(config, source);
  return specFromOfficial(official, loops ?? official.max_loops);
}

/**
 * A model from official files: LoopFormer or one of its baselines, names with the `gpt.` prefix or without, in
 * F32, F16 or BF16. `loops` is the full depth where config.json does not say it (8 otherwise). Throws
 * CHECKPOINT_CONFIG, SPEC_INVALID, or one CHECKPOINT_MISMATCH with every tensor that is missing, extra or wrong.
 */
export function readOfficial(
  { config, model }: OfficialFiles,
  options: ReadOfficialOptions = {},
): OfficialModel {
  const spec = officialSpec(config, options);
  const { task } = parseOfficialConfig(config, options.source);
  const shapes = officialShapes(spec);
  const data = matchTensors(shapes, model.tensors);
  const weights = new Map(
    [...data].map(([name, values]) => [name, { data: values, shape: shapes.get(name) ?? [] }]),
  );
  const origin = { config, layout: layoutOf(model, shapes) };
  return { spec, weights: toOwnNames(spec, weights), ...(task ? { task } : {}), origin };
}

/**
 * The official files of a model. With its `origin` and the same form, they are those that were read, byte for byte,
 * also when the weights have changed. Throws SPEC_NOT_OFFICIAL for a model that the official code does not have.
 */
export function writeOfficial(options: WriteOfficialOptions): OfficialFiles {
  const { spec, origin } = options;
  const weights = toOfficialNames(spec, options.weights);
  const layout = origin && readLayout(origin, officialShapes(spec));
  const dtype = options.dtype ?? layout?.dtype ?? "F32";
  const prefix = options.prefix ?? layout?.prefix ?? "gpt.";
  const isSameType = options.dtype === undefined || options.dtype === layout?.dtype;
  const isSamePrefix = options.prefix === undefined || options.prefix === layout?.prefix;
  if (layout && isSameType && isSamePrefix) {
    return { config: configText(options, undefined), model: filled(layout, weights) };
  }
  return {
    config: configText(options, dtype === layout?.dtype ? undefined : dtype),
    model: { tensors: storeTensors(weights, { dtype, prefix }), metadata: { format: "pt" } },
  };
}

interface Layout {
  readonly header: string;
  readonly entries: Header["entries"];
  readonly metadata: Header["metadata"];
  /** Tensors that are no weights. */
  readonly buffers: ReadonlyMap<string, StoredTensor>;
  /** Undefined where the names have different prefixes. */
  readonly prefix: string | undefined;
  /** Undefined where the weights have different types. */
  readonly dtype: FloatDType | undefined;
}

/** The official name of a tensor in a file; a stored copy of the tied head is its embedding. */
function weightName(label: string, shapes: ReadonlyMap<string, unknown>): string | undefined {
  const name = ownName(label, shapes);
  return shapes.has(name) ? name : name === headName ? embeddingName : undefined;
}

function layoutOf({ tensors, header }: SafetensorsFile, shapes: ReadonlyMap<string, unknown>): Uint8Array {
  const buffers = [...tensors].filter(([label]) => weightName(label, shapes) === undefined);
  const metadata = header === undefined ? {} : { [originalHeader]: header };
  return encodeSafetensors({ tensors: new Map(buffers), metadata });
}

/** Undefined where the original cannot be written again: its header is unknown, or it has weights in float64. */
function readLayout({ layout }: OfficialOrigin, shapes: ReadonlyMap<string, unknown>): Layout | undefined {
  const { tensors: buffers, metadata: kept } = decodeSafetensors(layout, "the layout of the imported file");
  const header = kept?.[originalHeader];
  if (header === undefined) return undefined;
  const { entries, metadata } = parseHeader(header, "the header of the imported file");
  const ofWeights = entries.filter(({ name }) => weightName(name, shapes) !== undefined);
  const types = [...new Set(ofWeights.map(({ dtype }) => dtype))];
  if (!types.every(isFloatDType)) return undefined;
  const prefixes = new Set(
    ofWeights.map(({ name }) => name.slice(0, name.length - ownName(name, shapes).length)),
  );
  return {
    header,
    entries,
    metadata,
    buffers,
    prefix: prefixes.size === 1 ? [...prefixes][0] : undefined,
    dtype: types.length === 1 ? types[0] : undefined,
  };
}

function filled(
  { header, entries, metadata, buffers }: Layout,
  weights: ReadonlyMap<string, Tensor<Float32Array>>,
): SafetensorsFile {
  const tensors = entries.map(({ name, dtype, shape }) => {
    const weight = weights.get(weightName(name, weights) ?? "");
    const stored = weight ? fromFloat32(weight.data, shape, dtype as FloatDType) : buffers.get(name);
    return [name, stored as StoredTensor] as const;
  });
  return { tensors: new Map(tensors), header, ...(metadata ? { metadata } : {}) };
}

function isFloatDType(dtype: string): dtype is FloatDType {
  return Object.hasOwn(torchNames, dtype);
}

/** The original text while it still describes the model; `dtype` is given where it is another than there. */
function configText(
  { spec, origin, endOfText, task }: WriteOfficialOptions,
  dtype: FloatDType | undefined,
): string {
  const shape = officialShape(spec);
  if (!origin) {
    const ids = { bos_token_id: endOfText, eos_token_id: endOfText, pad_token_id: endOfText };
    const rest = { dropout: 0, max_loops: spec.loops, ...(task ? { task } : {}) } as const;
    const torch_dtype = torchNames[dtype ?? "F32"];
    return printOfficialConfig({ ...shape, ...rest, ...(endOfText === undefined ? {} : ids), torch_dtype });
  }
  const original = parseOfficialConfig(origin.config);
  const isSameTask = JSON.stringify(original.task) === JSON.stringify(task ?? original.task);
  if (original.max_loops === spec.loops && dtype === undefined && isSameTask) return origin.config;
  const named = (["torch_dtype", "dtype"] as const).filter((key) => original[key] !== undefined);
  const types = dtype ? named.map((key) => [key, torchNames[dtype]]) : [];
  const own = { max_loops: spec.loops, ...(task ? { task } : {}), ...Object.fromEntries(types) };
  return printOfficialConfig({ ...original, ...own });
}
