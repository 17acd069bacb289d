import { expect, test } from "vitest";
import { broadcastJson, ranksWhere, requireSame } from "../../src/ranks/agreement.ts";
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
