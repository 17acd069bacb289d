import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { trainBpe } from "../../src/data/bpe.node.ts";
import { loadCorpus } from "../../src/data/corpus.node.ts";
import type { Document } from "../../src/data/document.ts";
import type { DatasetManifest } from "../../src/data/manifest.ts";
import { type PrepareOptions, prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import type { TokenSplit } from "../../src/data/windows.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { tempFolder } from "./temp-folder.ts";

const documents: Document[] = Array.from({ length: 20 }, (_, index) => ({
  name: `d${index}`,
  date: String(2000 + index),
  text: index < 18 ? `The cat sat on mat ${index}. ` : `zyxwv zyxwv zyxwv zyxwv ünder ${index}`,
}));

const prepare = async (options: Partial<PrepareOptions> = {}) => {
  const out = join(tempFolder(), "dataset");
  const { manifest } = await prepareDataset({
    documents,
    source: "made up",
    tokenizer: { kind: "bytes" },
    out,
    ...options,
  });
  return { out, manifest };
};

const allOf = (split: TokenSplit) => split.read(0, split.length);

test("each document is followed by end of text, and the manifest counts it all", async () => {
  const { out, manifest } = await prepare();
  const { train, validation, tokenizer, manifest: read } = await openDataset(out);
  expect(read).toEqual(manifest);
  const text = documents.slice(18).map((document) => `${document.text}<|endoftext|>`);
  expect(tokenizer.decode(allOf(validation))).toBe(text.join(""));
  expect(train.length).toBe(allOf(train).length);
  const bytes = documents.slice(0, 18).reduce((sum, document) => sum + document.text.length, 0);
  expect(manifest.train).toMatchObject({
    documents: 18,
    bytes,
    tokens: bytes + 18,
    dates: { from: "2000", to: "2017" },
  });
  expect(manifest).toMatchObject({ version: 1, source: "made up", dtype: "uint16" });
  expect(manifest.tokenizer).toEqual({ kind: "bytes", vocab: 257, endOfText: 256 });
  expect(readdirSync(out).sort()).toEqual(["manifest.json", "train.bin", "validation.bin"]);
  expect(readdirSync(dirname(out))).toEqual(["dataset"]);
});

test("token files are little-endian", async () => {
  const { out } = await prepare();
  const data = readFileSync(join(out, "train.bin"));
  expect(data.readUInt16LE(0)).toBe("T".charCodeAt(0));
  expect(data.readUInt16LE(data.length - 2)).toBe(256);
});

test("merges are learned from the training split only", async () => {
  const { out } = await prepare({ tokenizer: { kind: "bpe", vocab: 287 } });
  const { tokenizer, manifest } = await openDataset(out);
  const texts = documents.slice(0, 18).map((document) => document.text);
  expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toBe(
    (await trainBpe({ texts, vocab: 287 })).json,
  );
  expect(tokenizer.encode(" cat")).toHaveLength(1);
  expect(tokenizer.encode("zyxwv")).toHaveLength(5);
  expect(manifest.tokenizer).toMatchObject({ kind: "bpe", vocab: 287, endOfText: 286 });
});

test("preparing is deterministic", async () => {
  const tokenizer = { kind: "bpe", vocab: 280 } as const;
  const [first, second] = [await prepare({ tokenizer }), await prepare({ tokenizer })];
  expect(second.manifest).toEqual(first.manifest);
});

test("an existing BPE tokenizer is used as it is", async () => {
  const tokenizer = await trainBpe({ texts: ["zyxwv ".repeat(9)], vocab: 261 });
  const { out } = await prepare({ tokenizer });
  const opened = await openDataset(out);
  expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toBe(tokenizer.json);
  expect(allOf(opened.validation)).toContain(tokenizer.encode("zyxwv")[0]);
});

test("gpt2 tokens fit in 16 bits, ids above that do not", async () => {
  const { out, manifest } = await prepare({ tokenizer: { kind: "gpt2" } });
  expect(manifest.dtype).toBe("uint16");
  const { tokenizer, validation } = await openDataset(out);
  expect(allOf(validation).at(-1)).toBe(50256);
  expect(tokenizer.decode(allOf(validation))).toContain("ünder 19");
  const wide = { ...(await trainBpe({ texts: ["x"], vocab: 257 })), vocab: 70_000 };
  expect((await prepare({ tokenizer: wide })).manifest.dtype).toBe("uint32");
});

test("a split larger than shardBytes is written in several files", async () => {
  const one = await prepare();
  const { out, manifest } = await prepare({ shardBytes: 101 });
  expect(manifest.train.files.length).toBeGreaterThan(5);
  expect(manifest.train.files[1]).toMatchObject({ name: "train-0001.bin", tokens: 50 });
  const whole = allOf((await openDataset(one.out)).train);
  const { train } = await openDataset(out);
  expect(allOf(train)).toEqual(whole);
  expect(train.vocab).toBe(257);
  for (const [start, end] of [
    [49, 52],
    [50, 100],
    [0, 0],
    [120, 260],
  ] as const)
    expect(train.read(start, end)).toEqual(whole.slice(start, end));
});

test("sotu: validation holds the newest speeches, and opens again", async () => {
  const source = (await loadCorpus({ source: "sotu" })).documents.slice(-20);
  const { manifest } = await prepare({ documents: source });
  expect(manifest.train.dates).toEqual({ from: "2002", to: "2019" });
  expect(manifest.validation.dates).toEqual({ from: "2020", to: "2021" });
});

test("overwrite replaces a dataset, and nothing but a dataset", async () => {
  const { out } = await prepare();
  const again: PrepareOptions = { documents, source: "second", tokenizer: { kind: "bpe", vocab: 260 }, out };
  await expect(prepareDataset(again)).rejects.toThrow(/DATA_EXISTS: ".*dataset" holds another dataset/);
  expect((await prepareDataset({ ...again, overwrite: true })).isNew).toBe(true);
  expect((await openDataset(out)).manifest.source).toBe("second");
  writeFileSync(join(out, "thesis.txt"), "precious");
  for (const overwrite of [false, true])
    await expect(prepareDataset({ ...again, overwrite })).rejects.toThrow(
      /DATA_EXISTS: .*is no dataset alone/,
    );
  await expect(prepareDataset({ ...again, out: join(out, "thesis.txt") })).rejects.toThrow(/DATA_EXISTS/);
  expect(readFileSync(join(out, "thesis.txt"), "utf8")).toBe("precious");
});

test("the same documents and options into a dataset that is there: it stays, whatever the names", async () => {
  const renamed = documents.map((document) => ({ ...document, name: `other/${document.name}` }));
  const learned = await trainBpe({ texts: ["zyxwv ".repeat(9)], vocab: 261 });
  const tokenizers = [{ kind: "bpe" }, { kind: "bpe", vocab: 270 }, { kind: "bytes" }, learned] as const;
  for (const tokenizer of tokenizers) {
    const { out, manifest } = await prepare({ tokenizer });
    const { mtimeMs } = statSync(join(out, "train.bin"));
    const again = await prepareDataset({ documents: renamed, source: "elsewhere", tokenizer, out });
    expect(again).toEqual({ manifest, isNew: false });
    expect(statSync(join(out, "train.bin")).mtimeMs).toBe(mtimeMs);
  }
});

test("what differs from the dataset that is there is named", async () => {
  const { out, manifest } = await prepare({ tokenizer: { kind: "bpe", vocab: 270 } });
  const same: PrepareOptions = { documents, source: "s", tokenizer: { kind: "bpe", vocab: 270 }, out };
  const again = (options: Partial<PrepareOptions>) => prepareDataset({ ...same, ...options });
  const changed = documents.map((document, at) => (at === 7 ? { ...document, text: "Other." } : document));
  const [{ date: _, ...undated }, ...others] = documents as [Document, ...Document[]];
  const cases: readonly (readonly [Partial<PrepareOptions>, RegExp])[] = [
    [{ documents: changed }, /its text is other text/],
    [{ documents: documents.slice(1) }, /its text is other text/],
    [{ documents: [undated, ...others] }, /its text is other text/],
    [{ tokenizer: { kind: "bpe" } }, /its vocabulary has 270 entries, not 4096/],
    [{ tokenizer: { kind: "bpe", vocab: 280 } }, /its vocabulary has 270 entries, not 280/],
    [{ tokenizer: { kind: "bytes" } }, /its tokenizer is bpe, not bytes/],
    [{ tokenizer: await trainBpe({ texts: ["x"], vocab: 257 }) }, /its tokenizer is another/],
    [{ validationFraction: 0.2 }, /its validation part is 0.1, not 0.2/],
    [{ shardBytes: 1000 }, /its files have at most 268435456 bytes, not 1000/],
  ];
  for (const [options, message] of cases) {
    const error = await rejectionOf(again(options));
    expect(error.code).toBe("DATA_EXISTS");
    expect(error.detail.given).toMatch(message);
    expect(error.detail.fix).toContain("--overwrite");
  }
  await expect(again({ context: 9999 })).rejects.toThrow(/DATA_TOO_SHORT/);
  writeFileSync(join(out, "manifest.json"), JSON.stringify({ ...manifest, inputs: undefined }));
  await expect(again({})).rejects.toThrow(/its manifest does not record what it was made of/);
  writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest));
  writeFileSync(join(out, "train.bin"), "cut");
  await expect(again({})).rejects.toThrow(/DATA_CORRUPT: .*train.bin[\s\S]*--overwrite/);
  expect((await again({ overwrite: true })).manifest).toEqual({ ...manifest, source: "s" });
});

test("a failed or aborted preparation leaves nothing", async () => {
  const folder = tempFolder();
  const out = join(folder, "dataset");
  const options: PrepareOptions = { documents, source: "s", tokenizer: { kind: "bytes" }, out };
  await expect(prepareDataset({ ...options, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  await expect(prepareDataset({ ...options, context: 999 })).rejects.toThrow(
    /DATA_TOO_SHORT: the split has \d+ tokens\n {2}expected: at least 1000 tokens/,
  );
  expect(readdirSync(folder)).toEqual([]);
});

test("options that make no sense are refused", async () => {
  await expect(prepare({ context: 0 })).rejects.toThrow(/DATA_OPTION: context = 0/);
  await expect(prepare({ shardBytes: 2 })).rejects.toThrow(/DATA_OPTION: shardBytes = 2/);
  const tokenizer = { kind: "words" } as unknown as { kind: "bytes" };
  await expect(prepare({ tokenizer })).rejects.toThrow(/DATA_OPTION: tokenizer = \{"kind":"words"\}/);
});

test("a corrupt file is found and named", async () => {
  const flip = (path: string) => {
    const data = readFileSync(path);
    data[3] = (data[3] as number) ^ 1;
    writeFileSync(path, data);
  };
  const spoiled = async (spoil: (out: string) => void) => {
    const { out } = await prepare({ tokenizer: { kind: "bpe", vocab: 260 } });
    expect(existsSync(out)).toBe(true);
    spoil(out);
    return openDataset(out);
  };
  for (const name of ["train.bin", "validation.bin", "tokenizer.json"]) {
    await expect(spoiled((out) => flip(join(out, name)))).rejects.toThrow(
      new RegExp(`DATA_CORRUPT: .*${name}: its checksum differs`),
    );
  }
  await expect(spoiled((out) => appendFileSync(join(out, "train.bin"), "x"))).rejects.toThrow(
    /DATA_CORRUPT: .*train.bin: \d+ bytes, not \d+/,
  );
  await expect(spoiled((out) => rmSync(join(out, "validation.bin")))).rejects.toThrow(
    /DATA_CORRUPT: .*validation.bin: the file cannot be read/,
  );
});

test("a manifest that is missing, malformed or at odds with the data is refused", async () => {
  const edited = async (edit: (manifest: DatasetManifest) => unknown) => {
    const { out, manifest } = await prepare();
    edit(manifest);
    writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest));
    return openDataset(out);
  };
  await expect(openDataset(tempFolder())).rejects.toThrow(/DATA_MISSING: no dataset at \S+\n/);
  await expect(edited((manifest) => Object.assign(manifest, { version: 2 }))).rejects.toThrow(
    /DATA_MANIFEST: .*manifest.json: version/,
  );
  await expect(edited((manifest) => Object.assign(manifest.tokenizer, { vocab: 300 }))).rejects.toThrow(
    /DATA_MANIFEST: .*its bytes tokenizer has vocab 257/,
  );
  for (const change of [1, -1]) {
    await expect(
      edited(({ train }) => Object.assign(train, { tokens: train.tokens + change })),
    ).rejects.toThrow(/DATA_MANIFEST: .*its files do not add up/);
  }
});

test.each([20e9, 2 ** 53 - 1])(
  "a manifest that claims %d tokens is held against the files",
  async (tokens) => {
    const { out, manifest } = await prepare();
    const files = manifest.train.files.map((file) => ({ ...file, tokens }));
    const claims = { ...manifest, train: { ...manifest.train, tokens, files } };
    writeFileSync(join(out, "manifest.json"), JSON.stringify(claims));
    await expect(openDataset(out)).rejects.toThrow(/DATA_CORRUPT: .*train.bin: \d+ bytes, not \d{11}/);
    const more = { ...claims, train: { ...claims.train, files: manifest.train.files } };
    writeFileSync(join(out, "manifest.json"), JSON.stringify(more));
    await expect(openDataset(out)).rejects.toThrow(/DATA_MANIFEST: .*its files do not add up to its tokens/);
  },
);

test("a manifest that is too large is refused before it is read, and a wrong field in plain words", async () => {
  const { out, manifest } = await prepare();
  writeFileSync(join(out, "manifest.json"), JSON.stringify({ ...manifest, version: 2, dtype: "float" }));
  await expect(openDataset(out)).rejects.toThrow(
    /DATA_MANIFEST: .*version: must be 1, not 2; dtype: must be "uint16" or "uint32", not "float"/,
  );
  truncateSync(join(out, "manifest.json"), 2 ** 33);
  await expect(openDataset(out)).rejects.toThrow(/DATA_MANIFEST: .*8589934592 bytes, more than 16777216/);
});

test("a dataset that is replaced while it is open reads as it was", async () => {
  const { out } = await prepare();
  const { train } = await openDataset(out);
  const before = allOf(train);
  const reversed = documents.map((document) => ({
    ...document,
    text: [...document.text].reverse().join(""),
  }));
  const again: PrepareOptions = { documents: reversed, source: "s", tokenizer: { kind: "bytes" }, out };
  await prepareDataset({ ...again, overwrite: true });
  expect(allOf(train)).toEqual(before);
  expect(allOf((await openDataset(out)).train)).not.toEqual(before);
  writeFileSync(join(out, "train.bin"), "cut");
  expect(() => train.read(0, 10)).not.toThrow();
});
