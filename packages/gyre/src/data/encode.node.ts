import type { EncodedBatch } from "./encode-batch.ts";
import type { Encoder } from "./encoder.node.ts";
import type { SplitProgress } from "./journal.node.ts";
import type { PartStretch } from "./mixture.ts";
import type { Side } from "./sides.node.ts";
import type { TokenWriter } from "./token-writer.node.ts";

/** Units of text between two entries of the journal. */
const CHECKPOINT = 2 ** 22;

/** Units of text that are encoded at a time, where stretches are shorter. */
const BATCH = 2 ** 17;

export interface EncodeOptions {
  readonly encoder: Encoder;
  /** What is added to the tokens of prompts. */
  readonly promptBit: number;
  /** Sources that are mixed; 1 where none are. */
  readonly parts: number;
  /** How far an earlier process came, whose files the writer has restored. */
  readonly from: SplitProgress | undefined;
  readonly signal: AbortSignal | undefined;
  /** After each batch, with its units. */
  readonly onText: (units: number) => void;
  /** Now and then, and when the signal aborts. */
  readonly onProgress: (progress: SplitProgress) => Promise<void>;
}

/** Encodes a split, each document followed by end of text; returns the progress that is done. */
export async function encodeSplit(
  source: Side,
  writer: TokenWriter,
  options: EncodeOptions,
): Promise<SplitProgress> {
  const { parts, from, signal, onText, onProgress } = options;
  const counts = Array.from({ length: parts }, (_, part) => ({
    tokens: 0,
    documents: 0,
    ...from?.parts[part],
  }));
  let { stretches = 0, units = 0, bytes = 0 } = from ?? {};
  const progress = async (): Promise<SplitProgress> => ({
    ...(await writer.progress()),
    ...{ stretches, units, bytes, parts: counts.map((count) => ({ ...count })), isDone: false },
  });
  let noted = units;
  try {
    for await (const { batch, encoded } of inOrder(batchesOf(source, stretches), options)) {
      signal?.throwIfAborted();
      await writer.append(encoded.ids);
      let length = 0;
      for (const [at, { text, isLast, part }] of batch.entries()) {
        const count = counts[part] as (typeof counts)[number];
        count.tokens += encoded.tokens[at] ?? 0;
        count.documents += isLast ? 1 : 0;
        bytes += encoded.bytes[at] ?? 0;
        length += text.length;
      }
      stretches += batch.length;
      units += length;
      onText(length);
      if (units - noted < CHECKPOINT) continue;
      noted = units;
      await onProgress(await progress());
    }
    const done: SplitProgress = { ...(await progress()), files: await writer.finish(), isDone: true };
    delete done.open;
    await onProgress(done);
    return done;
  } catch (cause) {
    if (signal?.aborted && cause === signal.reason) await onProgress(await progress());
    throw cause;
  } finally {
    await writer.close();
  }
}

/** Short stretches together, after the first `skipped`, which are read and no more. */
async function* batchesOf(
  source: Side,
  skipped: number,
): AsyncGenerator<readonly PartStretch[], void, undefined> {
  let index = 0;
  let batch: PartStretch[] = [];
  let units = 0;
  for await (const stretch of source.stretches()) {
    if (index++ < skipped) continue;
    batch.push(stretch);
    units += stretch.text.length;
    if (units < BATCH) continue;
    yield batch;
    batch = [];
    units = 0;
  }
  if (batch.length > 0) yield batch;
}

interface Encoding {
  readonly batch: readonly PartStretch[];
  readonly encoded: EncodedBatch;
}

/** What an encoder makes of batches, in their order, while it has some of them ahead. */
async function* inOrder(
  batches: AsyncIterable<readonly PartStretch[]>,
  { encoder, promptBit }: Pick<EncodeOptions, "encoder" | "promptBit">,
): AsyncGenerator<Encoding, void, undefined> {
  const waiting: Promise<Encoding>[] = [];
  for await (const batch of batches) {
    const stretches = batch.map(({ text, isLast, isPrompt = false }) => ({ text, isLast, isPrompt }));
    const next = encoder.encode({ stretches, promptBit }).then((encoded) => ({ batch, encoded }));
    // whoever waits for it hears of a failure; where nobody comes to, it is that of an earlier one
    next.catch(() => undefined);
    waiting.push(next);
    if (waiting.length >= encoder.ahead) yield (await waiting.shift()) as Encoding;
  }
  for (const next of waiting) yield await next;
}
