import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assembleTokenizer, bytesTokenizer, type Tokenizer } from "../../../src/data/tokenizer.ts";
import { joinRequests, rollingRows, type Vocabulary } from "../../../src/measure/benchmarks/join.ts";

const place = { path: "q.jsonl", line: 7 };
const bytes = bytesTokenizer();

/** Two letters are one token where they can be, so that a token may lie across a context's end. */
const pairs = assembleTokenizer({
  kind: "bpe",
  endOfText: 256,
  bytes: [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    Uint8Array.of(),
    ...["ab", " a", "b "].map((pair) => new TextEncoder().encode(pair)),
  ],
  append: (ids, text) => {
    const found = new Map([
      ["ab", 257],
      [" a", 258],
      ["b ", 259],
    ]);
    const all = new TextEncoder().encode(text);
    for (let at = 0; at < all.length; ) {
      const pair = found.get(new TextDecoder().decode(all.subarray(at, at + 2)));
      ids.push(pair ?? (all[at] as number));
      at += pair === undefined ? 1 : 2;
    }
  },
});
const vocabularyOf = (tokenizer: Tokenizer, context = 64, vocab = tokenizer.vocab): Vocabulary => ({
  encode: async (texts) => texts.map((text) => tokenizer.encodeText(text)),
  endOfText: tokenizer.endOfText,
  vocab,
  context,
});
const join = async (context: string, continuation: string, vocabulary = vocabularyOf(bytes)) =>
  (await joinRequests([{ context, continuation, place }], vocabulary))[0];
const ids = (text: string) => Array.from(bytes.encodeText(text));

describe("joining", () => {
  test("a continuation follows its context", async () => {
    expect(await join("ab", " cd")).toEqual({ place, tokens: ids("ab cd"), from: 2, isCut: false });
  });

  test("trailing white space of the context is scored with the continuation", async () => {
    expect(await join("ab \n", " cd")).toMatchObject({ tokens: ids("ab \n cd"), from: 2 });
  });

  test("an empty context is end of text, also where it is white space", async () => {
    expect(await join("", " cd")).toMatchObject({ tokens: [256, ...ids(" cd")], from: 1 });
    expect(await join(" ", "cd")).toMatchObject({ tokens: [256, ...ids(" cd")], from: 1 });
  });

  test("the whole is tokenized once: a token may lie across the cut", async () => {
    const vocabulary = vocabularyOf(pairs);
    // alone "xa" and "bc" are four tokens; together "ab" is one, and the cut falls after it
    expect(await join("xa", "bc", vocabulary)).toMatchObject({ tokens: [120, 257, 99], from: 2 });
  });

  test("end of text in a question is letters", async () => {
    expect((await join("<|endoftext|>", " a"))?.tokens).toHaveLength(15);
  });

  test("what does not fit is taken from the beginning; the last token is only predicted", async () => {
    const row = await join("abcdef", "ghi", vocabularyOf(bytes, 5));
    expect(row).toEqual({ place, tokens: ids("defghi"), from: 3, isCut: true });
    expect(await join("abc", "def", vocabularyOf(bytes, 5))).toMatchObject({ isCut: false, from: 3 });
    expect(await join("abc", "defgh", vocabularyOf(bytes, 5))).toMatchObject({
      tokens: ids("cdefgh"),
      from: 1,
    });
  });

  test("any two texts: the tokens are those of the whole, and what is scored begins where the context ends", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "é", "x") });
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        fc.constantFrom(bytes, pairs),
        async (context, continuation, tokenizer) => {
          const vocabulary = vocabularyOf(tokenizer);
          const whole = Array.from(tokenizer.encodeText(context + continuation));
          const kept = tokenizer.encodeText(context.trimEnd()).length;
          fc.pre(whole.length > kept && whole.length < 60);
          const row = await join(context, continuation, vocabulary);
          expect(row?.tokens.slice(kept === 0 ? 1 : 0)).toEqual(whole);
          expect(row?.from).toBe(Math.max(1, kept));
          const moved = context.slice(context.trimEnd().length);
          expect(await join(context.trimEnd(), moved + continuation, vocabulary)).toEqual(row);
        },
      ),
    );
  });

  test("any length of context: as many last tokens as fit, and always the same ones scored", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 8, max: 20 }),
        async (before, after, context) => {
          const row = await join("x".repeat(before), "y".repeat(after), vocabularyOf(bytes, context));
          const tokens = row?.tokens ?? [];
          expect(tokens.slice(row?.from)).toEqual(ids("y".repeat(after)));
          expect(tokens.length - 1).toBe(Math.min(context, Math.max(1, before) + after - 1));
        },
      ),
    );
  });

  test("what cannot be scored is refused with file and line", async () => {
    await expect(join("ab", "")).rejects.toThrow('BENCHMARK_EMPTY: q.jsonl:7: the continuation ""');
    await expect(join("a", "b", vocabularyOf(pairs))).rejects.toThrow("BENCHMARK_EMPTY: q.jsonl:7");
    await expect(join("ab", "cdefgh", vocabularyOf(bytes, 5))).rejects.toThrow(
      "BENCHMARK_LENGTH: q.jsonl:7: an answer of 6 tokens for a model with a context of 5",
    );
    await expect(join("ab", "é", vocabularyOf(bytes, 8, 128))).rejects.toThrow(
      "BENCHMARK_TOKEN: q.jsonl:7: token 195 for a model with a vocabulary of 128",
    );
  });
});

describe("rolling", () => {
  test("the harness's own example: 34 tokens in windows of 10", async () => {
    const text = String.fromCharCode(...Array.from({ length: 34 }, (_, index) => index));
    const rows = await rollingRows({ text, place }, vocabularyOf(bytes, 10));
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
    expect(rows.map(({ tokens, from }) => [tokens.slice(0, from), tokens.slice(from)])).toEqual([
      [[256], range(0, 10)],
      [[9], range(10, 20)],
      [[19], range(20, 30)],
      [range(23, 30), range(30, 34)],
    ]);
  });

  test("any document: each token is scored once, and no row is too long", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        async (text, context) => {
          const rows = await rollingRows({ text, place }, vocabularyOf(bytes, context));
          expect(rows.flatMap(({ tokens, from }) => tokens.slice(from))).toEqual(ids(text));
          for (const { tokens, from } of rows) {
            expect(from).toBeGreaterThanOrEqual(1);
            expect(tokens.length - 1).toBeLessThanOrEqual(context);
          }
        },
      ),
    );
  });

  test("an empty document is refused", async () => {
    await expect(rollingRows({ text: "", place }, vocabularyOf(bytes))).rejects.toThrow(
      "BENCHMARK_EMPTY: q.jsonl:7",
    );
  });
});
