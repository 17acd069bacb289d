import fc from "fast-check";
import { expect, test } from "vitest";
import { type MergeTable, pieceEncoder, piecesOf, safeCut } from "../../src/data/pieces.ts";

const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(" ", "\n", "\u0085", "\u3000", "don't", "a1", "!?"),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join("").replace(/\p{Surrogate}/gu, "x"));

test("pieces are GPT-2's, and together the text", () => {
  expect(piecesOf("don't stop  at 12:30!\n\n Go")).toEqual([
    ..."don|'t| stop| | at| 12|:|30|!|\n\n| Go".split("|"),
  ]);
  fc.assert(fc.property(anyText, (text) => piecesOf(text).join("") === text));
});

test("a text cut at a safe place has the same pieces", () => {
  let cuts = 0;
  fc.assert(
    fc.property(anyText, fc.nat(200), (text, limit) => {
      const cut = safeCut(text, 0, limit);
      if (cut < 0) return;
      cuts++;
      expect(cut).toBeLessThanOrEqual(limit);
      expect([...piecesOf(text.slice(0, cut)), ...piecesOf(text.slice(cut))]).toEqual(piecesOf(text));
    }),
  );
  expect(cuts).toBeGreaterThan(20);
  expect(safeCut("word  word", 0, 9)).toBe(4);
  expect(safeCut("word  word", 4, 9)).toBe(-1);
  expect(safeCut("   word", 0, 6)).toBe(-1);
});

/** Bytes a, b and c are 0 to 2; every pair of ids below 12 merges, in an order drawn from the seed. */
function randomTable(seed: number): MergeTable {
  const byteIds = Array.from({ length: 256 }, (_, byte) => byte - 97);
  const ranks = new Map<number, number>();
  const merged: number[] = [];
  let state = seed;
  for (let id = 3; id < 12; id++) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    const left = state % id;
    const right = (state >> 8) % id;
    if (ranks.has(left * 12 + right)) continue;
    ranks.set(left * 12 + right, merged.length);
    merged.push(id);
  }
  return { byteIds, vocab: 12, ranks, merged };
}

/** The definition: again and again the pair of the lowest rank, the leftmost of equals. */
function mergeByDefinition({ byteIds, vocab, ranks, merged }: MergeTable, text: string): number[] {
  const ids = [...new TextEncoder().encode(text)].map((byte) => byteIds[byte] as number);
  for (;;) {
    const found = ids.slice(1).map((right, at) => ranks.get((ids[at] as number) * vocab + right) ?? Infinity);
    const rank = Math.min(...found);
    if (rank === Infinity) return ids;
    ids.splice(found.indexOf(rank), 2, merged[rank] as number);
  }
}

test("merging with a heap is merging by definition", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(word, fc.nat(), (text, seed) => {
      const table = randomTable(seed);
      const ids: number[] = [];
      pieceEncoder(table)(ids, text);
      expect(ids).toEqual(mergeByDefinition(table, text));
    }),
  );
});

test("a piece of 300,000 characters is encoded, which a quadratic merge would take minutes for", () => {
  const table = randomTable(7);
  const long: number[] = [];
  pieceEncoder(table)(long, "abc".repeat(100_000));
  const short: number[] = [];
  pieceEncoder(table)(short, "abc".repeat(100));
  expect(long.slice(0, 50)).toEqual(short.slice(0, 50));
});

test("a long text is encoded stretch by stretch, to the same ids", () => {
  const table = randomTable(3);
  const text = `${"abc ".repeat(40_000)}`.replaceAll(" ", "\n");
  const byteIds = [...table.byteIds];
  byteIds[10] = 11;
  const whole: number[] = [];
  pieceEncoder({ ...table, byteIds })(whole, text);
  const one: number[] = [];
  pieceEncoder({ ...table, byteIds })(one, "abc\n");
  expect(whole).toEqual(Array.from({ length: 40_000 }, () => one).flat());
});
