import { basename } from "node:path";
import { loadBpe, type PrepareTextsOptions, prepareTexts, readLabelled, type TextsManifest } from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { UsageError } from "../options.ts";
import { counted } from "../render/format.ts";
import { StatusLine } from "../render/status-line.ts";

export interface TasksPrepareOptions {
  /** A kind, or the path of a tokenizer.json. */
  readonly tokenizer: string;
  readonly vocab?: number;
  readonly context: number;
  readonly overwrite?: boolean;
}

/** `gyre tasks prepare`: labelled texts to a folder that `gyre train` trains on. */
export async function tasksPrepareCommand(
  source: string,
  folder: string,
  { tokenizer: kind, vocab, context, overwrite = false }: TasksPrepareOptions,
): Promise<number> {
  if (vocab !== undefined && kind !== "bpe")
    throw new UsageError(`--vocab is for --tokenizer bpe; ${kind} has its own vocabulary.`);
  const tokenizer = await tokenizerOf(kind, vocab);
  const status = new StatusLine();
  const signal = interruptSignal();
  try {
    status.update(`reading ${source}`, true);
    const texts = await readLabelled(source);
    status.update(`encoding ${counted(texts.texts.length + (texts.test?.length ?? 0), "text")}`, true);
    const named = basename(source);
    const manifest = await prepareTexts({
      texts,
      source: named,
      tokenizer,
      context,
      out: folder,
      overwrite,
      signal,
    });
    status.clear();
    process.stdout.write(summary(manifest, folder));
    return 0;
  } catch (error) {
    status.clear();
    if (!signal.aborted) throw error;
    status.print("stopped; nothing was written");
    return 130;
  }
}

/** The kind of tokenizer that is named, or the one of a file. Throws what `loadBpe` throws. */
async function tokenizerOf(
  kind: string,
  vocab: number | undefined,
): Promise<PrepareTextsOptions["tokenizer"]> {
  if (kind === "bpe") return { kind, ...(vocab === undefined ? {} : { vocab }) };
  return kind === "bytes" || kind === "gpt2" ? { kind } : await loadBpe(kind);
}

function summary(
  { source, classes, context, tokenizer, train, heldOut, empty, baselines }: TextsManifest,
  folder: string,
): string {
  const row = (name: string, { texts, counts, cut }: TextsManifest["train"]) => {
    const shares = counts.map((count, at) => `${count.toLocaleString("en")} ${classes[at]}`).join(", ");
    return `  ${name.padEnd(9)} ${counted(texts, "text")} (${shares}); ${cut.toLocaleString("en")} cut\n`;
  };
  const toBeat = baselines.map(({ name, accuracy }) => `    ${accuracy.toFixed(3)}  ${name}\n`).join("");
  return (
    `${folder}: ${source}; ${tokenizer.kind} tokenizer, ${tokenizer.vocab.toLocaleString("en")} entries; at most ` +
    `${context} tokens of a text\n` +
    row("training", train) +
    row("held out", heldOut) +
    (empty > 0 ? `  skipped   ${counted(empty, "empty text")}\n` : "") +
    `  right of the held-out texts without a model:\n${toBeat}next: gyre train ${folder} --out runs/${basename(folder)}\n`
  );
}
