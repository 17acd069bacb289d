import { join } from "node:path";
import { expect, test } from "vitest";
import { openCorpus } from "../../src/data/corpus.node.ts";
import type { Document } from "../../src/data/document.ts";
import { prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import { stretchesOf } from "../../src/data/stretches.ts";
import { tempFolder } from "./temp-folder.ts";

const words = (prefix: string, count: number, each: (index: number) => number): Document[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `${index}`,
    text: `${prefix}${index} ${prefix.repeat(each(index))}`,
  }));

/** Documents of three kinds and lengths; the tokens of the third are four bytes each. */
const sources = [
  { name: "a", weight: 0.5, documents: stretchesOf(words("a ", 300, (index) => 20 + (index % 60))) },
  { name: "b", weight: 3 / 8, documents: stretchesOf(words("b ", 4000, (index) => 5 + (index % 7))) },
  { name: "c", weight: 1 / 8, documents: stretchesOf(words("😀", 2000, () => 10)) },
];

const prepare = async (options: { seed?: number; weights?: readonly number[] } = {}) => {
  const { seed, weights } = options;
  const out = join(tempFolder(), "out");
  const { manifest } = await prepareDataset({
    documents: {
      sources: sources.map((source, index) => ({ ...source, weight: weights?.[index] ?? source.weight })),
      ...(seed === undefined ? {} : { seed }),
    },
    source: "made up",
    tokenizer: { kind: "bpe", vocab: 280 },
    out,
  });
  const { train, validation, tokenizer } = await openDataset(out);
  const texts = (split: typeof train) => tokenizer.decode(split.read(0, split.length)).split("<|endoftext|>");
  return { manifest, train: texts(train).slice(0, -1), validation: texts(validation).slice(0, -1) };
};

test("each source has its share of the tokens in both splits, the scarcest is used whole, none twice", async () => {
  const { manifest, train, validation } = await prepare();
  for (const split of [manifest.train, manifest.validation]) {
    const shares = split.parts!.map(({ tokens }) => tokens / split.tokens);
    for (const [index, { weight }] of sources.entries())
      expect(Math.abs(shares[index]! - weight), `${shares}`).toBeLessThan(
        split === manifest.train ? 0.01 : 0.05,
      );
    expect(split.parts!.reduce((sum, { documents }) => sum + documents, 0)).toBe(split.documents);
  }
  expect(manifest.train.parts![0]!.documents).toBe(270);
  expect(manifest.mixture).toEqual({
    seed: 0,
    sources: sources.map(({ name, weight }) => ({ name, share: weight })),
  });
  const all = [...train, ...validation];
  expect(new Set(all).size).toBe(all.length);
  // whole documents, of all three kinds from the beginning on
  const originals = new Set<string>();
  for (const { documents } of sources)
    for await (const { text } of documents.stretches()) originals.add(text);
  expect(all.filter((text) => !originals.has(text))).toEqual([]);
  expect(new Set(train.slice(0, 40).map((text) => [...text][0])).size).toBe(3);
});

test("the seed draws, and the same seed draws the same; so do weights of the same proportions", async () => {
  const [first, again, other, scaled] = [
    await prepare(),
    await prepare({ seed: 0, weights: [4, 3, 1] }),
    await prepare({ seed: 1 }),
    await prepare({ weights: [1, 1, 1] }),
  ];
  expect(again.manifest).toEqual(first.manifest);
  expect(other.manifest.train.files[0]!.sha256).not.toBe(first.manifest.train.files[0]!.sha256);
  expect(other.manifest.inputs!.documents).not.toBe(first.manifest.inputs!.documents);
  const equal = scaled.manifest.train;
  for (const { tokens } of equal.parts!) expect(tokens / equal.tokens).toBeCloseTo(1 / 3, 1);
});

test("what is no mixture is refused", async () => {
  const mixture = (weight: number, count = 2, seed = 0) =>
    prepareDataset({
      documents: { sources: sources.slice(0, count).map((source) => ({ ...source, weight })), seed },
      source: "x",
      tokenizer: { kind: "bytes" },
      out: join(tempFolder(), "out"),
    });
  await expect(mixture(0)).rejects.toThrow(/DATA_OPTION: weight of a = 0/);
  await expect(mixture(Number.NaN)).rejects.toThrow(/DATA_OPTION: weight of a = NaN/);
  await expect(mixture(1, 1)).rejects.toThrow(/DATA_OPTION: sources = 1/);
  await expect(mixture(1, 2, 0.5)).rejects.toThrow(/DATA_OPTION: seed = 0.5/);
});

test("several sources without weights are read one after the other; a pattern is one", async () => {
  const root = tempFolder({
    "x/b.txt": "B",
    "x/deep/c.jsonl": '{"text":"C"}',
    "x/deep/d.md": "D",
    "x/deep/e.png": "E",
    "y.txt": "Y",
    "x/[1].txt": "brackets",
  });
  const read = async (...given: string[]) => {
    const documents = await openCorpus({ source: given.map((name) => join(root, name)) });
    const texts: string[] = [];
    for await (const { text } of documents.stretches()) texts.push(text);
    return texts;
  };
  expect(await read("y.txt", "x/deep")).toEqual(["Y", "C", "D"]);
  expect(await read("x/**/*.{md,jsonl}")).toEqual(["C", "D"]);
  expect(await read("x/*.txt", "y.txt")).toEqual(["brackets", "B", "Y"]);
  expect(await read("x/[1].txt")).toEqual(["brackets"]);
  expect(await read("?.txt")).toEqual(["Y"]);
  await expect(read("x/*.md")).rejects.toThrow(/DATA_NO_FILES: nothing matches ".*x\/\*\.md"/);
  await expect(read("x/*.txt", "x/b.txt")).rejects.toThrow(/DATA_OPTION: source = .*b.txt\n.*each file once/);
});
