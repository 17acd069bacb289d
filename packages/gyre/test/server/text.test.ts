import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { TextAssembler } from "../../src/server/text.ts";

const tokenizer = bytesTokenizer();

/** Feeds a text byte by byte; what was given out after each, and whether it was stopped. */
function feed(text: string, stops: readonly string[], dropsSpace = false) {
  const assembler = new TextAssembler(tokenizer.decodeStream(), stops, dropsSpace);
  const pieces: string[] = [];
  for (const id of tokenizer.encode(text)) {
    pieces.push(assembler.push(id).text);
    if (assembler.isStopped) break;
  }
  pieces.push(assembler.end().text);
  return { pieces, text: pieces.join(""), isStopped: assembler.isStopped };
}

describe("text that may be given out", () => {
  test("comes in whole characters", () => {
    expect(feed("aé😀", []).pieces).toEqual(["a", "", "é", "", "", "", "😀", ""]);
  });

  test("holds back what may begin a stop text, and nothing else", () => {
    expect(feed("a\n\nUs and them", ["\n\nUser:"]).pieces.slice(0, 6)).toEqual([
      "a",
      "",
      "",
      "",
      "",
      "\n\nUs ",
    ]);
  });

  test("ends before a stop text that spans tokens", () => {
    expect(feed("one, two, three", ["two", ", t"])).toMatchObject({ text: "one", isStopped: true });
  });

  test("an unfinished character at the end is one replacement", () => {
    const assembler = new TextAssembler(tokenizer.decodeStream(), []);
    expect(assembler.push(0xe2).text).toBe("");
    expect(assembler.end().text).toBe("\ufffd");
  });

  test("drops one space at the start when asked", () => {
    expect(feed("  x", [], true).text).toBe(" x");
    expect(feed("x y", [], true).text).toBe("x y");
  });

  test("is what comes before the first stop text, for any text and stops", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), maxLength: 24 });
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(letters, fc.array(stop, { maxLength: 3 }), (text, stops) => {
        const given = feed(text, stops);
        // Of stops that end together or later, the first to be complete decides.
        const ends = stops.flatMap((one) => (text.includes(one) ? [text.indexOf(one) + one.length] : []));
        const seen = text.slice(0, Math.min(...ends, text.length));
        const starts = stops.map((one) => seen.indexOf(one)).filter((at) => at >= 0);
        expect(given.text).toBe(seen.slice(0, Math.min(...starts, seen.length)));
        expect(given.isStopped).toBe(ends.length > 0);
      }),
    );
  });

  test("tokens come with their text, and those of a stop text never", () => {
    const assembler = new TextAssembler(tokenizer.decodeStream(), ["cd"]);
    const token = (letter: string) => ({ token: letter, bytes: [], logprob: 0, alternatives: [] });
    const given = [..."abcd"].flatMap((letter) => assembler.push(letter.charCodeAt(0), token(letter)).tokens);
    expect([...given, ...assembler.end().tokens].map((one) => [one.token, one.offset])).toEqual([
      ["a", 0],
      ["b", 1],
    ]);
  });
});
