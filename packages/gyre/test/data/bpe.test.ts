import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import fc from "fast-check";
import { Tokenizer as Native } from "tokenizers";
import { beforeAll, expect, test } from "vitest";
import { loadBpe, runTrainer, saveBpe, trainBpe, verifyBpe } from "../../src/data/bpe.node.ts";
import { type BpeTokenizer, BYTE_SYMBOLS, bpeJson, bpeTokenizer } from "../../src/data/bpe.ts";
import { loadCorpus } from "../../src/data/corpus.node.ts";
import { bytesTokenizer, LONE_SURROGATE } from "../../src/data/tokenizer.ts";
import { rng } from "../../src/util/rng.ts";
import { tempFolder } from "./temp-folder.ts";

let texts: string[];
let bpe: BpeTokenizer;
beforeAll(async () => {
  texts = (await loadCorpus({ source: "sotu" })).documents.slice(0, 10).map((document) => document.text);
  bpe = await trainBpe({ texts, vocab: 600 });
});

type Json = {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number>; merges: [string, string][] };
} & Record<string, unknown>;
const parsed = () => JSON.parse(bpe.json) as Json;
const changed = (change: (json: Json) => void) => {
  const json = parsed();
  change(json);
  return JSON.stringify(json);
};

test("the first 256 ids are the bytes, the last is end of text", () => {
  expect([bpe.vocab, bpe.endOfText]).toEqual([600, 599]);
  const { vocab, merges } = parsed().model;
  expect(BYTE_SYMBOLS.map((symbol) => vocab[symbol])).toEqual(Array.from({ length: 256 }, (_, byte) => byte));
  expect(merges).toHaveLength(600 - 257);
  expect(vocab["<|endoftext|>"]).toBe(599);
});

test("training is deterministic, and a smaller vocabulary is a prefix of a larger one", async () => {
  expect((await trainBpe({ texts, vocab: 600 })).json).toBe(bpe.json);
  const small = JSON.parse((await trainBpe({ texts, vocab: 300 })).json) as Json;
  expect(small.model.merges).toEqual(parsed().model.merges.slice(0, 43));
});

test("a fresh Hugging Face tokenizer reads the file and gives the same ids and text", async () => {
  const path = join(tempFolder(), "tokenizer.json");
  await saveBpe(bpe, path);
  const native = Native.fromFile(path);
  expect(native.getVocabSize(true)).toBe(600);
  const word = fc.constantFrom(
    " the",
    "The",
    "tion",
    "'s",
    " 18",
    "\n",
    "\n\n",
    "  ",
    "\t",
    ",",
    "é",
    "中文",
    "🙂",
    "e",
    "<|endoftext|>",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 60 }), async (words) => {
      const text = words.join("");
      const ids = (await native.encode(text)).getIds();
      expect([...bpe.encode(text)]).toEqual(ids);
      expect(await native.decode(ids, false)).toBe(text);
    }),
  );
  const text = texts.join("\n\n");
  expect([...bpe.encode(text)]).toEqual((await native.encode(text)).getIds());
});

test("saving and loading gives the same tokenizer", async () => {
  const path = join(tempFolder(), "tokenizer.json");
  await saveBpe(bpe, path);
  const loaded = await loadBpe(path);
  expect(loaded.json).toBe(readFileSync(path, "utf8"));
  expect(loaded.encode(texts[0] ?? "")).toEqual(bpe.encode(texts[0] ?? ""));
  await expect(loadBpe(`${path}.gone`)).rejects.toThrow(/DATA_PATH: no readable file or folder at ".*gone"/);
});

test("newlines are learned together, and names of object members are ordinary tokens", async () => {
  const text = "constructor;\n\n  toString\n".repeat(50);
  const learned = await trainBpe({ texts: [text], vocab: 275 });
  expect(learned.encode("constructor")).toHaveLength(1);
  expect([...learned.encode("\n\n")].map(learned.byteLength)).toEqual([2]);
});

test("merges given as text, as in GPT-2's file, and end of text beside the vocabulary are read", () => {
  const json = changed(({ model }) => {
    Object.assign(model, { merges: model.merges.map((pair) => pair.join(" ")) });
    delete model.vocab["<|endoftext|>"];
  });
  expect(bpeTokenizer(json).encode("the people<|endoftext|>")).toEqual(bpe.encode("the people<|endoftext|>"));
});

test("two merges that make one token share its id", () => {
  const merges = [
    ["a", "b"],
    ["ab", "c"],
    ["b", "c"],
    ["a", "bc"],
    ["x", "y"],
  ] as const;
  const tokenizer = bpeTokenizer(bpeJson(merges, 261));
  expect(tokenizer.vocab).toBe(261);
  expect([...tokenizer.encode("abcxy")]).toEqual([257, 259]);
});

test("a file that asks for something else is refused", () => {
  const check = (change: (json: Json) => void, message: RegExp) =>
    expect(() => bpeTokenizer(changed(change), "f.json")).toThrow(message);
  expect(() => bpeTokenizer("{", "f.json")).toThrow(/DATA_TOKENIZER: f.json: not JSON/);
  check((json) => Object.assign(json, { normalizer: { type: "NFC" } }), /DATA_TOKENIZER: f.json: normalizer/);
  check((json) => Object.assign(json.model, { dropout: 0.1 }), /DATA_TOKENIZER: f.json: model.dropout/);
  check(
    (json) => json.added_tokens.push({ id: 600, content: "<pad>" }),
    /DATA_TOKENIZER: f.json: added_tokens/,
  );
  check((json) => Object.assign(json.model.vocab, { zz: 700 }), /no token has id 600/);
  check(
    (json) => Object.assign(json.model.vocab, { "\u4e2d": 600 }),
    /token "\u4e2d" is not of byte-level form/,
  );
  check((json) => json.model.merges.push(["q", "zq"]), /token "zq" is missing/);
  check((json) => Object.assign(json.added_tokens[0] ?? {}, { id: 5 }), /id 5, which is not its place/);
});

test("the self-check finds a tokenizer that is not the file's", async () => {
  await expect(verifyBpe(bpe, bpe.json, "the people")).resolves.toBeUndefined();
  await expect(verifyBpe(bytesTokenizer(), bpe.json, "the people")).rejects.toThrow(
    /DATA_TOKENIZER_MISMATCH: token \d+ differs/,
  );
  const broken = { ...bpe, decode: () => "" };
  await expect(verifyBpe(broken, bpe.json, "the people")).rejects.toThrow(
    /DATA_TOKENIZER_MISMATCH: the decoded text differs/,
  );
});

test("a vocabulary that may shrink has what the text yields, and no entry for nothing", async () => {
  const tokenizer = await trainBpe({ texts: ["ab ab"], vocab: 4096, canShrink: true });
  expect([tokenizer.vocab, tokenizer.endOfText]).toEqual([259, 258]);
  expect(tokenizer.decode(tokenizer.encode("ab ab<|endoftext|>"))).toBe("ab ab<|endoftext|>");
});

test("a megabyte without white space is learned from in seconds, and comes back", async () => {
  const random = rng(1, "letters");
  const letters = Array.from({ length: 2 ** 20 }, () => "abcdefghijklmnopqrstuvwxyz🙂"[random.below(28)]);
  const hostile = letters.join("").replace(LONE_SURROGATE, "🙂");
  const texts = (async function* () {
    yield hostile;
    yield `and words, and words ${hostile}`;
  })();
  const startedMs = performance.now();
  const tokenizer = await trainBpe({ texts, vocab: 1000 });
  expect(performance.now() - startedMs).toBeLessThan(100_000);
  expect(tokenizer.encode("words").length).toBeLessThan(5);
  expect(tokenizer.decode(tokenizer.encode(hostile))).toBe(hostile);
}, 120_000);

test("training ends when it is told to, and leaves nothing", async () => {
  const scratch = join(tempFolder(), "scratch");
  const signal = AbortSignal.timeout(300);
  const many = Array.from({ length: 40 }, (_, at) => texts.map((text) => `${text} ${at}`)).flat();
  const startedMs = performance.now();
  await expect(trainBpe({ texts: many, vocab: 600, scratch, signal })).rejects.toThrow(/timeout|abort/i);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  expect(existsSync(scratch)).toBe(false);
});

test("errors of training", async () => {
  for (const vocab of [256, 300.5]) {
    await expect(trainBpe({ texts, vocab })).rejects.toThrow(/DATA_OPTION: vocab = .*\n.*at least 257/);
  }
  await expect(trainBpe({ texts: ["ab ab"], vocab: 400 })).rejects.toThrow(
    /DATA_VOCABULARY: vocabulary of 400 entries; the training text yields only 259/,
  );
  await expect(trainBpe({ texts, vocab: 400, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  const folder = tempFolder();
  const job = { module: createRequire(import.meta.url).resolve("tokenizers"), text: join(folder, "gone") };
  await expect(runTrainer({ ...job, out: join(folder, "out") })).rejects.toThrow(
    /DATA_TRAINER: the tokenizers package failed/,
  );
  expect(existsSync(join(folder, "out"))).toBe(false);
});
