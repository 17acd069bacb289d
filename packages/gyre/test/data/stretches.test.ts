import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadCorpus, openCorpus } from "../../src/data/corpus.node.ts";
import { documentsChecksum } from "../../src/data/inputs.node.ts";
import { type PrepareProgress, prepareDataset } from "../../src/data/prepare.node.ts";
import { scan, splitPlace } from "../../src/data/split.node.ts";
import { splitDocuments } from "../../src/data/split.ts";
import { type Stretch, side, stretchEnd, stretchesOf, type TextSource } from "../../src/data/stretches.ts";
import { tempFolder } from "./temp-folder.ts";

async function collect(source: TextSource): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for await (const stretch of source.stretches()) stretches.push(stretch);
  return stretches;
}

/** The documents of a source, whole. */
async function wholeOf(source: TextSource): Promise<string[]> {
  const texts = [""];
  for (const { text, isLast } of await collect(source)) {
    texts[texts.length - 1] += text;
    if (isLast) texts.push("");
  }
  expect(texts.pop()).toBe("");
  return texts;
}

const long = (words: number) => Array.from({ length: words }, (_, at) => `wörd${at % 977}\n`).join(" ");

describe("stretches of a text", () => {
  test("are the text, and are cut before white space", async () => {
    const text = long(200_000);
    const stretches = await collect(
      stretchesOf([
        { name: "a", text },
        { name: "b", text: "short" },
      ]),
    );
    expect(stretches.length).toBeGreaterThan(5);
    expect(stretches.map((stretch) => stretch.text).join("")).toBe(`${text}short`);
    for (const { text: stretch, isLast } of stretches.slice(0, -2)) {
      expect(stretch.length).toBeLessThanOrEqual(2 ** 18);
      if (!isLast) expect(stretch).toMatch(/\S$/);
    }
  });

  test("are at most 2^20 units long where there is no white space, and never half of a pair", () => {
    expect(stretchEnd("a".repeat(2 ** 20))).toBe(-1);
    expect(stretchEnd("a".repeat(2 ** 20 + 1))).toBe(2 ** 20);
    expect(stretchEnd(`a${"\u{1f600}".repeat(2 ** 19)}a`)).toBe(2 ** 20 - 1);
  });
});

test("the two sides of a place are the documents, one of them cut there", async () => {
  const sources = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(sources, fc.nat(), fc.nat(), async (texts, first, second) => {
      const document = first % texts.length;
      const at = second % (texts[document] as string).length;
      if (document === 0 && at === 0) return;
      const source = stretchesOf(texts.map((text) => ({ name: "", text })));
      const cut = texts[document] as string;
      const before = [...texts.slice(0, document), ...(at > 0 ? [cut.slice(0, at)] : [])];
      expect(await wholeOf(side(source, "before", { document, at }))).toEqual(before);
      const after = [cut.slice(at), ...texts.slice(document + 1)];
      expect(await wholeOf(side(source, "after", { document, at }))).toEqual(after);
    }),
  );
});

test("a source is split as its documents would be in memory", async () => {
  const texts = fc.array(
    fc.array(fc.constantFrom("a", "b ", "line\n", "<|endoftext|>", "\u{1f600}"), {
      minLength: 1,
      maxLength: 30,
    }),
    { minLength: 1, maxLength: 14 },
  );
  const fractions = fc.constantFrom(0.05, 0.1, 0.3, 0.5, 0.9);
  await fc.assert(
    fc.asyncProperty(texts, fractions, async (list, validationFraction) => {
      const documents = list.map((words, at) => ({ name: `${at}`, text: words.join("") }));
      const source = stretchesOf(documents);
      const options = { validationFraction };
      const found = await scan(source, options);
      expect(found.checksum).toBe(documentsChecksum(documents));
      const divided = async () => {
        const place = await splitPlace(source, found, options);
        return [await wholeOf(side(source, "before", place)), await wholeOf(side(source, "after", place))];
      };
      let expected: string[][];
      try {
        const { train, validation } = splitDocuments(documents, options);
        expected = [train, validation].map((stretch) => stretch.map(({ text }) => text));
      } catch {
        await expect(divided()).rejects.toThrow(/DATA_TOO_SHORT/);
        return;
      }
      expect(await divided()).toEqual(expected);
    }),
    { numRuns: 300, examples: [[[["a"]], 0.05]] },
  );
});

test.each([
  ["one large file", { "a.txt": `\ufeff${long(300_000)}` }],
  [
    "files and rows",
    { "a.txt": long(90_000), "b.md": " ", "c.jsonl": `${JSON.stringify({ text: long(9) })}\n`.repeat(30) },
  ],
] as const)("a corpus is the same dataset read stretch by stretch as in memory: %s", async (_, files) => {
  const source = tempFolder(files);
  const tokenizer = { kind: "bpe", vocab: 400 } as const;
  const { documents } = await loadCorpus({ source });
  const stream = await openCorpus({ source });
  const [memory, stretches] = [join(tempFolder(), "memory"), join(tempFolder(), "stretches")];
  const one = await prepareDataset({ documents, source: "s", tokenizer, out: memory, shardBytes: 500_000 });
  const seen: PrepareProgress[] = [];
  const two = await prepareDataset({
    documents: stream,
    source: "s",
    tokenizer,
    out: stretches,
    shardBytes: 500_000,
    onProgress: (progress) => seen.push(progress),
  });
  expect(two.manifest).toEqual(one.manifest);
  expect(two.manifest.train.files.length).toBeGreaterThan(1);
  for (const { name } of two.manifest.train.files)
    expect(readFileSync(join(stretches, name))).toEqual(readFileSync(join(memory, name)));
  const isLarge = !("b.md" in files);
  expect([...new Set(seen.map(({ phase }) => phase))]).toEqual([
    ...(isLarge ? ["reading"] : []),
    ...["learning", "encoding"],
  ]);
  const total = documents.reduce((sum, { text }) => sum + text.length, 0);
  expect(seen.at(-1)).toEqual({ phase: "encoding", done: total, total });
  expect(stream.skipped).toMatchObject({ emptyFiles: "b.md" in files ? 1 : 0 });
  const again = await prepareDataset({
    documents,
    source: "s",
    tokenizer,
    out: stretches,
    shardBytes: 500_000,
  });
  expect(again.isNew).toBe(false);
});

test("a source that changes while it is read is refused", async () => {
  let pass = 0;
  const source: TextSource = {
    async *stretches() {
      yield { text: `some text, pass ${"x".repeat(pass++)}`, isLast: true };
    },
  };
  const out = join(tempFolder(), "data");
  const prepared = prepareDataset({ documents: source, source: "s", tokenizer: { kind: "bytes" }, out });
  await expect(prepared).rejects.toThrow(/DATA_CHANGED: "s" changed while it was being read/);
});
