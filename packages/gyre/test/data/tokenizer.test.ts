import fc from "fast-check";
import { encode as encodeByPackage } from "gpt-tokenizer/encoding/r50k_base";
import { beforeAll, describe, expect, test } from "vitest";
import { trainBpe, verifyBpe } from "../../src/data/bpe.node.ts";
import { bytesJson } from "../../src/data/bpe.ts";
import { gpt2Json, gpt2Tokenizer } from "../../src/data/gpt2.node.ts";
import { bytesTokenizer, END_OF_TEXT, type Tokenizer, type TokenizerKind } from "../../src/data/tokenizer.ts";

const tokenizers = new Map<TokenizerKind, Tokenizer>();
beforeAll(async () => {
  tokenizers.set("bytes", bytesTokenizer());
  tokenizers.set("gpt2", await gpt2Tokenizer());
  tokenizers.set(
    "bpe",
    await trainBpe({ texts: ["the cat sat on the mat, the hat. ".repeat(20)], vocab: 270 }),
  );
});

const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(END_OF_TEXT, "\ufeff", "\u0085\n\n", " the", "\0"),
    ),
  )
  .map((parts) => parts.join(""));
const utf8Length = (text: string) => new TextEncoder().encode(text).length;

describe.each(["bytes", "gpt2", "bpe"] as const)("%s", (kind) => {
  const get = () => tokenizers.get(kind) as Tokenizer;

  test("has the stated kind, vocabulary and end of text", () => {
    const { vocab, endOfText } = get();
    expect(get().kind).toBe(kind);
    expect([vocab, endOfText]).toEqual({ bytes: [257, 256], gpt2: [50257, 50256], bpe: [270, 269] }[kind]);
  });

  test("any text comes back, and its bytes add up", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = get().encode(text);
        expect(get().decode(ids)).toBe(text);
        const bytes = ids.reduce((sum, id) => sum + get().byteLength(id), 0);
        expect(bytes).toBe(utf8Length(text.replaceAll(END_OF_TEXT, "")));
        expect(ids.every((id) => id < get().vocab)).toBe(true);
      }),
    );
  });

  test("the end-of-text marker is one token between separately encoded texts", () => {
    const { encode, endOfText } = get();
    const both = [...encode("a the"), endOfText, ...encode("the b")];
    expect([...encode(`a the${END_OF_TEXT}the b`)]).toEqual(both);
    expect([...encode(END_OF_TEXT)]).toEqual([endOfText]);
    expect(get().byteLength(endOfText)).toBe(0);
    expect(encode("")).toHaveLength(0);
  });

  test("as text alone the marker is text like any other, and comes back as well", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = get().encodeText(text);
        expect(ids.includes(get().endOfText)).toBe(false);
        expect(get().decode(ids)).toBe(text);
      }),
    );
    expect([...get().encodeText("a the")]).toEqual([...get().encode("a the")]);
    expect(get().encodeText(END_OF_TEXT).length).toBeGreaterThan(1);
  });

  test("a stream gives the same text and no half characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(!text.includes("\ufffd"));
        const stream = get().decodeStream();
        const parts = [...get().encode(text)].map((id) => stream.push(id));
        expect(parts.join("")).toBe(text);
        expect(parts.some((part) => part.includes("\ufffd"))).toBe(false);
        expect(stream.flush()).toBe("");
      }),
    );
  });

  test("a stream that stops inside a character says so at flush", () => {
    const stream = get().decodeStream();
    const ids = get().encode("\u{1f9ff}");
    expect(ids.length).toBeGreaterThan(1);
    expect(stream.push(ids[0] as number)).toBe("");
    expect(stream.flush()).toBe("\ufffd");
  });

  test("a lone surrogate becomes U+FFFD", () => {
    expect(get().decode(get().encode("a\ud800b"))).toBe("a\ufffdb");
  });

  test("an id beyond the vocabulary adds nothing to a stream: a model may be padded there", () => {
    const stream = get().decodeStream();
    const [first, ...rest] = get().encode("no \u{1f600} text");
    const { vocab } = get();
    const text = [vocab, first as number, vocab + 47, ...rest].map((id) => stream.push(id)).join("");
    expect(text + stream.flush()).toBe("no \u{1f600} text");
  });

  test("ids outside the vocabulary are refused", () => {
    expect(() => get().decode([get().vocab])).toThrow(/DATA_TOKEN: token id/);
    expect(() => get().byteLength(-1)).toThrow(/DATA_TOKEN: token id -1/);
    expect(() => get().decodeStream().push(0.5)).toThrow(/DATA_TOKEN: token id 0.5/);
  });
});

test("gpt2 gives the ids of gpt-tokenizer, also where a word has no end", () => {
  const gpt2 = tokenizers.get("gpt2") as Tokenizer;
  const word = fc.constantFrom(
    " the",
    "The",
    "ization",
    "'s",
    " 18",
    "\n\n",
    "  ",
    "é",
    "中文",
    "🙂",
    "=-=",
    "ab",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 60 }), (words) => {
      expect([...gpt2.encode(words.join(""))]).toEqual(encodeByPackage(words.join("")));
    }),
  );
  const long = "loremipsum".repeat(1400);
  expect([...gpt2.encode(long)]).toEqual(encodeByPackage(long));
});

test("gpt2 gives OpenAI's ids", () => {
  expect([...(tokenizers.get("gpt2") as Tokenizer).encode("Hello world, it's 1999!")]).toEqual([
    15496, 995, 11, 340, 338, 7358, 0,
  ]);
});

test.each([
  ["bytes", bytesJson],
  ["gpt2", gpt2Json],
] as const)(
  "the tokenizer.json of %s is read as the tokenizer by Hugging Face's library",
  async (kind, json) => {
    const text = `The  nation's\n\n\t1,234 naïve cafés 漢字 \u{1f9ff} it'LL${END_OF_TEXT}x = foo_bar(42);\r\n`;
    await verifyBpe(tokenizers.get(kind)!, await json(), text.repeat(3));
  },
);
