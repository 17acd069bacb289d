import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cleanRun } from "../../src/runs/clean.node.ts";
import { listRuns } from "../../src/runs/list.node.ts";
import { createRun, holdRun } from "../../src/runs/run.node.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { contentOf, spec, tiny, tinyRun } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-list-"));
});
afterEach(() => rm(folder, { recursive: true }));
const at = (...parts: string[]) => join(folder, ...parts);

describe("listRuns", () => {
  test("finds runs in folders of folders, and names what cannot be opened", async () => {
    await tinyRun(at("b"));
    await tinyRun(at("group", "a"), { seed: 3 });
    await tinyRun(at(".hidden"));
    await mkdir(at("broken", "checkpoints"), { recursive: true });
    await writeFile(at("broken", "config.json"), "{");
    await mkdir(at("data"));
    const found = await listRuns(folder);
    expect(found.map(({ path }) => path)).toEqual([at("b"), at("broken"), at("group", "a")]);
    expect(found[1]).toMatchObject({ problem: expect.stringMatching(/^RUN_/) });
    expect(found[2]).toMatchObject({
      kind: "imported",
      family: "loopformer",
      layers: 1,
      loops: 2,
      step: 1,
      steps: undefined,
      loss: 3,
      isHeld: false,
    });
    const bytes = Object.values(await contentOf(at("b"))).reduce((sum, hex) => sum + hex.length / 2, 0);
    expect(found[0]).toMatchObject({ bytes });
  });

  test("a run that is written to is said to be", async () => {
    await tinyRun(at("b"));
    await using _ = await holdRun(at("b"), ["imported"]);
    expect(await listRuns(folder)).toMatchObject([{ isHeld: true }]);
  });

  test("a run itself may be given; a folder that is not there is refused", async () => {
    await tinyRun(at("b"));
    expect(await listRuns(at("b"))).toMatchObject([{ path: at("b") }]);
    expect((await rejectionOf(listRuns(at("none")))).code).toBe("CHECKPOINT_READ");
  });
});

describe("cleanRun", () => {
  const saved = async (path: string, steps: readonly number[]) => {
    await using run = await createRun(path, tiny);
    for (const step of steps) await run.save({ ...initialState(spec, 1), step }, { keep: 9 });
  };

  test("keeps the newest good checkpoints, and says what the others took", async () => {
    await saved(at("a"), [1, 2, 3, 4]);
    await writeFile(at("a", "checkpoints", "step-000004", "model.safetensors"), "damaged");
    const trial = await cleanRun(at("a"), { isTrial: true });
    expect(trial.map(({ path }) => path)).toEqual(
      ["step-000004", "step-000002", "step-000001"].map((name) => at("a", "checkpoints", name)),
    );
    expect(await readdir(at("a", "checkpoints"))).toHaveLength(4);
    expect(await cleanRun(at("a"))).toEqual(trial);
    expect(await readdir(at("a", "checkpoints"))).toEqual(["step-000003"]);
    expect(await cleanRun(at("a"))).toEqual([]);
    expect(trial[1]?.bytes).toBeGreaterThan(1000);
  });

  test("a run without a good checkpoint loses nothing", async () => {
    await saved(at("a"), [1, 2]);
    for (const name of ["step-000001", "step-000002"])
      await writeFile(at("a", "checkpoints", name, "state.json"), "{");
    expect(await cleanRun(at("a"))).toEqual([]);
    expect(await readdir(at("a", "checkpoints"))).toHaveLength(2);
  });

  test("not while a process writes to it, nor with nothing to keep", async () => {
    await saved(at("a"), [1, 2]);
    expect((await rejectionOf(cleanRun(at("a"), { keep: 0 }))).code).toBe("CHECKPOINT_OPTION");
    await using _ = await holdRun(at("a"), ["imported"]);
    expect((await rejectionOf(cleanRun(at("a")))).code).toBe("RUN_LOCKED");
  });
});
