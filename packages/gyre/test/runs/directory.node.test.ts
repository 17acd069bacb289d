import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunDirectory } from "../../src/runs/directory.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-run-"));
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
const save = (
  run: RunDirectory,
  step: number,
  more: { keep?: number; model?: ReturnType<typeof weights> } = {},
) => run.saveCheckpoint({ step, model: weights(step), optimizer: moments(step), ...more });
const checkpoints = async () => (await readdir(at("checkpoints"))).sort();

describe("create and open", () => {
  test("a new run keeps its config", async () => {
    const config = { spec: { width: 8 }, data: "sotu", rate: 1e-3 };
    await RunDirectory.create(path, config);
    expect(await (await RunDirectory.open(path)).readConfig()).toEqual(config);
    expect((await readdir(path)).sort()).toEqual(["checkpoints", "config.json", "metrics.jsonl"]);
  });

  test("an existing run is refused, and replaced as a whole with force", async () => {
    const old = await RunDirectory.create(path, { version: 1 });
    await save(old, 1);
    await old.appendMetrics({ step: 1 });
    await old.writeExtra("tokenizer.json", "{}");
    const error = await rejectionOf(RunDirectory.create(path, { version: 2 }));
    expect(error.message).toMatch(/^RUN_EXISTS: .*first already holds a run/);
    expect(await old.readConfig()).toEqual({ version: 1 });
    const run = await RunDirectory.create(path, { version: 2 }, { force: true });
    expect(await run.readConfig()).toEqual({ version: 2 });
    expect(await run.readMetrics()).toEqual([]);
    expect(await run.loadCheckpoint()).toBeUndefined();
    expect((await rejectionOf(run.readExtra("tokenizer.json"))).code).toBe("RUN_FILE_MISSING");
  });

  test("what is not a run is never touched, an empty directory is used", async () => {
    await mkdir(path, { recursive: true });
    await RunDirectory.create(path, {});
    const other = join(folder, "thesis");
    await mkdir(other);
    await writeFile(join(other, "config.json"), "mine");
    for (const force of [false, true]) {
      expect((await rejectionOf(RunDirectory.create(other, {}, { force }))).message).toMatch(
        /^RUN_NOT_EMPTY: .*thesis/,
      );
    }
    expect(await readdir(other)).toEqual(["config.json"]);
    const file = join(other, "config.json");
    expect((await rejectionOf(RunDirectory.create(file, {}))).code).toBe("RUN_NOT_EMPTY");
    expect((await rejectionOf(RunDirectory.create(join(file, "run"), {}))).code).toBe("CHECKPOINT_WRITE");
  });

  test("opening what is no run tells the path and the files", async () => {
    const error = await rejectionOf(RunDirectory.open(path));
    expect(error.message).toMatch(
      /^RUN_MISSING: no run at .*first\n {2}expected: a directory with config\.json and checkpoints\//,
    );
    expect((await rejectionOf(RunDirectory.open(folder))).code).toBe("RUN_MISSING");
  });

  test("a config must be JSON, and stay it", async () => {
    for (const config of [undefined, { big: 1n }])
      expect((await rejectionOf(RunDirectory.create(path, config))).message).toMatch(
        /^RUN_JSON: a run's config/,
      );
    const run = await RunDirectory.create(path, {});
    await writeFile(at("config.json"), "{");
    expect((await rejectionOf(run.readConfig())).message).toMatch(/^RUN_DAMAGED: .*config\.json: not JSON/);
  });
});

describe("metrics", () => {
  test("are appended, read and truncated to a step", async () => {
    const run = await RunDirectory.create(path, {});
    for (const step of [0, 1, 2, 3]) await run.appendMetrics({ step, loss: 4 - step, kind: "train" });
    expect(await run.readMetrics()).toHaveLength(4);
    await run.truncateMetrics(1);
    await run.appendMetrics({ step: 2, loss: 2.5 });
    expect((await run.readMetrics()).map(({ step, loss }) => [step, loss])).toEqual([
      [0, 4],
      [1, 3],
      [2, 2.5],
    ]);
  });

  test("a line that a crash cut short is left out and does not swallow the next", async () => {
    await (await RunDirectory.create(path, {})).appendMetrics({ step: 1, note: "é" });
    await appendFile(at("metrics.jsonl"), '{"step":2,"lo');
    const run = await RunDirectory.open(path);
    expect(await run.readMetrics()).toEqual([{ step: 1, note: "é" }]);
    await run.appendMetrics({ step: 2 });
    expect(await run.readMetrics()).toEqual([{ step: 1, note: "é" }, { step: 2 }]);
  });

  test("damaged lines and bad records are errors", async () => {
    const run = await RunDirectory.create(path, {});
    expect((await rejectionOf(run.appendMetrics({ step: -1 }))).message).toMatch(
      /^CHECKPOINT_OPTION: step: -1/,
    );
    expect((await rejectionOf(run.appendMetrics({ step: 1, big: 1n }))).code).toBe("RUN_JSON");
    expect((await rejectionOf(run.truncateMetrics(0.5))).message).toMatch(
      /^CHECKPOINT_OPTION: afterStep: 0\.5/,
    );
    await writeFile(at("metrics.jsonl"), '{"step":1}\n{"st\n{"step":2}\n');
    expect((await rejectionOf(run.readMetrics())).message).toMatch(
      /^RUN_DAMAGED: .*metrics\.jsonl: line 2 is not JSON/,
    );
    await writeFile(at("metrics.jsonl"), "{}\n");
    expect((await rejectionOf(run.readMetrics())).message).toMatch(/line 1 has no step/);
  });
});

describe("checkpoints", () => {
  test("come back bit for bit, in a new process too", async () => {
    await save(await RunDirectory.create(path, {}), 12);
    const run = await RunDirectory.open(path);
    const loaded = await run.requireCheckpoint();
    expect(loaded).toMatchObject({ step: 12, warnings: [] });
    expect(loaded.model).toEqual(weights(12));
    expect(Object.is(loaded.model.get("transformer.wte.weight")?.data[1], -0)).toBe(true);
    expect(loaded.optimizer).toEqual(moments(12));
    expect(await readdir(at("checkpoints", "step-000012"))).toEqual([
      "model.safetensors",
      "optimizer.safetensors",
      "state.json",
    ]);
    expect(await readFile(at("latest"), "utf8")).toBe("step-000012\n");
  });

  test("of earlier versions, whose state.json said that there is no further state, are read", async () => {
    await save(await RunDirectory.create(path, {}), 12);
    const state = at("checkpoints", "step-000012", "state.json");
    await writeFile(state, (await readFile(state, "utf8")).replace(/}\n$/, ',"state":null}\n'));
    expect(await readFile(state, "utf8")).toContain('"state":null');
    expect(await (await RunDirectory.open(path)).requireCheckpoint()).toMatchObject({
      step: 12,
      warnings: [],
    });
  });

  test("none yet: undefined, or an error where one is required", async () => {
    const run = await RunDirectory.create(path, {});
    expect(await run.loadCheckpoint()).toBeUndefined();
    expect((await rejectionOf(run.requireCheckpoint())).message).toMatch(
      /^RUN_NO_CHECKPOINT: the run at .*first/,
    );
  });

  test("the newest two stay, or as many as told", async () => {
    const run = await RunDirectory.create(path, {});
    for (const step of [1, 2, 1_000_000]) await save(run, step);
    expect(await checkpoints()).toEqual(["step-000002", "step-1000000"]);
    await save(run, 1_000_001, { keep: 3 });
    expect(await checkpoints()).toEqual(["step-000002", "step-1000000", "step-1000001"]);
    await save(run, 1_000_002, { keep: 1 });
    expect(await checkpoints()).toEqual(["step-1000002"]);
    const kept = (await run.requireCheckpoint()).model.get("transformer.wte.weight");
    expect(kept?.data[0]).toBe(1_000_002);
  });

  test("a damaged one does not count among those that stay", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await save(run, 2);
    await appendFile(at("checkpoints", "step-000002", "model.safetensors"), "x");
    await save(await RunDirectory.open(path), 3);
    expect(await checkpoints()).toEqual(["step-000001", "step-000003"]);
  });

  test("a run that went back drops the later ones, and may save a step again", async () => {
    const run = await RunDirectory.create(path, {});
    for (const step of [1, 2, 3]) await save(run, step, { keep: 3 });
    await save(run, 2, { model: weights(22) });
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
    expect((await run.requireCheckpoint()).model).toEqual(weights(22));
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
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await save(run, 2);
    await damage(at("checkpoints", "step-000002"));
    const { step, warnings } = await (await RunDirectory.open(path)).requireCheckpoint();
    expect(step).toBe(1);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^step-000002 is damaged: /);
    expect(warnings[0]).toMatch(problem);
    expect(warnings[1]).toBe("went on from step 1");
  });

  test("a state that belongs to another step is damage", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await save(run, 2);
    const state = await readFile(at("checkpoints", "step-000001", "state.json"));
    await writeFile(at("checkpoints", "step-000002", "state.json"), state);
    expect((await run.requireCheckpoint()).warnings[0]).toMatch(/the state of step 1/);
  });

  test("without a pointer the newest is used, with a warning", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await save(run, 2);
    await rm(at("latest"));
    expect(await run.requireCheckpoint()).toMatchObject({
      step: 2,
      warnings: ["latest is missing", "went on from step 2"],
    });
  });

  test("when all are damaged, one error lists them", async () => {
    const run = await RunDirectory.create(path, {});
    for (const step of [1, 2]) {
      await save(run, step);
      await rm(at("checkpoints", `step-00000${step}`, "state.json"));
    }
    const error = await rejectionOf(run.loadCheckpoint());
    expect(error.message).toMatch(
      /^CHECKPOINT_CORRUPT: .*first:\n {4}step-000002 is damaged: [\s\S]*expected/,
    );
    await rm(at("checkpoints", "step-000002"), { recursive: true });
    expect((await rejectionOf(run.loadCheckpoint())).code).toBe("CHECKPOINT_CORRUPT");
  });

  test("what an interrupted save leaves behind is passed over, then removed", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await mkdir(at("checkpoints", ".tmp-step-000002"));
    await writeFile(at("checkpoints", ".tmp-step-000002", "model.safetensors"), "half");
    expect(await run.requireCheckpoint()).toMatchObject({ step: 1, warnings: [] });
    await save(run, 2);
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
  });

  test("a crash while a step was saved again leaves its earlier checkpoint usable", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    await rename(at("checkpoints", "step-000001"), at("checkpoints", "step-000001.old"));
    expect((await run.requireCheckpoint()).step).toBe(1);
    await save(run, 1);
    expect(await checkpoints()).toEqual(["step-000001"]);
  });

  test("content that cannot be stored leaves the last checkpoint and nothing else", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1);
    const bad = new Map([["w", { data: Float32Array.of(1), shape: [2] }]]);
    const failing = run.saveCheckpoint({ step: 2, model: bad, optimizer: moments(2) });
    expect((await rejectionOf(failing)).code).toBe("CHECKPOINT_LENGTH");
    expect(await readdir(at("checkpoints"))).toEqual(["step-000001"]);
    expect((await run.requireCheckpoint()).step).toBe(1);
  });

  test("a pointer that cannot be written is an error, and no checkpoint is lost", async () => {
    const run = await RunDirectory.create(path, {});
    await save(run, 1, { keep: 1 });
    await rm(at("latest"));
    await mkdir(at("latest", "in-the-way"), { recursive: true });
    expect((await rejectionOf(save(run, 2, { keep: 1 }))).message).toMatch(/^CHECKPOINT_WRITE: .*latest: /);
    expect(await checkpoints()).toEqual(["step-000001", "step-000002"]);
    expect(await run.requireCheckpoint()).toMatchObject({
      step: 2,
      warnings: ["latest is missing", "went on from step 2"],
    });
  });

  test("options are checked", async () => {
    const run = await RunDirectory.create(path, {});
    expect((await rejectionOf(save(run, 1.5))).message).toMatch(/^CHECKPOINT_OPTION: step: 1\.5/);
    expect((await rejectionOf(save(run, 1, { keep: 0 }))).message).toMatch(/^CHECKPOINT_OPTION: keep: 0/);
    await rm(at("checkpoints"), { recursive: true });
    expect((await rejectionOf(save(run, 1))).code).toBe("CHECKPOINT_WRITE");
    expect((await rejectionOf(run.loadCheckpoint())).code).toBe("CHECKPOINT_READ");
  });
});

test("reports and extra files are kept under plain names", async () => {
  const run = await RunDirectory.create(path, {});
  expect(await run.saveReport("budget.md", "# Budget\n")).toBe(at("reports", "budget.md"));
  expect(await readFile(at("reports", "budget.md"), "utf8")).toBe("# Budget\n");
  await run.writeExtra("tokenizer.json", "{}");
  expect(await run.writeExtra("ids.bin", Uint8Array.of(1, 2))).toBe(run.extraPath("ids.bin"));
  expect(new TextDecoder().decode(await run.readExtra("tokenizer.json"))).toBe("{}");
  expect(await run.readExtra("ids.bin")).toEqual(Uint8Array.of(1, 2));
  for (const name of ["../config.json", "a/b", ".hidden", ""])
    expect((await rejectionOf(run.writeExtra(name, "x"))).message).toMatch(/^RUN_FILE_NAME: the file name/);
  expect((await rejectionOf(run.readExtra("no.txt"))).message).toMatch(
    /^RUN_FILE_MISSING: no file .*no\.txt/,
  );
});
