import fc from "fast-check";
import { expect, test } from "vitest";
import { type Document, dateRange } from "../../src/data/document.ts";
import { splitDocuments } from "../../src/data/split.ts";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";

const dated = (...dates: string[]): Document[] =>
  dates.map((date) => ({ name: date, date, text: `of ${date}` }));
const joined = (documents: readonly Document[]) => documents.map((document) => document.text).join("");

test("dated documents: validation is the newest tenth, whatever the order given", () => {
  const years = Array.from({ length: 40 }, (_, index) => String(1900 + ((index * 7) % 40)));
  const { train, validation } = splitDocuments(dated(...years));
  expect(validation.map((document) => document.date)).toEqual(["1936", "1937", "1938", "1939"]);
  expect(train).toHaveLength(36);
  expect(dateRange(train)).toEqual({ from: "1900", to: "1935" });
});

test("documents of which one has no date keep their order, and have no date range", () => {
  const documents = [{ name: "undated", text: "x" }, ...dated("1999", "1998", "1997")];
  expect(dateRange(documents)).toBeUndefined();
  const { train, validation } = splitDocuments(documents, { validationFraction: 0.5 });
  expect(train.map((document) => document.name)).toEqual(["undated", "1999"]);
  expect(validation.map((document) => document.name)).toEqual(["1998", "1997"]);
});

test("a single document is cut after a line", () => {
  const text = Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join("");
  const { train, validation } = splitDocuments([{ name: "one", text }]);
  expect(joined(train).endsWith("\n")).toBe(true);
  expect(joined(train) + joined(validation)).toBe(text);
  expect(joined(validation).length / text.length).toBeCloseTo(0.1, 1);
});

test("without lines, a document is cut after a word", () => {
  const { train } = splitDocuments([{ name: "one", text: "word ".repeat(200) }]);
  expect(joined(train).endsWith("word ")).toBe(true);
});

test("a few documents lose no character, and never half a surrogate pair", () => {
  const texts = fc.array(fc.string({ unit: "binary", minLength: 2, maxLength: 60 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(texts, (list) => {
      fc.pre([...list.join("")].length >= 2);
      const { train, validation } = splitDocuments(
        list.map((text) => ({ name: "n", text })),
        { validationFraction: 0.2 },
      );
      expect(joined(train) + joined(validation)).toBe(list.join(""));
      expect(/\p{Surrogate}/u.test(joined(train))).toBe(false);
      expect(joined(train).length * joined(validation).length).toBeGreaterThan(0);
    }),
  );
});

test("no cut falls inside the marker <|endoftext|>", () => {
  const part = fc.constantFrom(
    "<|endoftext|>",
    "<|endof",
    "text|>",
    "x",
    "\n",
    " ",
    "<|endoftext|><|endoftext|>",
  );
  const texts = fc.array(fc.array(part, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 });
  const { encode, decode } = bytesTokenizer();
  let splits = 0;
  fc.assert(
    fc.property(texts, fc.constantFrom(0.1, 0.3, 0.5, 0.9), (lists, validationFraction) => {
      const documents = lists.map((parts) => ({ name: "n", text: parts.join("") }));
      const whole = joined(documents);
      if (whole === "<|endoftext|>" || whole.length < 2) return;
      const { train, validation } = splitDocuments(documents, { validationFraction });
      expect(joined(train) + joined(validation)).toBe(whole);
      const ids = [...train, ...validation].map((document) => encode(document.text));
      const separately = documents.map((document) => encode(document.text));
      expect(ids.map(decode).join("")).toBe(whole);
      const markers = (list: Uint32Array[]) =>
        list.flatMap((one) => [...one]).filter((id) => id === 256).length;
      expect(markers(ids)).toBe(markers(separately));
      splits++;
    }),
    { numRuns: 1000 },
  );
  expect(splits).toBeGreaterThan(900);
  expect(() => splitDocuments([{ name: "one", text: "<|endoftext|>" }])).toThrow(/DATA_TOO_SHORT/);
});

test("errors", () => {
  expect(() => splitDocuments([])).toThrow(/DATA_EMPTY: a corpus of no documents/);
  expect(() => splitDocuments([{ name: "one", text: "x" }])).toThrow(/DATA_TOO_SHORT: text of 1 characters/);
  for (const validationFraction of [0, 1, -0.1, Number.NaN]) {
    expect(() => splitDocuments(dated("1999"), { validationFraction })).toThrow(
      /DATA_OPTION: validationFraction = .*\n {2}expected: a number between 0 and 1/,
    );
  }
});
