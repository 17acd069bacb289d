import { basename, extname, join } from "node:path";
import process from "node:process";
import type { DatasetManifest } from "gyre";
import { loadCorpus, prepareDataset } from "gyre/node";
import { UsageError } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";

export interface PrepareOptions {
  readonly tokenizer: "bpe" | "gpt2" | "bytes";
  readonly vocab?: number;
  readonly validation: number;
  readonly overwrite?: boolean;
}

/** `gyre prepare`: text to a dataset. */
export async function prepareCommand(
  source: string,
  out: string | undefined,
  options: PrepareOptions,
): Promise<number> {
  const { tokenizer: kind, vocab, validation, overwrite = false } = options;
  if (vocab !== undefined && kind !== "bpe")
    throw new UsageError(`--vocab is for --tokenizer bpe; ${kind} has its own vocabulary.`);
  const folder = out ?? join("data", basename(source, extname(source)));
  const status = new StatusLine();
  status.update(`reading ${source}`, true);
  const documents = await loadCorpus({ source });
  status.update(
    `${documents.length} documents; ${kind === "bpe" ? "learning the tokenizer" : "encoding"}`,
    true,
  );
  const manifest = await prepareDataset({
    documents,
    source,
    tokenizer: kind === "bpe" ? { kind, ...(vocab ? { vocab } : {}) } : { kind },
    out: folder,
    validationFraction: validation,
    overwrite,
  });
  status.clear();
  process.stdout.write(summary(manifest, folder));
  return 0;
}

function summary({ tokenizer, train, validation }: DatasetManifest, folder: string): string {
  const row = (name: string, split: DatasetManifest["train"]) => {
    const dates = split.dates ? `  ${split.dates.from} to ${split.dates.to}` : "";
    const perToken = (split.bytes / split.tokens).toFixed(2);
    return `  ${name.padEnd(11)} ${split.documents} documents  ${split.tokens.toLocaleString("en")} tokens  ${perToken} bytes/token${dates}`;
  };
  return `${folder}: ${tokenizer.kind} tokenizer, ${tokenizer.vocab.toLocaleString("en")} entries
${row("training", train)}
${row("validation", validation)}
next: gyre train ${folder} --out runs/${basename(folder)}
`;
}
