import fc from "fast-check";
import { expect, test } from "vitest";
import {
  batch,
  evaluationWindows,
  memorySplit,
  type TokenSplit,
  windowCount,
} from "../../src/data/windows.ts";

/** Token i is i, so that a window tells where it starts. */
const counting = (length: number) => memorySplit(Uint32Array.from({ length }, (_, index) => index));
const sizes = { length: fc.integer({ min: 9, max: 200 }), context: fc.integer({ min: 1, max: 8 }) };
const startsOf = (split: TokenSplit, context: number, seed: number, first: number, count: number) =>
  Array.from(
    { length: count },
    (_, step) => batch({ split, context, batch: 1, seed, step: first + step }).tokens[0],
  );

test("an epoch visits every window once: windows cover the split and share no target", () => {
  fc.assert(
    fc.property(fc.record({ ...sizes, seed: fc.nat() }), ({ length, context, seed }) => {
      const split = counting(length);
      const count = windowCount(split, context);
      expect(count).toBe(Math.floor((length - 1) / context));
      const all = batch({ split, context, batch: count, seed, step: 0 });
      expect([...all.targets].sort((a, b) => a - b)).toEqual(
        Array.from({ length: count * context }, (_, index) => index + 1),
      );
      expect(all.targets).toEqual(all.tokens.map((token) => token + 1));
    }),
  );
});

test("each epoch has its own order, given by the seed", () => {
  const split = counting(1001);
  const [first, second] = [startsOf(split, 10, 7, 0, 100), startsOf(split, 10, 7, 100, 100)];
  expect(new Set(first).size).toBe(100);
  expect(new Set(second)).toEqual(new Set(first));
  expect(second).not.toEqual(first);
  expect(startsOf(split, 10, 8, 0, 100)).not.toEqual(first);
  expect(startsOf(counting(1001), 10, 7, 0, 100)).toEqual(first);
});

test("a batch depends on nothing but its arguments, also across the end of an epoch", () => {
  const split = counting(101);
  const options = { split, context: 10, batch: 4, seed: 3 };
  const later = batch({ ...options, step: 2 });
  const order = startsOf(split, 10, 3, 8, 4);
  expect([0, 10, 20, 30].map((row) => later.tokens[row])).toEqual(order);
  batch({ ...options, step: 50 });
  expect(batch({ ...options, step: 2 })).toEqual(later);
});

test("micro batches together are the large batch", () => {
  const options = { split: counting(500), context: 6, seed: 1, step: 5 };
  const whole = batch({ ...options, batch: 6 });
  const parts = [0, 1, 2].map((micro) => batch({ ...options, batch: 2, micro, microBatches: 3 }));
  expect(parts.flatMap((part) => [...part.tokens])).toEqual([...whole.tokens]);
  expect(parts.flatMap((part) => [...part.targets])).toEqual([...whole.targets]);
});

test("evaluation scores each token but the first exactly once, with the stated context", () => {
  const options = fc.record({
    length: fc.integer({ min: 2, max: 60 }),
    context: sizes.context,
    stride: sizes.context,
  });
  fc.assert(
    fc.property(options, ({ length, context, stride }) => {
      fc.pre(stride <= context);
      const scored: number[] = [];
      let bytes = 0;
      const byteLength = (id: number) => 1 + (id % 3);
      for (const window of evaluationWindows({ split: counting(length), context, stride, byteLength })) {
        expect([window.tokens.length, window.targets.length]).toEqual([context, context]);
        for (let at = window.scoredFrom; at < window.length; at++) {
          scored.push(window.targets[at] as number);
          expect(window.tokens[at]).toBe(window.start + at);
          expect(window.targets[at]).toBe(window.start + at + 1);
          if (window.start > 0) expect(at).toBeGreaterThanOrEqual(context - stride);
        }
        expect(window.tokens.subarray(window.length).every((token) => token === 0)).toBe(true);
        bytes += window.bytes;
      }
      const expected = Array.from({ length: length - 1 }, (_, index) => index + 1);
      expect(scored).toEqual(expected);
      expect(bytes).toBe(expected.reduce((sum, id) => sum + byteLength(id), 0));
    }),
  );
});

test("later evaluation windows start a stride on and score their last targets", () => {
  const windows = [...evaluationWindows({ split: counting(12), context: 6, stride: 2, byteLength: () => 1 })];
  expect(windows.map(({ start, length, scoredFrom }) => [start, length, scoredFrom])).toEqual([
    [0, 6, 0],
    [2, 6, 4],
    [4, 6, 4],
    [6, 5, 4],
  ]);
});

test("a split without one window is refused, with both numbers", () => {
  const split = counting(5);
  expect(windowCount(split, 4)).toBe(1);
  expect(() => windowCount(split, 5)).toThrow(
    /DATA_TOO_SHORT: the split has 5 tokens\n.*at least 6 .*\n.*at most 4/,
  );
  expect(() => batch({ split, context: 5, batch: 1, seed: 0, step: 0 })).toThrow(/DATA_TOO_SHORT/);
  const one = { split: counting(1), context: 4, stride: 4, byteLength: () => 1 };
  expect(() => evaluationWindows(one)).toThrow(/DATA_TOO_SHORT: the split has 1 tokens/);
});

test("options that make no sense are refused", () => {
  const options = { split: counting(50), context: 4, batch: 2, seed: 0, step: 0 };
  expect(() => batch({ ...options, context: 0 })).toThrow(/DATA_OPTION: context = 0\n.*of at least 1/);
  expect(() => batch({ ...options, batch: 1.5 })).toThrow(/DATA_OPTION: batch = 1.5/);
  expect(() => batch({ ...options, step: -1 })).toThrow(/DATA_OPTION: step = -1/);
  expect(() => batch({ ...options, micro: 2, microBatches: 2 })).toThrow(
    /DATA_OPTION: micro = 2\n.*from 0 to 1/,
  );
  const evaluation = { ...options, stride: 5, byteLength: () => 1 };
  expect(() => evaluationWindows(evaluation)).toThrow(/DATA_OPTION: stride = 5\n.*from 1 to 4/);
});

test("what is not scored is read and is no target", () => {
  const tokens = Uint16Array.of(5, 6, 7, 8, 9, 10, 11);
  const split = memorySplit(tokens, { scored: Uint8Array.of(0, 1, 0, 1, 1, 0, 1) });
  const all = batch({ split, context: 3, batch: 2, seed: 1, step: 0 });
  const rows = [0, 3].map((at) => [[...all.tokens.slice(at, at + 3)], [...all.targets.slice(at, at + 3)]]);
  expect(rows.sort()).toEqual([
    [
      [5, 6, 7],
      [6, -1, 8],
    ],
    [
      [8, 9, 10],
      [9, -1, 11],
    ],
  ]);
  const windows = [...evaluationWindows({ split, context: 3, stride: 3, byteLength: () => 2 })];
  expect(windows.map(({ scored, bytes }) => [[...(scored ?? [])], bytes])).toEqual([
    [[1, 0, 1], 4],
    [[1, 0, 1], 4],
  ]);
  expect(() => memorySplit(tokens, { scored: Uint8Array.of(1) })).toThrow(/DATA_OPTION: scored = 1 numbers/);
});
