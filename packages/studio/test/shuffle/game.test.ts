import { tokenTaskNamed } from "gyre";
import { expect, it } from "vitest";
import {
  ballPlaces,
  beliefsOf,
  drawSwaps,
  lostAt,
  moved,
  swaps,
  tokenOf,
  type Word,
  words,
} from "../../src/shuffle/game.ts";

const task = tokenTaskNamed("words", "S3");

it("tokens are those of the task, and its products say where the ball is", () => {
  for (const word of words) expect(task.vocabulary[tokenOf(word)]).toBe(word);
  const { tokens, targets, length } = task.draw({ seed: 3, stream: "cups", batch: 20, difficulty: 10 });
  for (let row = 0; row < 20; row++)
    for (const start of [0, 1, 2] as const) {
      let place = start as number;
      for (let at = row * length; at < row * length + length; at++) {
        place = moved(words[(tokens[at] as number) - 1] as Word, place as 0);
        expect(moved(words[(targets[at] as number) - 1] as Word, start)).toBe(place);
      }
    }
});

it("a sequence is that of its seed, and every swap changes something", () => {
  const sequence = drawSwaps(12, 5);
  expect(drawSwaps(12, 5)).toEqual(sequence);
  expect(new Set([1, 2, 3, 4, 5].map((seed) => drawSwaps(6, seed).join())).size).toBeGreaterThan(1);
  for (const [at, swap] of sequence.entries()) expect(swap).not.toBe(sequence[at + 1]);
  expect(ballPlaces(0, ["213", "132", "321"])).toEqual([0, 1, 2, 0]);
  expect(swaps.every((swap) => words.includes(swap))).toBe(true);
});

it("beliefs sum over the words that put the ball in a place", () => {
  const sequence = ["213", "132"] as const;
  const sure = (word: Word) => Float32Array.from([0, ...words.map((one) => (one === word ? 20 : 0))]);
  const logits = Float32Array.from([...sure("213"), ...sure("123")]);
  const [row = []] = beliefsOf([logits], { start: 0, sequence });
  expect(row.map(({ best, isRight }) => [best, isRight])).toEqual([
    [1, true],
    [0, false],
  ]);
  expect(row[0]?.places[1]).toBeCloseTo(1, 6);
  expect(lostAt(row)).toBe(2);
  expect(lostAt(row.slice(0, 1))).toBeUndefined();
});
