import { jsonText } from "../checkpoint/json.ts";
import { encodeSafetensors, storeTensors } from "../checkpoint/safetensors.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { TrainState } from "../optim/state.ts";
import {
  checkpointName,
  emaFile,
  modelFile,
  optimizerFile,
  pointerFile,
  type RunCheckpoint,
  stateFile,
} from "./checkpoint-files.ts";
import { checkpointOf } from "./checkpoint-tensors.ts";
import type { LanguageConfig, TaskConfig } from "./config.ts";
import { DATA_FOLDER, type DatasetFiles } from "./dataset-files.ts";
import { checksumOf } from "./downloads.ts";
import { tokenizerJson } from "./tokenizer-entry.ts";

/** What a run on disk holds besides its reports. */
export interface RunContent {
  readonly config: LanguageConfig | TaskConfig;
  readonly state: TrainState;
  /** Undefined of a task. */
  readonly tokenizer: Tokenizer | undefined;
  /** Lies in the run's own folder. */
  readonly data?: DatasetFiles | undefined;
  /** The lines of metrics.jsonl. */
  readonly metrics: string;
}

/** The files of a run with one checkpoint, by their paths: written to a folder, they are that run. */
export function runFiles(content: RunContent): ReadonlyMap<string, Uint8Array> {
  const { config, state, tokenizer, data, metrics } = content;
  const { step, model, optimizer, ema } = checkpointOf(state);
  const name = checkpointName(step);
  const encoded = (tensors: RunCheckpoint["model"], metadata = {}) =>
    encodeSafetensors({ tensors: storeTensors(tensors, { dtype: "F32" }), ...metadata });
  const stored: Readonly<Record<string, Uint8Array>> = {
    [modelFile]: encoded(model, { metadata: { format: "pt" } }),
    [optimizerFile]: encoded(optimizer),
    ...(ema ? { [emaFile]: encoded(ema, { metadata: { format: "pt" } }) } : {}),
  };
  const sha256 = Object.fromEntries(Object.entries(stored).map(([file, bytes]) => [file, checksumOf(bytes)]));
  const json = tokenizer && tokenizerJson(tokenizer);
  const utf8 = (text: string) => new TextEncoder().encode(text);
  return new Map([
    ["config.json", utf8(`${jsonText(config, "a run's config", 2)}\n`)],
    ["metrics.jsonl", utf8(metrics)],
    [pointerFile, utf8(`${name}\n`)],
    ...Object.entries(stored).map(([file, bytes]) => [`checkpoints/${name}/${file}`, bytes] as const),
    [`checkpoints/${name}/${stateFile}`, utf8(`${JSON.stringify({ step, sha256 })}\n`)],
    ...(json === undefined ? [] : [["extra/tokenizer.json", utf8(json)] as const]),
    ...[...(data?.files ?? [])].map(([file, bytes]) => [`${DATA_FOLDER}/${file}`, bytes] as const),
  ]);
}
