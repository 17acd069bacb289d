import { resolve } from "node:path";
import * as z from "zod";
import { loadBpe } from "../data/bpe.node.ts";
import { gpt2Tokenizer } from "../data/gpt2.node.ts";
import { type DatasetManifest, manifestSchema } from "../data/manifest.ts";
import { type Dataset, openDataset } from "../data/shards.node.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { parameters } from "../models/parameters.ts";
import { type Spec, storedSpecSchema } from "../models/spec.ts";
import type { TrainState } from "../optim/state.ts";
import { type TrainingOptions, trainingSchema } from "../train/options.ts";
import { sha256Of } from "../util/checksum.node.ts";
import type { Tensor, Weights } from "../util/tensor.ts";
import { RunDirectory } from "./directory.node.ts";
import { badRunConfig, dataChanged, runShape } from "./errors.ts";

const TOKENIZER = "tokenizer.json";

/** What config.json of a run says: enough to go on with it, and to use its model without its data. */
const runConfigSchema = z.strictObject({
  format: z.literal(1),
  spec: storedSpecSchema,
  /** Null for a checkpoint that was imported. */
  training: trainingSchema.nullable(),
  /** The dataset it was trained on, and the checksum of that dataset's manifest. */
  data: z.strictObject({ path: z.string(), sha256: z.string() }).nullable(),
  tokenizer: manifestSchema.shape.tokenizer,
});
export type RunConfig = z.infer<typeof runConfigSchema>;

/** A run on disk with its checked config. */
export interface Run {
  readonly directory: RunDirectory;
  readonly config: RunConfig;
}

/** What weights and moments are kept with, whatever the run was trained on. */
export interface WeightsRun {
  readonly directory: RunDirectory;
  readonly config: { readonly spec: Spec };
}

export interface CreateRunOptions {
  readonly path: string;
  readonly spec: Spec;
  readonly tokenizer: Tokenizer;
  readonly training?: TrainingOptions;
  readonly data?: { readonly path: string; readonly manifest: DatasetManifest };
  /** Delete a run that is there already. */
  readonly force?: boolean;
}

/** Makes a run directory, with the tokenizer in it. Throws RUN_EXISTS, RUN_NOT_EMPTY, CHECKPOINT_WRITE. */
export async function createRun(options: CreateRunOptions): Promise<Run> {
  const { path, spec, tokenizer, training, data, force = false } = options;
  const { kind, vocab, endOfText } = tokenizer;
  const json = "json" in tokenizer ? String(tokenizer.json) : undefined;
  const config: RunConfig = {
    format: 1,
    spec,
    training: training ?? null,
    data: data ? { path: resolve(data.path), sha256: manifestChecksum(data.manifest) } : null,
    tokenizer: { kind, vocab, endOfText, ...(json === undefined ? {} : { sha256: sha256Of(json) }) },
  };
  const directory = await RunDirectory.create(path, config, { force });
  if (json !== undefined) await directory.writeExtra(TOKENIZER, json);
  return { directory, config };
}

/** Opens a run. Throws RUN_MISSING, RUN_DAMAGED or RUN_CONFIG. */
export async function openRun(path: string): Promise<Run> {
  const directory = await RunDirectory.open(path);
  const parsed = runConfigSchema.safeParse(await directory.readConfig());
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join(".") || "config"}: ${issue.message}`,
    );
    throw badRunConfig(path, problems);
  }
  return { directory, config: parsed.data };
}

/** The tokenizer that the run's model was trained with. Throws RUN_FILE_MISSING, DATA_TOKENIZER, PACKAGE_MISSING. */
export async function loadTokenizer({ directory, config }: Run): Promise<Tokenizer> {
  const { kind } = config.tokenizer;
  if (kind === "bytes") return bytesTokenizer();
  if (kind === "gpt2") return gpt2Tokenizer();
  await directory.readExtra(TOKENIZER);
  return loadBpe(directory.extraPath(TOKENIZER));
}

/** A model's weights after `step` optimizer steps, and what was found damaged on the way to them. */
export interface LoadedWeights {
  readonly step: number;
  readonly weights: Weights;
  readonly warnings: readonly string[];
}

/** The weights of the last good checkpoint. Throws RUN_NO_CHECKPOINT, CHECKPOINT_CORRUPT, RUN_SHAPE. */
export async function loadWeights({ directory, config }: WeightsRun): Promise<LoadedWeights> {
  const { step, model, warnings } = await directory.requireCheckpoint();
  checkTensors(directory.path, config.spec, model);
  return { step, weights: model, warnings };
}

/** Saves weights and moments as a checkpoint. */
export async function saveState(
  { directory }: WeightsRun,
  { step, weights, moments }: TrainState,
): Promise<void> {
  const optimizer = new Map<string, Tensor<Float32Array>>();
  for (const [kind, tensors] of [
    ["first", moments.first],
    ["second", moments.second],
  ] as const) {
    for (const [name, tensor] of tensors) optimizer.set(`${kind}/${name}`, tensor);
  }
  await directory.saveCheckpoint({ step, model: weights, optimizer });
}

/**
 * What training goes on from: the last good checkpoint, with later metrics dropped. Undefined where a run has
 * no checkpoint yet and starts anew. Throws CHECKPOINT_CORRUPT, RUN_SHAPE.
 */
export async function resumeState({
  directory,
  config,
}: WeightsRun): Promise<{ readonly state: TrainState; readonly warnings: readonly string[] } | undefined> {
  const found = await directory.loadCheckpoint();
  await directory.truncateMetrics(found?.step ?? 0);
  if (!found) return undefined;
  const { step, model, optimizer, warnings } = found;
  const moments = (kind: string) => {
    const prefix = `${kind}/`;
    const own = [...optimizer].filter(([name]) => name.startsWith(prefix));
    return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  };
  const state = { step, weights: model, moments: { first: moments("first"), second: moments("second") } };
  for (const tensors of [model, state.moments.first, state.moments.second])
    checkTensors(directory.path, config.spec, tensors);
  return { state, warnings };
}

/** Opens the dataset that a run was trained on. Throws RUN_DATA where it is another one by now. */
export async function openRunData({ directory, config }: Run, path?: string): Promise<Dataset> {
  const from = path ?? config.data?.path;
  if (from === undefined) throw dataChanged(directory.path, "no dataset: this checkpoint was imported");
  const dataset = await openDataset(from);
  const { kind, vocab, sha256 } = dataset.manifest.tokenizer;
  if (kind !== config.tokenizer.kind || vocab !== config.tokenizer.vocab)
    throw dataChanged(directory.path, `${from} has a ${kind} tokenizer of ${vocab} entries`);
  const own = config.tokenizer.sha256;
  if (own !== undefined && own !== sha256)
    throw dataChanged(directory.path, `${from} has another tokenizer of that size`);
  if (path === undefined && config.data && manifestChecksum(dataset.manifest) !== config.data.sha256)
    throw dataChanged(directory.path, `${from} was prepared again since`);
  return dataset;
}

function manifestChecksum(manifest: DatasetManifest): string {
  return sha256Of(JSON.stringify(manifest));
}

function checkTensors(path: string, spec: Spec, tensors: ReadonlyMap<string, Tensor>): void {
  const expected = parameters(spec);
  const problems = [...expected].flatMap(([name, { shape }]) => {
    const found = tensors.get(name);
    if (!found) return [`${name}: missing`];
    return found.shape.join() === shape.join() ? [] : [`${name}: [${found.shape}] instead of [${shape}]`];
  });
  problems.push(...[...tensors.keys()].filter((name) => !expected.has(name)).map((name) => `${name}: extra`));
  if (problems.length > 0) throw runShape(path, problems);
}

/** What speaks against another depth than the full one, where a model was trained at no other. */
export function depthWarning({ spec, training }: RunConfig, isFull: boolean): string | undefined {
  const isElastic = training === null ? spec.family === "loopformer" : training.objective.kind === "elastic";
  if (isFull || isElastic) return undefined;
  return `this ${spec.family} was trained at ${spec.loops} loops only; other depths are a guess`;
}
