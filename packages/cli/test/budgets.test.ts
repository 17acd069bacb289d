import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GyreError, loopformer, presets, type Size } from "gyre";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type BudgetOptions, budgetsFor, shapesOf } from "../src/budgets.ts";
import { loopsRange } from "../src/options.ts";
import { commandLine, commitOfGyre, machineText } from "../src/provenance.ts";
import { gpt, size, temporaryFolder } from "./tiny.ts";

const grid = (loops: number) => loopformer({ ...size, loops } satisfies Size);
const ask = (options: BudgetOptions, spec = grid(4), isCompared = false) =>
  budgetsFor(spec, options, isCompared);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function fileOf(text: string): Promise<string> {
  const path = join(folder.path, "trajectories.txt");
  await writeFile(path, text);
  return path;
}

describe("budgetsFor", () => {
  it("is every number of loops up to full depth, or those asked for", async () => {
    expect(await ask({})).toEqual([1, 2, 3, 4]);
    expect(await ask({ loops: loopsRange("2,L,6"), trajectories: "uniform" })).toEqual([2, 4, 6]);
    expect(await ask({}, presets.tmlt(size))).toEqual([1, 2, 3, 4]);
  });

  it("is one for a gpt, unless it stands alone and another is asked for", async () => {
    expect(await ask({}, gpt)).toEqual([1]);
    expect(await ask({ loops: loopsRange("1..8") }, gpt, true)).toEqual([1]);
    expect(await ask({ loops: loopsRange("2") }, gpt)).toEqual([2]);
  });

  it("is every trajectory on the grid, and the uniform one where it is not among them", async () => {
    const all = (loops: string, of = 4) => ask({ loops: loopsRange(loops), trajectories: "all" }, grid(of));
    expect(await all("2")).toEqual([
      [0.25, 0.75],
      [0.5, 0.5],
      [0.75, 0.25],
    ]);
    expect(await all("3")).toEqual([[0.25, 0.25, 0.5], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], 3]);
    expect(await all("1,4")).toEqual([[1], [0.25, 0.25, 0.25, 0.25]]);
    expect(await all("4", 8)).toHaveLength(35);
    expect(await all("6", 12)).toHaveLength(462);
  });

  it("refuses to enumerate too many, and says how many they are", async () => {
    const asked = ask({ loops: loopsRange("12"), trajectories: "all" }, grid(24));
    await expect(asked).rejects.toThrow(
      /EVAL_TRAJECTORIES: 1352078 trajectories of 12 loops on the 1\/24 grid/,
    );
    await expect(ask({ trajectories: "all" })).rejects.toThrow("--trajectories all needs --loops");
    const beyond = ask({ loops: loopsRange("5"), trajectories: "all" });
    await expect(beyond).rejects.toThrow("TRAJECTORY");
  });

  it.each([["[[0.5, 0.5], [1]]"], ["0.5,0.5\n\n 1 \n"], ["0.5, 0.5\r\n1"]])(
    "reads a file: %j",
    async (text) => {
      expect(await ask({ trajectories: await fileOf(text) })).toEqual([[0.5, 0.5], [1]]);
    },
  );

  it.each([
    ["", "no trajectory"],
    ["[]", "no trajectory"],
    ["[[0.5, 0.5], [0.5,", "JSON"],
    ["[[0.5, 0.5], 3]", "entry 2 is not a list of numbers"],
    ['[["a"]]', "entry 1 is not a list of numbers"],
    ["0.5,0.5\n0.5,,0.5\n", "line 2 is not a list of numbers"],
    ["half", "line 1 is not a list of numbers"],
  ])("refuses a file: %j", async (text, problem) => {
    const asked = ask({ trajectories: await fileOf(text) });
    await expect(asked).rejects.toThrow(GyreError);
    await expect(asked).rejects.toThrow(problem);
  });

  it("refuses a file that is not there, and --loops beside a file", async () => {
    await expect(ask({ trajectories: join(folder.path, "none") })).rejects.toThrow(
      /EVAL_TRAJECTORIES: .*ENOENT/,
    );
    const path = await fileOf("1");
    await expect(ask({ trajectories: path, loops: loopsRange("1") })).rejects.toThrow("--loops with a file");
  });
});

describe("provenance", () => {
  it("is a command that a shell reads back", () => {
    expect(commandLine(["eval", "runs/a b", "--out", "it's", "--loops", "1..4"])).toBe(
      "gyre eval 'runs/a b' --out 'it'\\''s' --loops 1..4",
    );
  });

  it("names the machine, and a commit where gyre runs from a repository", async () => {
    expect(machineText()).toMatch(/, \d+ cores?, \d+ GiB, \w+, Node \d+\.\d+\.\d+$/);
    expect((await commitOfGyre()) ?? "none").toMatch(/^[0-9a-f]{40}(-dirty)?$|^none$/);
  });
});

test("trajectories are uniform, long step first and long step last, each once", () => {
  const steps = shapesOf(grid(4)).map((budget) =>
    typeof budget === "number" ? budget : budget.map((step) => step * 4),
  );
  expect(steps).toEqual([2, [3, 1], [1, 3], 3, [2, 1, 1], [1, 1, 2]]);
  expect(shapesOf(grid(2))).toEqual([]);
});
