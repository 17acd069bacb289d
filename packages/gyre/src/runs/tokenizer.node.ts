import { loadTokenizerJson } from "../data/bpe.node.ts";
import { gpt2Tokenizer } from "../data/gpt2.node.ts";
import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import type { Run } from "./config.ts";
import { filePath, readRunFile, writeRunFile } from "./files.node.ts";
import { tokenizerJson } from "./tokenizer-entry.ts";

const file = "tokenizer.json";

/** Puts a tokenizer that no package holds into its run. */
export async function writeTokenizer(run: Pick<Run, "path">, tokenizer: Tokenizer): Promise<void> {
  const json = tokenizerJson(tokenizer);
  if (json !== undefined) await writeRunFile(run, file, json);
}

/** The tokenizer that the run's model was trained with. Throws RUN_FILE_MISSING, DATA_TOKENIZER, PACKAGE_MISSING. */
export async function loadTokenizer(run: Pick<Run, "path" | "config">): Promise<Tokenizer> {
  const { kind } = run.config.tokenizer;
  if (kind === "bytes") return bytesTokenizer();
  if (kind === "gpt2") return gpt2Tokenizer();
  await readRunFile(run, file);
  return loadTokenizerJson(filePath(run, file));
}
