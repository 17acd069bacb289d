import { createHash } from "node:crypto";
import { type Document, dateRange } from "./document.ts";
import { badOption, sourceChanged } from "./errors.ts";
import { documentsChecksum } from "./inputs.node.ts";
import { type Mixture, mix, type Part, type PartStretch } from "./mixture.ts";
import { type Scan, scan, splitPlace } from "./split.node.ts";
import { splitDocuments } from "./split.ts";
import { side, stretchesOf, type TextSource } from "./stretches.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Units of text that a tokenizer is learned from, at most: of more, stretches are taken evenly. */
const MOST_LEARNED = 2 ** 26;

/** Units of text of each source of a mixture by which its tokens are reckoned. */
const MOST_RECKONED = 2 ** 20;

/** A split before it is encoded. */
export interface Side {
  stretches(): AsyncIterable<PartStretch>;
  readonly dates?: { readonly from: string; readonly to: string } | undefined;
}

interface Sides {
  readonly train: Side;
  readonly validation: Side;
  /** Units of text of both, of which a mixture may leave some out. */
  readonly units: number;
  readonly isExact: boolean;
}

/** Documents of which the text is known to the checksum, and how they are split. */
export interface Inventory {
  readonly checksum: string;
  /** Whether any of the text is a prompt, which is read and not learned. */
  readonly hasPrompts: boolean;
  /** What a tokenizer is learned from: of the training split alone. */
  texts(): Promise<AsyncIterable<string>>;
  /** The splits; a mixture needs the tokenizer to reckon shares of tokens. */
  sides(tokenizer: Tokenizer): Promise<Sides>;
}

interface Options {
  readonly validationFraction: number;
  readonly signal: AbortSignal | undefined;
  /** Told of units of files that were counted, now and then. */
  readonly onText?: (units: number) => void;
}

/** Goes through all documents once. Throws DATA_OPTION, DATA_EMPTY, DATA_TOO_SHORT and what reading throws. */
export async function takeInventory(
  documents: readonly Document[] | TextSource | Mixture,
  options: Options,
): Promise<Inventory> {
  if ("sources" in documents) return mixtureInventory(documents, options);
  if ("stretches" in documents) return streamInventory(documents, options);
  const units = documents.reduce((sum, { text }) => sum + text.length, 0);
  const { train, validation } = splitDocuments(documents, options);
  const sideOf = (list: readonly Document[]): Side => ({
    ...onePart(stretchesOf(list)),
    dates: dateRange(list),
  });
  return {
    checksum: documentsChecksum(documents),
    hasPrompts: false,
    texts: async () => sampleOf(stretchesOf(train), units, MOST_LEARNED),
    sides: async () => ({ train: sideOf(train), validation: sideOf(validation), units, isExact: true }),
  };
}

async function streamInventory(documents: TextSource, options: Options): Promise<Inventory> {
  const found = await scan(documents, options);
  const { train, validation } = await halvesOf(documents, found, options);
  return {
    checksum: found.checksum,
    hasPrompts: found.hasPrompts,
    texts: async () => sampleOf(train, found.units, MOST_LEARNED),
    sides: async () => ({
      train: onePart(train),
      validation: onePart(validation),
      units: found.units,
      isExact: true,
    }),
  };
}

async function halvesOf(documents: TextSource, found: Scan, options: Options) {
  const place = await splitPlace(documents, found, options);
  return { train: side(documents, "before", place), validation: side(documents, "after", place) };
}

const onePart = (source: TextSource): Side => ({
  async *stretches() {
    for await (const stretch of source.stretches()) yield { ...stretch, part: 0 };
  },
});

/** Every source is split alone, so that the parts of both splits have the same shares. */
async function mixtureInventory({ sources, seed = 0 }: Mixture, options: Options): Promise<Inventory> {
  if (sources.length < 2) throw badOption("sources", sources.length, "at least two sources of a mixture");
  for (const { name, weight } of sources)
    if (!(weight > 0 && Number.isFinite(weight)))
      throw badOption(`weight of ${name}`, weight, "a positive number");
  if (!Number.isSafeInteger(seed) || seed < 0) throw badOption("seed", seed, "a whole number of at least 0");
  const shares = sharesOf(sources);
  const hash = createHash("sha256").update(JSON.stringify({ shares, seed }));
  const halves: { found: Scan; train: TextSource; validation: TextSource }[] = [];
  for (const { documents } of sources) {
    const found = await scan(documents, options);
    hash.update(found.checksum);
    halves.push({ found, ...(await halvesOf(documents, found, options)) });
  }
  const reckon = async (split: "train" | "validation", tokenizer: Tokenizer): Promise<Part[]> => {
    const parts: Part[] = [];
    for (const [index, half] of halves.entries()) {
      const measured = await measure(half[split], half.found, { tokenizer, ...options });
      parts.push({ ...measured, source: half[split], share: shares[index] ?? 0 });
    }
    return parts;
  };
  return {
    checksum: hash.digest("hex"),
    hasPrompts: halves.some(({ found }) => found.hasPrompts),
    async texts() {
      const most = Math.min(
        MOST_LEARNED,
        ...halves.map(({ found }, index) => found.units / (shares[index] ?? 1)),
      );
      const samples = halves.map(({ train, found }, index) =>
        sampleOf(train, found.units, most * (shares[index] ?? 0)),
      );
      return joined(samples);
    },
    async sides(tokenizer) {
      const [train, validation] = [await reckon("train", tokenizer), await reckon("validation", tokenizer)];
      for (const [index, { found }] of halves.entries())
        if ((train[index]?.units ?? 0) + (validation[index]?.units ?? 0) !== found.units)
          throw sourceChanged(sources[index]?.name ?? "");
      const units = [...train, ...validation].reduce((sum, part) => sum + part.units, 0);
      return { train: mix(train, seed), validation: mix(validation, seed), units, isExact: false };
    },
  };
}

/** The weights by their sum. */
export function sharesOf(sources: Mixture["sources"]): readonly number[] {
  const total = sources.reduce((sum, { weight }) => sum + weight, 0);
  return sources.map(({ weight }) => weight / total);
}

/** Counts a split of a source, and encodes evenly chosen stretches of it. */
async function measure(
  source: TextSource,
  { units: most }: Scan,
  { tokenizer, signal }: { readonly tokenizer: Tokenizer; readonly signal: AbortSignal | undefined },
): Promise<Pick<Part, "documents" | "units" | "tokensPerUnit">> {
  const rate = Math.min(1, MOST_RECKONED / most);
  let [documents, units, read, tokens, owed] = [0, 0, 0, 0, 1];
  for await (const { text, isLast } of source.stretches()) {
    signal?.throwIfAborted();
    units += text.length;
    if (isLast) documents++;
    owed += text.length * rate;
    if (owed <= 0) continue;
    owed -= text.length;
    read += text.length;
    tokens += tokenizer.encode(text).length;
  }
  return { documents, units, tokensPerUnit: tokens / Math.max(1, read) };
}

async function* joined(sources: readonly AsyncIterable<string>[]): AsyncGenerator<string, void, undefined> {
  for (const source of sources) yield* source;
}

/** The texts of a source of so many units; evenly chosen stretches of it, where it has more than `most`. */
async function* sampleOf(
  source: TextSource,
  units: number,
  most: number,
): AsyncGenerator<string, void, undefined> {
  const share = Math.min(1, most / units);
  let owed = 0;
  for await (const { text } of source.stretches()) {
    owed += text.length * share;
    if (owed < text.length) continue;
    owed -= text.length;
    yield text;
  }
}
