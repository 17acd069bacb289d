import { readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sha256Of } from "../../util/checksum.node.ts";
import type { BpeTokenizer } from "../bpe.ts";
import { makeWhole, recover } from "../draft.node.ts";
import { badOption } from "../errors.ts";
import type { TokenizerChoice } from "../inputs.node.ts";
import { MANIFEST, TOKENIZER } from "../manifest.ts";
import { makeTokenizer } from "../prepare.node.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { noClasses, textsExist } from "./errors.ts";
import { countsOf, type LabelledText, type LabelledTexts } from "./labelled.ts";
import { sideFiles, type TextsManifest } from "./manifest.ts";
import { naiveBayes, shareRight } from "./naive-bayes.ts";

/** Which texts become a task, how they become tokens, and where the folder goes. */
export interface PrepareTextsOptions {
  /** What `readLabelled` reads. */
  readonly texts: LabelledTexts;
  /** Where they come from, in words; goes into the manifest. */
  readonly source: string;
  /** A choice, or a BPE tokenizer that exists already. */
  readonly tokenizer: TokenizerChoice | BpeTokenizer;
  /** Tokens of a text at most, the one that asks for its class included: of longer texts the beginning is kept. */
  readonly context: number;
  /** Folder to make. */
  readonly out: string;
  /** Replace labelled texts at `out`. Anything else that is there is never replaced. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
}

/** One text of so many is held out, where a source has no test part. */
const heldOutOneIn = 8;

/**
 * Writes labelled texts as a folder that `gyre train` trains on: manifest.json, train.jsonl, held-out.jsonl, and
 * tokenizer.json where no package holds it; it appears whole or not at all. An eighth of the texts is held out, which
 * a hash of each text decides, so that a text that is there twice is never on both sides; a source with a test part holds that
 * out instead. The tokenizer is learned from the training texts alone. Throws DATA_CLASSES, DATA_EXISTS, DATA_OPTION,
 * DATA_BUSY, DATA_WRITE, and what `trainBpe` throws.
 *
 * @example
 * const texts = await readLabelled("spam-assassin");
 * await prepareTexts({ texts, source: "spam-assassin", tokenizer: { kind: "bytes" }, context: 256, out: "data/spam" });
 */
export async function prepareTexts(options: PrepareTextsOptions): Promise<TextsManifest> {
  const { texts, source, context, overwrite = false, signal } = options;
  if (!Number.isInteger(context) || context < 2)
    throw badOption("context", context, "a whole number of at least 2");
  const out = resolve(options.out);
  const sides = sidesOf(texts);
  const classes = classesOf(sides, source);
  await recover(out);
  const isThere = await hasTextsToReplace(out);
  if (isThere && !overwrite) throw textsExist(out);
  return await makeWhole(out, {
    isWanted: async () => false,
    isKept: async () => false,
    replace: async () => isThere,
    async make(draft) {
      const tokenizer = await makeTokenizer(options.tokenizer, {
        texts: async () => textsOf(sides.train),
        scratch: join(draft, "learning"),
        signal,
      });
      const json = "json" in tokenizer ? tokenizer.json : undefined;
      if (json !== undefined) await writeFile(join(draft, TOKENIZER), json);
      const { kind, vocab, endOfText } = tokenizer;
      const train = encodeAll(sides.train, { tokenizer, context, signal });
      const heldOut = encodeAll(sides.heldOut, { tokenizer, context, signal });
      const manifest: TextsManifest = {
        version: 1,
        kind: "texts",
        source,
        classes,
        context,
        tokenizer: { kind, vocab, endOfText, ...(json === undefined ? {} : { sha256: sha256Of(json) }) },
        empty: texts.empty,
        train: await writeSide(join(draft, sideFiles.train), train, classes),
        heldOut: await writeSide(join(draft, sideFiles.heldOut), heldOut, classes),
        baselines: baselinesOf(classes, { train, heldOut, tokenizer }),
      };
      await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
      return manifest;
    },
  });
}

interface Sides {
  readonly train: readonly LabelledText[];
  readonly heldOut: readonly LabelledText[];
}

function sidesOf({ texts, test }: LabelledTexts): Sides {
  if (test !== undefined) return { train: texts, heldOut: test };
  const isHeldOut = ({ text }: LabelledText) =>
    Number.parseInt(sha256Of(text).slice(0, 8), 16) % heldOutOneIn === 0;
  return { train: texts.filter((text) => !isHeldOut(text)), heldOut: texts.filter(isHeldOut) };
}

/** The classes of the training texts. Throws DATA_CLASSES for fewer than two, for one that is held out alone, and for an empty side. */
function classesOf({ train, heldOut }: Sides, source: string): string[] {
  const classes = [...new Set(train.map((text) => text.class))].sort();
  if (classes.length < 2) throw noClasses(source, `has the class ${classes[0] ?? "of no text"} alone`);
  if (heldOut.length === 0) throw noClasses(source, `has ${train.length} texts, of which none is held out`);
  const unknown = heldOut.find((text) => !classes.includes(text.class));
  if (unknown)
    throw noClasses(
      source,
      `holds out the class ${JSON.stringify(unknown.class)}, which no training text has`,
    );
  return classes;
}

/** A text as the model reads it. */
interface EncodedText extends LabelledText {
  /** Its tokens, as many as are kept. */
  readonly kept: Uint32Array;
  /** Whether it has more of them. */
  readonly isCut: boolean;
}

/** Room for the text is one token less than the context: the last one asks for its class. */
function encodeAll(
  texts: readonly LabelledText[],
  {
    tokenizer,
    context,
    signal,
  }: {
    readonly tokenizer: Tokenizer;
    readonly context: number;
    readonly signal: AbortSignal | undefined;
  },
): EncodedText[] {
  return texts.map((text) => {
    signal?.throwIfAborted();
    const all = tokenizer.encodeText(text.text);
    return { ...text, kept: all.slice(0, context - 1), isCut: all.length > context - 1 };
  });
}

/** A line `{"tokens": [...], "class": n}` for each text: the n-th class, counted from 0. */
async function writeSide(
  path: string,
  texts: readonly EncodedText[],
  classes: readonly string[],
): Promise<TextsManifest["train"]> {
  const line = ({ kept, class: name }: EncodedText) =>
    `${JSON.stringify({ tokens: [...kept], class: classes.indexOf(name) })}\n`;
  const content = texts.map(line).join("");
  await writeFile(path, content);
  const cut = texts.filter(({ isCut }) => isCut).length;
  return { texts: texts.length, counts: countsOf(classes, texts), cut, sha256: sha256Of(content) };
}

async function* textsOf(texts: readonly LabelledText[]): AsyncGenerator<string> {
  for (const { text } of texts) yield text;
}

/** The commonest class, and naive Bayes on the words of whole texts and of what is kept of them. */
function baselinesOf(
  classes: readonly string[],
  {
    train,
    heldOut,
    tokenizer,
  }: {
    readonly train: readonly EncodedText[];
    readonly heldOut: readonly EncodedText[];
    readonly tokenizer: Tokenizer;
  },
): TextsManifest["baselines"] {
  const asRead = (texts: readonly EncodedText[]) =>
    texts.map(({ kept, ...text }) => ({ ...text, text: tokenizer.decode(kept) }));
  const counts = countsOf(classes, train);
  const commonest = classes[counts.indexOf(Math.max(...counts))];
  return [
    { name: `always ${commonest}`, accuracy: shareRight(heldOut, () => commonest) },
    { name: "naive Bayes, whole texts", accuracy: shareRight(heldOut, naiveBayes(train)) },
    {
      name: "naive Bayes, what the model reads",
      accuracy: shareRight(asRead(heldOut), naiveBayes(asRead(train))),
    },
  ];
}

/** Whether labelled texts are at a path, and not nothing. Throws DATA_EXISTS for anything else. */
async function hasTextsToReplace(out: string): Promise<boolean> {
  const names = await readdir(out).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw textsExist(out);
  });
  const ours: readonly string[] = [MANIFEST, TOKENIZER, ...Object.values(sideFiles)];
  if (names.length > 0 && !(names.includes(sideFiles.train) && names.every((name) => ours.includes(name))))
    throw textsExist(out);
  return names.length > 0;
}
