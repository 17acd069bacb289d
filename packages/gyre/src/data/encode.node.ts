import { setImmediate } from "node:timers/promises";
import type { SplitProgress } from "./journal.node.ts";
import type { PartStretch } from "./mixture.ts";
import type { Side } from "./sides.node.ts";
import type { TokenWriter } from "./token-writer.node.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Units of text between two entries of the journal. */
const CHECKPOINT = 2 ** 22;

export interface EncodeOptions {
  readonly tokenizer: Tokenizer;
  /** Sources that are mixed; 1 where none are. */
  readonly parts: number;
  /** How far an earlier process came, whose files the writer has restored. */
  readonly from: SplitProgress | undefined;
  readonly signal: AbortSignal | undefined;
  /** After each stretch, with its units. */
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
  const { tokenizer, parts, from, signal, onText, onProgress } = options;
  const end = Uint32Array.of(tokenizer.endOfText);
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
    for await (const { text, isLast, part } of after(source, stretches)) {
      signal?.throwIfAborted();
      await setImmediate();
      const ids = tokenizer.encode(text);
      for (const id of ids) bytes += tokenizer.byteLength(id);
      await writer.append(ids);
      if (isLast) await writer.append(end);
      const count = counts[part] as (typeof counts)[number];
      count.tokens += ids.length + (isLast ? 1 : 0);
      count.documents += isLast ? 1 : 0;
      stretches++;
      units += text.length;
      onText(text.length);
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

/** The stretches of a split after the first so many, which are read and no more. */
async function* after(source: Side, count: number): AsyncGenerator<PartStretch, void, undefined> {
  let index = 0;
  for await (const stretch of source.stretches()) if (index++ >= count) yield stretch;
}
