import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifyBpe } from "../../src/data/bpe.node.ts";
import { charactersJson, charactersTokenizer } from "../../src/data/characters.ts";
import { prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import { tokenizerFromJson } from "../../src/data/tokenizer-json.ts";

const text = "To be, or\nnot to be: 3 ❤️ 10 𝄞";
const json = await charactersJson([text, "bee"]);
const tokenizer = charactersTokenizer(json);

test("each character of the texts is one token, in the order of their numbers, after end of text and U+FFFD", () => {
  const characters = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  expect(tokenizer.vocab).toBe(2 + characters.length);
  expect([...tokenizer.encode(characters.join(""))]).toEqual(characters.map((_, at) => 2 + at));
  expect([...tokenizer.encode("be<|endoftext|>e")].indexOf(tokenizer.endOfText)).toBe(2);
  expect(tokenizer.encode("𝄞")).toHaveLength(1);
});

test("texts of known characters come back; any other character is one U+FFFD", () => {
  const known = fc.string({ unit: fc.constantFrom(...new Set(text)) });
  fc.assert(fc.property(known, (one) => tokenizer.decode(tokenizer.encodeText(one)) === one));
  expect(tokenizer.decode(tokenizer.encode("bézo\ud800"))).toBe("b\ufffd\ufffdo\ufffd");
});

test("Hugging Face's own encoder makes the same tokens of the file", async () => {
  expect(tokenizerFromJson(json).kind).toBe("characters");
  await verifyBpe(tokenizer, json, `${text}\n\n  bee<|endoftext|>To`);
});

test("a file of another form is refused by name", () => {
  const without = JSON.stringify({ ...JSON.parse(json), decoder: null });
  expect(() => charactersTokenizer(without, "mine.json")).toThrow(/mine\.json/);
  const gap = JSON.parse(json);
  gap.model.vocab.e = 99;
  expect(() => charactersTokenizer(JSON.stringify(gap))).toThrow(
    expect.objectContaining({ code: "DATA_TOKENIZER" }),
  );
});

test("a dataset of characters is the same with any number of threads, and opens with its tokenizer", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gyre-characters-"));
  try {
    const documents = [{ name: "a.txt", text: "a rose is a rose.\n".repeat(40) }];
    const made = (threads: number) =>
      prepareDataset({
        documents,
        source: "a.txt",
        tokenizer: { kind: "characters" },
        out: join(folder, `${threads}`),
        threads,
      });
    const [one, two] = [await made(1), await made(2)];
    expect(one.manifest.tokenizer).toMatchObject({ kind: "characters", vocab: 11, endOfText: 0 });
    expect(two.manifest).toEqual(one.manifest);
    const { train, tokenizer: own } = await openDataset(join(folder, "2"));
    expect(own.decode(train.read(0, 12))).toBe("a rose is a ");
    expect((await made(1)).isNew).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
