import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Pack, packTexts } from "../../src/decode/packs.ts";
import { wholeLength } from "../../src/decode/whole.ts";

/** The tokens that a token of a row sees, itself last. */
function seen({ tokens, before }: Pack, place: number): number[] {
  const chain: number[] = [];
  for (let at = place; at >= 0; at = before[at] as number) chain.unshift(tokens[at] as number);
  return chain;
}

describe("texts in rows", () => {
  test("share what they begin with, where it is half of them or more", () => {
    const texts = [[1, 2, 3], [5], [1, 2, 4, 4], [1, 2, 3]];
    expect(packTexts(texts, 8)).toEqual([
      {
        tokens: [1, 2, 3, 4, 4],
        positions: [0, 1, 2, 2, 3],
        before: [-1, 0, 1, 1, 3],
        texts: [
          { text: 0, places: [0, 1, 2] },
          { text: 3, places: [0, 1, 2] },
          { text: 2, places: [0, 1, 3, 4] },
        ],
      },
      { tokens: [5], positions: [0], before: [-1], texts: [{ text: 1, places: [0] }] },
    ]);
  });

  test("are apart where little is shared, or a row would be too long", () => {
    expect(
      packTexts(
        [
          [1, 2, 3],
          [1, 4, 5],
        ],
        8,
      ),
    ).toHaveLength(2);
    expect(
      packTexts(
        [
          [1, 2, 3],
          [1, 2, 4],
        ],
        3,
      ),
    ).toHaveLength(2);
    expect(packTexts([[1, 2, 3, 4]], 3)).toHaveLength(1);
  });

  test("see themselves and nothing else, each token where it stands, whatever they share", () => {
    const text = fc.array(fc.nat(2), { maxLength: 9 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 12 }), (texts) => {
        const packs = packTexts(texts, 12);
        const all = packs.flatMap((pack) => pack.texts.map((one) => ({ ...one, pack })));
        expect(all.map((one) => one.text).sort((a, b) => a - b)).toEqual(texts.map((_, index) => index));
        for (const { text: index, places, pack } of all) {
          const own = texts[index] as number[];
          expect(places.map((place) => pack.positions[place])).toEqual(own.map((_, position) => position));
          for (const [position, place] of places.entries())
            expect(seen(pack, place)).toEqual(own.slice(0, position + 1));
        }
        for (const pack of packs) expect(pack.tokens.length).toBeLessThanOrEqual(12);
      }),
    );
  });
});

test("a row is filled up by an eighth at most, once it has 64 tokens", () => {
  for (const [tokens, length] of [
    [0, 8],
    [1, 8],
    [9, 16],
    [64, 64],
    [70, 72],
    [129, 144],
    [512, 512],
  ] as const)
    expect(wholeLength(tokens)).toBe(length);
  for (let tokens = 64; tokens <= 512; tokens++)
    expect(wholeLength(tokens) / tokens).toBeLessThanOrEqual(9 / 8);
});
