import { expect, test } from "vitest";
import {
  broadcastJson,
  inTurns,
  ranksWhere,
  requireSame,
  requireSameWeights,
} from "../../src/ranks/agreement.ts";
import { alone } from "../../src/ranks/collective.ts";
import { localRanks } from "./local.ts";

const onAll = <Result>(
  size: number,
  what: (ranks: ReturnType<typeof localRanks>[number]) => Promise<Result>,
) => Promise.all(localRanks(size).map(what));

test("all ranks get to know where something is so", async () => {
  expect(await onAll(3, (ranks) => ranksWhere(ranks, ranks.rank > 0))).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  expect(await ranksWhere(alone, true)).toEqual([0]);
  expect(await ranksWhere(alone, false)).toEqual([]);
});

test("all ranks get the value of rank 0, and know whose text is another", async () => {
  const value = { text: "né", list: [1, null] };
  expect(await onAll(3, (ranks) => broadcastJson(ranks, ranks.rank === 0 ? value : undefined))).toEqual([
    value,
    value,
    value,
  ]);
});

test("all ranks refuse to go on where the text of one is another", async () => {
  const texts = ["same", "same", "a longer one"];
  const all = await Promise.allSettled(
    localRanks(3).map((ranks) => requireSame(ranks, "the text", () => texts[ranks.rank] ?? "")),
  );
  expect(all.map((one) => one.status === "rejected" && one.reason.code)).toEqual(
    Array(3).fill("RANKS_DIFFER"),
  );
  for (const one of all)
    expect(String((one as PromiseRejectedResult).reason)).toMatch(/the text: rank 2 with other/);
  await requireSame(alone, "the text", () => "any");
});

test("ranks take turns, and all get the numbers of one process, in order", async () => {
  const items = [3, 0, 2, 1];
  const numbersOf = (item: number) => Array.from({ length: item }, (_, index) => item / (index + 3));
  const [computed, passed] = [[], []] as [number[][], number[][]];
  const rows = await onAll(3, (ranks) =>
    inTurns(ranks, items, {
      compute: async (item) => {
        computed[ranks.rank] = [...(computed[ranks.rank] ?? []), item];
        return numbersOf(item);
      },
      onPassed: (item) => (passed[ranks.rank] = [...(passed[ranks.rank] ?? []), item]),
    }),
  );
  expect(rows).toEqual(Array(3).fill(items.map(numbersOf)));
  expect(computed).toEqual([[3, 1], [0], [2]]);
  expect(passed).toEqual(Array(3).fill(items));
  expect(await inTurns(alone, items, { compute: async (item) => numbersOf(item) })).toEqual(rows[0]);
});

test("other weights on a rank are named", async () => {
  const all = await Promise.allSettled(
    localRanks(2).map((ranks) =>
      requireSameWeights(
        ranks,
        "of mine",
        new Map([["w", { data: Float32Array.of(ranks.rank), shape: [1] }]]),
      ),
    ),
  );
  for (const one of all)
    expect(String((one as PromiseRejectedResult).reason)).toMatch(/the weights of mine: rank 1 with other/);
});
