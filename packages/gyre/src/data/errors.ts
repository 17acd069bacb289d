import { GyreError, listOf, reasonOf } from "../util/errors.ts";
import { COMPRESSED_EXTENSIONS, SUPPORTED_EXTENSIONS } from "./formats/format.ts";

const endings = `${listOf(SUPPORTED_EXTENSIONS)}, also followed by ${listOf(COMPRESSED_EXTENSIONS)}`;

export function missingPath(path: string, cause?: unknown): GyreError {
  return new GyreError(
    "DATA_PATH",
    {
      given: `no readable file or folder at ${JSON.stringify(path)}`,
      expected: 'the path of an existing file or folder, or "sotu" for the embedded corpus',
      fix: "check the path; a relative one starts at the current directory",
    },
    { cause },
  );
}

export function noFiles(
  folder: string,
  { links, endings }: { readonly links: number; readonly endings: ReadonlyMap<string, number> },
): GyreError {
  const others = [...endings.keys()].slice(0, 8).map((ending) => ending || "no ending");
  const found = [
    ...(links > 0 ? [`symbolic links, which are not followed (${links})`] : []),
    ...(others.length > 0 ? [`other files (${others.join(", ")})`] : []),
  ];
  return new GyreError("DATA_NO_FILES", {
    given: `folder ${JSON.stringify(folder)} holds no supported file${found.length > 0 ? `, only ${found.join(" and ")}` : ""}`,
    expected: `at least one file, at any depth, ending in ${endings}`,
    fix: "add such files, or rename the text files that are there",
  });
}

export function noMatch(pattern: string): GyreError {
  return new GyreError("DATA_NO_FILES", {
    given: `nothing matches ${JSON.stringify(pattern)}`,
    expected: `a pattern of at least one file ending in ${endings}`,
    fix: "check the pattern: * is within a folder, ** any number of folders; links and hidden files are left out",
  });
}

export function noText(source: string, files: number): GyreError {
  return emptyText(files === 1 ? source : `${source}: each of its ${files} files`);
}

export function tooLarge(where: string, bytes: number, most: number): GyreError {
  return new GyreError("DATA_TOO_LARGE", {
    given: `${where}: ${megabytes(bytes)} in one document`,
    expected: `at most ${megabytes(most)} a document`,
    fix: "cut it into several files, for example: split -C 256m --additional-suffix=.txt big.txt part-",
  });
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20).toLocaleString("en")} MiB`;

export function unsupportedFile(path: string): GyreError {
  return new GyreError("DATA_FORMAT", {
    given: `file ${JSON.stringify(path)}`,
    expected: `a name ending in ${endings}`,
    fix: "convert the file to plain UTF-8 text and rename it",
  });
}

export function emptyText(where: string): GyreError {
  return new GyreError("DATA_EMPTY", {
    given: `${where} has no text`,
    expected: "text with at least one character that is not white space",
    fix: "remove the empty entry, or fill it",
  });
}

export function binaryFile(path: string, offset: number): GyreError {
  return new GyreError("DATA_BINARY", {
    given: `${path} has a zero byte at offset ${offset}, so it is not a text file`,
    expected: "plain text in UTF-8",
    fix: "remove the file, or extract its text first",
  });
}

export function notUtf8(path: string, offset: number): GyreError {
  return new GyreError("DATA_ENCODING", {
    given: `${path} is not UTF-8: invalid byte at offset ${offset}`,
    expected: "plain text in UTF-8",
    fix: "convert it first, for example: iconv -f LATIN1 -t UTF-8 in.txt > out.txt",
  });
}

export function otherEncoding(path: string, encoding: string): GyreError {
  return new GyreError("DATA_ENCODING", {
    given: `${path} is ${encoding}, not UTF-8`,
    expected: "plain text in UTF-8",
    fix: `convert it first, for example: iconv -f ${encoding} -t UTF-8 in.txt > out.txt`,
  });
}

/** A name as one would type it in a shell. */
const asWord = (name: string): string => (/^[\w.-]+$/.test(name) ? name : JSON.stringify(name));

/** What a row is in each format of rows, and the code of its errors. */
const rowFormats = {
  jsonl: { code: "DATA_JSONL", field: "string field", row: "a row", correct: "correct or delete this line" },
  csv: {
    code: "DATA_CSV",
    field: "column",
    row: "a first row that names the columns",
    correct: "name the columns",
  },
  parquet: {
    code: "DATA_PARQUET",
    field: "column of strings",
    row: "a file",
    correct: "write the file again",
  },
};

/** The flags that name fields of a row. */
const keyFlags = { textKey: "--text-key", promptKey: "--prompt-key" } as const;

/** Field names of a row that an error lists. */
const NAMED_FIELDS = 12;

export function noTextKey(
  where: string,
  {
    key,
    others,
    kind,
    option = "textKey",
    type,
  }: {
    readonly key: string;
    readonly others: readonly string[];
    readonly kind: keyof typeof rowFormats;
    /** The option that names it. */
    readonly option?: keyof typeof keyFlags | undefined;
    /** Of the column that has this name, but no text. */
    readonly type?: string;
  },
): GyreError {
  const { code, field, row, correct } = rowFormats[kind];
  const names = others.slice(0, NAMED_FIELDS).map((name) => JSON.stringify(name));
  const more = others.length > NAMED_FIELDS ? ` and ${others.length - NAMED_FIELDS} more` : "";
  const wrong = type === undefined ? "" : ` (that of this name is ${type})`;
  const other = others[0];
  return new GyreError(code, {
    given: `${where}: no ${field} ${JSON.stringify(key)}${wrong}; it has ${names.length > 0 ? names.join(", ") : "none"}${more}`,
    expected: `${row} with the ${field} ${JSON.stringify(key)}`,
    fix:
      other === undefined
        ? correct
        : `name the one that holds the ${option === "textKey" ? "text" : "prompt"}: ${keyFlags[option]} ${asWord(other)}, in the library ${option}; or ${correct}`,
  });
}

export function badJsonLine(path: string, line: number, given: string): GyreError {
  return new GyreError("DATA_JSONL", {
    given: `${path}:${line}: ${given}`,
    expected: 'one JSON object a line with a string field "text"',
    fix: "correct or delete this line",
  });
}

export function badCsv(path: string, line: number | undefined, given: string): GyreError {
  return new GyreError("DATA_CSV", {
    given: `${path}${line === undefined ? "" : `:${line}`}: ${given}`,
    expected: "comma-separated values as in RFC 4180: a first row of names, as many values in each row",
    fix: "correct this row; values with commas, quotes or line breaks stand in double quotes",
  });
}

export function badParquet(path: string, given: string): GyreError {
  return new GyreError("DATA_PARQUET", {
    given: `${path}: ${given}`,
    expected: "a whole Parquet file, which ends in its footer and the letters PAR1",
    fix: "copy or download it again, or write it again",
  });
}

export function endsEarly(path: string, size: number, ending: string): GyreError {
  return new GyreError("DATA_COMPRESSED", {
    given: `${path} ends at byte ${size}, in the middle of its ${compressions[ending]} data`,
    expected: "a whole compressed file",
    fix: `copy or download it again; this checks it: ${checks[ending]} ${path}`,
  });
}

export function brokenCompression(
  path: string,
  { before, ending, reason }: { readonly before: number; readonly ending: string; readonly reason: string },
): GyreError {
  return new GyreError("DATA_COMPRESSED", {
    given: `${path} is damaged before byte ${before}: ${reason}`,
    expected: `a whole file of ${compressions[ending]} data`,
    fix: `copy or download it again; this checks it: ${checks[ending]} ${path}`,
  });
}

export function notCompressed(path: string, ending: string): GyreError {
  return new GyreError("DATA_COMPRESSED", {
    given: `${path} does not begin as ${compressions[ending]} data does`,
    expected: `${compressions[ending]} data in a file whose name ends in ${ending}`,
    fix: `copy or download it again; or, if it is plain text, take ${ending} off its name`,
  });
}

const compressions: Readonly<Record<string, string>> = { ".gz": "gzip", ".zst": "Zstandard" };
const checks: Readonly<Record<string, string>> = { ".gz": "gzip -t", ".zst": "zstd -t" };

export function tooFewTokens(given: number, needed: number): GyreError {
  return new GyreError("DATA_TOO_SHORT", {
    given: `the split has ${given} tokens`,
    expected: `at least ${needed} tokens (context + 1)`,
    fix: given > 1 ? `use more text, or a context of at most ${given - 1}` : "use more text",
  });
}

export function cannotSplit(characters: number): GyreError {
  return new GyreError("DATA_TOO_SHORT", {
    given: `text of ${characters} characters, too short to split into training and validation`,
    expected: "at least one whole character on each side of the split",
    fix: "use more text, or another validationFraction",
  });
}

export function badOption(name: string, given: unknown, expected: string): GyreError {
  return new GyreError("DATA_OPTION", {
    given: `${name} = ${String(given)}`,
    expected,
    fix: `change the option ${name}`,
  });
}

export function vocabularyTooLarge(given: number, possible: number): GyreError {
  return new GyreError("DATA_VOCABULARY", {
    given: `vocabulary of ${given} entries; the training text yields only ${possible}`,
    expected: `at most ${possible} entries (256 bytes, learned merges, end of text)`,
    fix: `use more text, or a vocabulary of ${possible}; the trainer never learns more than about 30,000 entries`,
  });
}

export function badToken(id: number, vocab: number): GyreError {
  return new GyreError("DATA_TOKEN", {
    given: `token id ${id}`,
    expected: `a whole number from 0 to ${vocab - 1}`,
    fix: "use the tokenizer that made these tokens",
  });
}

export function unknownWord(word: string, words: readonly string[]): GyreError {
  const shown =
    words.length > 12 ? `${words.slice(0, 12).join(" ")} and ${words.length - 12} more` : words.join(" ");
  return new GyreError("DATA_WORD", {
    given: `the word ${JSON.stringify(word.slice(0, 80))}, which the vocabulary lacks`,
    expected: `words of the model's task, between spaces: ${shown}`,
    fix: "see the words of a task with `gyre tasks show TASK --vocabulary`",
  });
}

export function unsupportedTokenizer(where: string, given: string): GyreError {
  return new GyreError("DATA_TOKENIZER", {
    given: `${where}: ${given}`,
    expected:
      "a Hugging Face tokenizer.json of a byte-level BPE, or of whole words, whose one added token is <|endoftext|>",
    fix: "train a tokenizer with gyre, or use one of GPT-2's form",
  });
}

export function tokenizerMismatch(given: string): GyreError {
  return new GyreError("DATA_TOKENIZER_MISMATCH", {
    given,
    expected: "this tokenizer and the tokenizers package to give the same tokens, and the text back",
    fix: "train again with tokenizers 0.23.2; if it happens again, report the text as a bug",
  });
}

export function trainerFailed(cause: unknown): GyreError {
  return new GyreError(
    "DATA_TRAINER",
    {
      given: `the tokenizers package failed: ${cause instanceof Error ? cause.message.trim() : String(cause)}`,
      expected: "a trained tokenizer",
      fix: "check free memory and disk space, and that tokenizers 0.23.2 supports this platform",
    },
    { cause },
  );
}

export function outputExists(path: string): GyreError {
  return new GyreError("DATA_EXISTS", {
    given: `${JSON.stringify(path)} exists already and is no dataset alone`,
    expected: "a path that does not exist, an empty folder, or a dataset",
    fix: "choose another path",
  });
}

export function beingPrepared(path: string, pid: number): GyreError {
  return new GyreError("DATA_BUSY", {
    given: `process ${pid} is filling ${JSON.stringify(path)}`,
    expected: "one process for each dataset",
    fix: "wait until it has finished, or choose another path",
  });
}

export function otherDraft(draft: string, differences: readonly string[]): GyreError {
  return new GyreError("DATA_UNFINISHED", {
    given: `${JSON.stringify(draft)} is an unfinished dataset: ${differences.join("; ")}`,
    expected: "the text and options with which it began, to continue where it stopped",
    fix: "give those; or start again with --overwrite, in the library overwrite: true; or choose another path",
  });
}

export function encoderEnded(reason: string, cause?: unknown): GyreError {
  return new GyreError(
    "DATA_THREAD",
    {
      given: `a thread that encodes text ended: ${reason}`,
      expected: "threads that run until all text is encoded",
      fix: "check free memory, or take fewer threads: --threads 1, in the library threads: 1",
    },
    { cause },
  );
}

export function draftDamaged(draft: string): GyreError {
  return new GyreError("DATA_UNFINISHED", {
    given: `the files of ${JSON.stringify(draft)} are not what its journal says`,
    expected: "the files as the process left them that was stopped",
    fix: "run it again: it was deleted, and the dataset will be made from the start",
  });
}

/** What the system says where a dataset cannot be written, in plain words; any other error as it is. */
export function asWriteError(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  return new GyreError(
    "DATA_WRITE",
    {
      given: `${JSON.stringify(path)} cannot be written: ${reasonOf(cause)}`,
      expected: "a path in a folder that may be written to, with room on the disk",
      fix: "check the path, its permissions and the free space, or choose another path; nothing was left there",
    },
    { cause },
  );
}

export function sourceChanged(source: string): GyreError {
  return new GyreError("DATA_CHANGED", {
    given: `${JSON.stringify(source)} changed while it was being read`,
    expected: "the same text in every pass over it",
    fix: "prepare it again when nothing writes to it any more",
  });
}

export function otherDataset(path: string, differences: readonly string[]): GyreError {
  return new GyreError("DATA_EXISTS", {
    given: `${JSON.stringify(path)} holds another dataset: ${differences.join("; ")}`,
    expected: "a path that does not exist, or the dataset that the same text and options make",
    fix:
      "choose another path; or replace the dataset (--overwrite, in the library overwrite: true), after which " +
      "runs trained on it can be evaluated no longer",
  });
}

export function noDataset(folder: string): GyreError {
  return new GyreError("DATA_MISSING", {
    given: `no dataset at ${folder}`,
    expected: "a folder with manifest.json, as `gyre prepare` and prepareDataset write it",
    fix: "check the path, or prepare the dataset first",
  });
}

export function badManifest(path: string, given: string): GyreError {
  return new GyreError("DATA_MANIFEST", {
    given: `${path}: ${given}`,
    expected: "the manifest of a dataset of version 1",
    fix: "prepare the dataset again",
  });
}

export function corruptFile(path: string, given: string): GyreError {
  return new GyreError("DATA_CORRUPT", {
    given: `${path}: ${given}`,
    expected: "the size and SHA-256 checksum that the manifest states",
    fix: "copy the file again, or prepare the dataset again, with --overwrite",
  });
}
