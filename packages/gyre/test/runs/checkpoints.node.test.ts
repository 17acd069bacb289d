import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../src/runs/checkpoints.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-checkpoints-"));
  path = join(folder, "runs", "first");
});
afterEach(() => rm(folder, { recursive: true }));

const at = (...parts: string[]) => join(path, ...parts);
const weights = (first: number) =>
  new Map([
    ["transformer.wte.weight", { data: Float32Array.of(first, -0, 3e-45, Number.NaN), shape: [2, 2] }],
  ]);
const moments = (first: number) =>
  new Map([["m/transformer.wte.weight", { data: Float32Array.of(first), shape: [1] }]]);
/** A process that writes to the run: it remembers which checkpoints it saw whole. */
const again = () => ({ good: new Set<string>() });
const fresh = async () => {
  await mkdir(at("checkpoints"), { recursive: true });
  return again();
};
const loaded = async () => (await loadCheckpoint(path))!;
const save = (
  writer: { readonly good: Set<string> },
  step: number,
  { keep = 2, model = weights(step) } = {},
) => saveCheckpoint(path, { step, model, optimizer: moments(step) }, keep, writer.good);
const checkpoints = async () => (await readdir(at("checkpoints"))).sort();

describe("checkpoints", () => {
  test("come back bit for bit, in a new process too", async () => {
    await save(await fresh(), 12);
    const found = await loaded();
    expect(found).toMatchObject({ step: 12, warnings: [] });
    expect(found.model).toEqual(weights(12));
    expect(Object.is(found.model.get("transformer.wte.weight")?.data[1], -0)).toBe(true);
    expect(found.optimizer).toEqual(moments(12));
    expect(await readdir(at("checkpoints", "step-000012"))).toEqual([
      "model.safetensors",
      "optimizer.safetensors",
      "state.json",
    ]);
    expect(await readFile(at("latest"), "utf8")).toBe("step-000012\n");
  });

  test("of earlier versions, whose state.json said that there is no further state, are read", async () => {
    await save(await fresh(), 12);
    const state = at("checkpoints", "step-000012", "state.json");
    await writeFile(state, (await readFile(state, "utf8")).replace(/}\n$/, ',"state":null}\n'));
    expect(await readFile(state, "utf8")).toContain('"state":null');
    expect(await loaded()).toMatchObject({
      step: 12,
      warnings: [],
    });
  });

  test("none yet: undefined", async () => {
    await fresh();
    expect(await loadCheckpoint(path)).toBeUndefined();
  });

  test("the newest two stay, or as many as told", async () => {
    const run = await fresh();
    for (const step of [1, 2, 1_000_000]) await save(run, step);
    expect(await checkpoints()).toEqual(["step-000002", "step-1000000"]);
    await save(run, 1_000_001, { keep: 3 });
    expect(await checkpoints()).toEqual(["step-000002", "step-1000000", "step-1000001"]);
    await save(run, 1_000_002, { keep: 1 });
    expect(await checkpoints()).toEqual(["step-1000002"]);
    const kept = (await loaded()).model.get("transformer.wte.weight");
    expect(kept?.data[0]).toBe(1_000_002);
  });

  test("a damaged one does not count among those that stay", async () => {
    const run = await fresh();
    await save(run, 1);
    await save(run, 2);
    await appendFile(at("checkpoints", "step-000002", "model.safetensors"), "x");
    await save(again(), 3);
    expect(await checkpoints()).toEqual(["step-000001", "step-000003"]);
  });

  test("a run that went back drops the later ones, and may save a step again", async () => {
    const run = await fresh();
    for (const step of [1, 2, 3]) await save(run, step, { keep: 3 });
    await save(run, 2, { model: weights(22) });
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
    expect((await loaded()).model).toEqual(weights(22));
  });

  test.each<[string, (newest: string) => Promise<void>, RegExp]>([
    [
      "a changed byte",
      (newest) => writeFile(join(newest, "model.safetensors"), "x"),
      /model\.safetensors:\s+the checksum/,
    ],
    [
      "a missing file",
      (newest) => rm(join(newest, "optimizer.safetensors")),
      /optimizer\.safetensors: ENOENT/,
    ],
    ["a torn state", (newest) => writeFile(join(newest, "state.json"), '{"step"'), /state\.json:\s+not JSON/],
    [
      "a foreign state",
      (newest) => writeFile(join(newest, "state.json"), "{}"),
      /not the state of a checkpoint/,
    ],
    ["no directory", (newest) => rm(newest, { recursive: true }), /state\.json: ENOENT/],
  ])("with %s in the newest, the one before is used and a warning says so", async (_, damage, problem) => {
    const run = await fresh();
    await save(run, 1);
    await save(run, 2);
    await damage(at("checkpoints", "step-000002"));
    const { step, warnings } = await loaded();
    expect(step).toBe(1);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^step-000002 is damaged: /);
    expect(warnings[0]).toMatch(problem);
    expect(warnings[1]).toBe("went on from step 1");
  });

  test("a state that belongs to another step is damage", async () => {
    const run = await fresh();
    await save(run, 1);
    await save(run, 2);
    const state = await readFile(at("checkpoints", "step-000001", "state.json"));
    await writeFile(at("checkpoints", "step-000002", "state.json"), state);
    expect((await loaded()).warnings[0]).toMatch(/the state of step 1/);
  });

  test("without a pointer the newest is used, with a warning", async () => {
    const run = await fresh();
    await save(run, 1);
    await save(run, 2);
    await rm(at("latest"));
    expect(await loaded()).toMatchObject({
      step: 2,
      warnings: ["latest is missing", "went on from step 2"],
    });
  });

  test("when all are damaged, one error lists them", async () => {
    const run = await fresh();
    for (const step of [1, 2]) {
      await save(run, step);
      await rm(at("checkpoints", `step-00000${step}`, "state.json"));
    }
    const error = await rejectionOf(loadCheckpoint(path));
    expect(error.message).toMatch(
      /^CHECKPOINT_CORRUPT: .*first:\n {4}step-000002 is damaged: [\s\S]*expected/,
    );
    await rm(at("checkpoints", "step-000002"), { recursive: true });
    expect((await rejectionOf(loadCheckpoint(path))).code).toBe("CHECKPOINT_CORRUPT");
  });

  test("what an interrupted save leaves behind is passed over, then removed", async () => {
    const run = await fresh();
    await save(run, 1);
    await mkdir(at("checkpoints", ".tmp-step-000002"));
    await writeFile(at("checkpoints", ".tmp-step-000002", "model.safetensors"), "half");
    expect(await loaded()).toMatchObject({ step: 1, warnings: [] });
    await save(run, 2);
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
  });

  test("a crash while a step was saved again leaves its earlier checkpoint usable", async () => {
    const run = await fresh();
    await save(run, 1);
    await rename(at("checkpoints", "step-000001"), at("checkpoints", "step-000001.old"));
    expect((await loaded()).step).toBe(1);
    await save(run, 1);
    expect(await checkpoints()).toEqual(["step-000001"]);
  });

  test("content that cannot be stored leaves the last checkpoint and nothing else", async () => {
    const run = await fresh();
    await save(run, 1);
    const bad = new Map([["w", { data: Float32Array.of(1), shape: [2] }]]);
    const failing = save(run, 2, { model: bad });
    expect((await rejectionOf(failing)).code).toBe("CHECKPOINT_LENGTH");
    expect(await readdir(at("checkpoints"))).toEqual(["step-000001"]);
    expect((await loaded()).step).toBe(1);
  });

  test("a pointer that cannot be written is an error, and no checkpoint is lost", async () => {
    const run = await fresh();
    await save(run, 1, { keep: 1 });
    await rm(at("latest"));
    await mkdir(at("latest", "in-the-way"), { recursive: true });
    expect((await rejectionOf(save(run, 2, { keep: 1 }))).message).toMatch(/^CHECKPOINT_WRITE: .*latest: /);
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
    expect(await loaded()).toMatchObject({
      step: 2,
      warnings: ["latest is missing", "went on from step 2"],
    });
  });

  test("options are checked", async () => {
    const run = await fresh();
    expect((await rejectionOf(save(run, 1.5))).message).toMatch(/^CHECKPOINT_OPTION: step: 1\.5/);
    expect((await rejectionOf(save(run, 1, { keep: 0 }))).message).toMatch(/^CHECKPOINT_OPTION: keep: 0/);
    await rm(at("checkpoints"), { recursive: true });
    expect((await rejectionOf(save(run, 1))).code).toBe("CHECKPOINT_WRITE");
    expect((await rejectionOf(loadCheckpoint(path))).code).toBe("CHECKPOINT_READ");
  });
});
