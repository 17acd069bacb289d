import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Document } from "../../src/data/document.ts";
import { openEncoder } from "../../src/data/encoder.node.ts";
import { prepareDataset } from "../../src/data/prepare.node.ts";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { tempFolder } from "./temp-folder.ts";

/** Five million units: long documents, many short ones, and one that is all of several stretches. */
const documents: Document[] = [
  ...Array.from(
    { length: 20 },
    (_, index) => `${index} ${"a long tale of the river and the hills. ".repeat(3000)}`,
  ),
  ...Array.from(
    { length: 3000 },
    (_, index) => `short ${index}: ünder 😀 <|endoftext|> ${"x".repeat(index % 90)}`,
  ),
  "One document of several stretches, and then more. ".repeat(52_000),
].map((text, index) => ({ name: `${index}`, text }));

test("any number of threads makes the same bytes", async () => {
  const root = tempFolder();
  const prepare = async (threads: number) => {
    const out = join(root, String(threads));
    await prepareDataset({
      documents,
      source: "made up",
      tokenizer: { kind: "bpe", vocab: 400 },
      out,
      threads,
    });
    return Object.fromEntries(
      readdirSync(out).map((name) => [name, readFileSync(join(out, name)).toString("base64")]),
    );
  };
  const one = await prepare(1);
  expect(Object.keys(one).sort()).toEqual(["manifest.json", "tokenizer.json", "train.bin", "validation.bin"]);
  expect(await prepare(2)).toEqual(one);
  expect(await prepare(3)).toEqual(one);
});

test("a thread that ends early is an error for whoever waits, and so is work after the end", async () => {
  const encoder = openEncoder(bytesTokenizer(), 2);
  const batch = { stretches: [{ text: "one", isLast: true }] };
  expect([...(await encoder.encode(batch)).ids]).toEqual([111, 110, 101, 256]);
  const waiting = encoder.encode({ stretches: [{ text: "two".repeat(1e6), isLast: false }] });
  const refused = expect(waiting).rejects.toThrow(/DATA_THREAD/);
  await encoder[Symbol.asyncDispose]();
  await refused;
  await expect(encoder.encode(batch)).rejects.toThrow(/DATA_THREAD: a thread that encodes text ended/);
});

test("threads are bounded", async () => {
  for (const threads of [0, 1.5, 257])
    await expect(
      prepareDataset({
        documents,
        source: "x",
        tokenizer: { kind: "bytes" },
        out: join(tempFolder(), "o"),
        threads,
      }),
    ).rejects.toThrow(/DATA_OPTION: threads = /);
});
