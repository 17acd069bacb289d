import { parentPort, workerData } from "node:worker_threads";
import { type Batch, encodeBatch } from "./encode-batch.ts";
import { gpt2Tokenizer } from "./gpt2.node.ts";
import { bytesTokenizer, type Tokenizer, type TokenizerKind } from "./tokenizer.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

// A thread that encodes batches, one after the other.

/** What a thread needs to make the tokenizer again. */
export interface EncoderData {
  readonly kind: TokenizerKind;
  /** The tokenizer.json of a BPE, or of characters. */
  readonly json?: string;
}

async function tokenizerOf({ kind, json }: EncoderData): Promise<Tokenizer> {
  if (json !== undefined) return tokenizerFromJson(json);
  return kind === "gpt2" ? gpt2Tokenizer() : bytesTokenizer();
}

const tokenizer = await tokenizerOf(workerData as EncoderData);
parentPort?.on("message", (batch: Batch) => {
  const encoded = encodeBatch(tokenizer, batch);
  parentPort?.postMessage(encoded, [encoded.ids.buffer]);
});
