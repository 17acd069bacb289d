import { jsonText } from "../checkpoint/json.ts";
import { encodeSafetensors, storeTensors } from "../checkpoint/safetensors.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { TrainState } from "../optim/state.ts";
import { checkpointName, modelFile, optimizerFile, pointerFile, stateFile } from "./checkpoint-files.ts";
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
  const { step, model, optimizer } = checkpointOf(state);
  const name = checkpointName(step);
  const weights = encodeSafetensors({
    tensors: storeTensors(model, { dtype: "F32" }),
    metadata: { format: "pt" },
  });
  const moments = encodeSafetensors({ tensors: storeTensors(optimizer, { dtype: "F32" }) });
  const sha256 = { [modelFile]: checksumOf(weights), [optimizerFile]: checksumOf(moments) };
  const json = tokenizer && tokenizerJson(tokenizer);
  const utf8 = (text: string) => new TextEncoder().encode(text);
  return new Map([
    ["config.json", utf8(`${jsonText(config, "a run's config", 2)}\n`)],
    ["metrics.jsonl", utf8(metrics)],
    [pointerFile, utf8(`${name}\n`)],
    [`checkpoints/${name}/${modelFile}`, weights],
    [`checkpoints/${name}/${optimizerFile}`, moments],
    [`checkpoints/${name}/${stateFile}`, utf8(`${JSON.stringify({ step, sha256 })}\n`)],
    ...(json === undefined ? [] : [["extra/tokenizer.json", utf8(json)] as const]),
    ...[...(data?.files ?? [])].map(([file, bytes]) => [`${DATA_FOLDER}/${file}`, bytes] as const),
  ]);
}
