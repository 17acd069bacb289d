import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRun, holdRun, openRun, planRun } from "../../src/runs/run.node.ts";
import { loadWeights } from "../../src/runs/weights.node.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { contentOf, spec, tiny, tinyRun } from "./helpers.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-run-"));
  path = join(folder, "runs", "first");
});
afterEach(() => rm(folder, { recursive: true }));

const at = (...parts: string[]) => join(path, ...parts);
const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
/** Above every id that a process of Linux can have. */
const gone = 2 ** 22 + 1;

describe("a new run", () => {
  test("has its config, empty metrics and no checkpoint, and is read back as it was", async () => {
    await using run = await createRun(path, tiny);
    expect((await readdir(path)).sort()).toEqual(["checkpoints", "config.json", "lock", "metrics.jsonl"]);
    const tokenizer = { kind: "bytes", vocab: 257, endOfText: 256 };
    expect(run.config).toEqual({ version: 2, kind: "imported", spec, tokenizer, data: null });
    expect(await openRun(path)).toEqual({ path, config: run.config, version: 2 });
    expect((await rejectionOf(loadWeights(run))).message).toMatch(/^RUN_NO_CHECKPOINT: the run at .*first/);
  });

  test("is planned first: everything is checked and nothing is written", async () => {
    const planned = await planRun(path, tiny);
    expect(await readdir(folder)).toEqual([]);
    await using run = await planned.create();
    expect(run.path).toBe(path);
  });

  test("uses an empty folder, also through a link, and one where a run began and came to nothing", async () => {
    await mkdir(at(), { recursive: true });
    await symlink(path, join(folder, "link"));
    await tinyRun(join(folder, "link"));
    expect((await openRun(path)).config.kind).toBe("imported");

    const falseStart = join(folder, "false-start");
    await mkdir(join(falseStart, "checkpoints"), { recursive: true });
    await writeFile(join(falseStart, "metrics.jsonl"), "");
    await writeFile(join(falseStart, `.config.json.${gone}.0.tmp`), "{");
    await tinyRun(falseStart);
    expect((await readdir(falseStart)).sort()).toEqual([
      "checkpoints",
      "config.json",
      "latest",
      "metrics.jsonl",
    ]);
  });

  test("never touches what is not a run", async () => {
    const other = join(folder, "thesis");
    await mkdir(other);
    await writeFile(join(other, "config.json"), "mine");
    for (const force of [false, true])
      expect((await rejectionOf(createRun(other, tiny, { force }))).message).toMatch(
        /^RUN_NOT_EMPTY: .*thesis/,
      );
    expect(await readdir(other)).toEqual(["config.json"]);
    const file = join(other, "config.json");
    expect((await rejectionOf(createRun(file, tiny))).code).toBe("RUN_NOT_EMPTY");
    expect((await rejectionOf(createRun(join(file, "run"), tiny))).code).toBe("CHECKPOINT_WRITE");
    await mkdir(join(folder, "metrics", "checkpoints"), { recursive: true });
    await writeFile(join(folder, "metrics", "metrics.jsonl"), '{"step":1}\n');
    expect((await rejectionOf(createRun(join(folder, "metrics"), tiny))).code).toBe("RUN_NOT_EMPTY");
  });

  test("whose start fails leaves nothing behind: no folder, or the empty one that was there", async () => {
    const fill = () => Promise.reject(full);
    expect((await rejectionOf(createRun(path, tiny, { fill }))).message).toMatch(
      /^CHECKPOINT_WRITE: .*first: no space left on device/,
    );
    expect(await readdir(join(folder, "runs"))).toEqual([]);
    await mkdir(path);
    await rejectionOf(createRun(path, tiny, { fill }));
    expect(await readdir(path)).toEqual([]);
    await tinyRun(path);
  });

  test("takes the place of one without a checkpoint, which nothing can go on with, unless that is held", async () => {
    const first = await createRun(path, tiny);
    expect((await rejectionOf(createRun(path, tiny))).code).toBe("RUN_LOCKED");
    await first[Symbol.asyncDispose]();
    const second = await createRun(path, tiny);
    await second.appendMetrics({ step: 1 });
    await mkdir(at("checkpoints", `.step-1.${gone}.0.tmp`));
    expect((await rejectionOf(createRun(path, tiny))).code).toBe("RUN_LOCKED");
    await second[Symbol.asyncDispose]();
    await tinyRun(path);
    expect((await rejectionOf(createRun(path, tiny))).code).toBe("RUN_EXISTS");
  });

  test("clears away what a process that died left of it, and nothing of others", async () => {
    const beside = [`.first.${gone}.0.tmp`, `.first.${process.ppid}.0.tmp`, `.second.${gone}.0.tmp`];
    for (const name of beside) await mkdir(join(folder, "runs", name, "checkpoints"), { recursive: true });
    await tinyRun(path);
    expect((await readdir(join(folder, "runs"))).sort()).toEqual([...beside.slice(1), "first"].sort());
  });

  test("that another process made meanwhile is not overwritten", async () => {
    const fill = () => tinyRun(path, { seed: 7 });
    expect((await rejectionOf(createRun(path, tiny, { fill }))).code).toBe("RUN_EXISTS");
    expect((await holdRun(path, ["imported"])).path).toBe(path);
  });
});

describe("a run that is there", () => {
  beforeEach(() => tinyRun(path));

  test("is refused, and replaced as a whole with force; what its user put beside it stays", async () => {
    const before = await contentOf(path);
    expect((await rejectionOf(createRun(path, tiny))).message).toMatch(
      /^RUN_EXISTS: .*first already holds a run/,
    );
    expect(await contentOf(path)).toEqual(before);
    await mkdir(at("reports"));
    await writeFile(at("notes.txt"), "mine");
    await using run = await createRun(path, tiny, { force: true });
    expect(await run.metrics.read()).toEqual({ records: [], damaged: 0 });
    expect(await run.resume()).toEqual({ notices: [] });
    expect((await readdir(path)).sort()).toEqual(
      ["checkpoints", "config.json", "lock", "metrics.jsonl", "notes.txt"].sort(),
    );
  });

  test("is whole after a replacement that failed, byte for byte", async () => {
    const before = await contentOf(path);
    await rejectionOf(createRun(path, tiny, { force: true, fill: () => Promise.reject(full) }));
    expect(await contentOf(path)).toEqual(before);
  });

  test.each([
    ["as it began", ["metrics.jsonl", "latest"], false, 1],
    [
      "when all of the old run was aside",
      ["metrics.jsonl", "latest", "checkpoints", "config.json"],
      false,
      1,
    ],
    ["when the new run was in place", ["metrics.jsonl", "latest", "checkpoints", "config.json"], true, 2],
  ])(
    "comes back, or has been replaced, when a process died in the replacement: %s",
    async (_, aside, isDone, seed) => {
      await tinyRun(join(folder, "new"), { seed: 2 });
      const old = at(`.replaced.${gone}.0a.tmp`);
      await mkdir(old);
      for (const name of aside) await rename(at(name), join(old, name));
      if (aside.includes("config.json"))
        for (const name of ["metrics.jsonl", "checkpoints", ...(isDone ? ["latest", "config.json"] : [])])
          await rename(join(folder, "new", name), at(name));
      const { weights } = await loadWeights(await openRun(path));
      expect(weights).toEqual(initialState(spec, seed).weights);
      expect((await readdir(path)).sort()).toEqual(["checkpoints", "config.json", "latest", "metrics.jsonl"]);
    },
  );

  test("is opened as the kind that it is", async () => {
    const error = await rejectionOf(openRun(path, ["prompts"]));
    expect(error.message).toMatch(
      /^RUN_KIND: .*first, a run of kind imported\n {2}expected: a run of kind prompts\n/,
    );
    expect((await rejectionOf(openRun(path, ["text"]))).code).toBe("RUN_KIND");
  });

  test("says what is wrong with its config", async () => {
    const config = JSON.parse(await readFile(at("config.json"), "utf8"));
    const wrong = async (changes: object) => {
      await writeFile(at("config.json"), JSON.stringify({ ...config, ...changes }));
      return (await rejectionOf(openRun(path))).message;
    };
    expect(await wrong({ version: 3 })).toMatch(
      /^RUN_CONFIG: .*config\.json of version 3\n {2}expected: .* 2 or earlier/,
    );
    expect(await wrong({ version: undefined })).toMatch(/^RUN_CONFIG: .*config\.json without a version/);
    expect(await wrong({ kind: "other" })).toMatch(
      /kind: must be "text", "imported", "prompts" or "task", not "other"/,
    );
    expect(await wrong({ spec: {}, more: 1 })).toMatch(
      /^RUN_CONFIG: [\s\S]*spec: [\s\S]*unknown field "more"/,
    );
    await writeFile(at("config.json"), "{");
    expect((await rejectionOf(openRun(path))).message).toMatch(/^RUN_DAMAGED: .*config\.json: not JSON/);
    await rm(at("config.json"));
    expect((await rejectionOf(openRun(path))).message).toMatch(
      /^RUN_MISSING: no run at .*first\n {2}expected: a directory with config\.json and checkpoints\//,
    );
  });

  test("says which tensors of a checkpoint do not fit its spec", async () => {
    const config = JSON.parse(await readFile(at("config.json"), "utf8"));
    const wider = { ...config, spec: { ...config.spec, context: 32 } };
    await writeFile(at("config.json"), JSON.stringify(wider));
    expect((await rejectionOf(openRun(path).then(loadWeights))).message).toMatch(
      /^RUN_SHAPE: [\s\S]*\[16,8\] instead of \[32,8\]/,
    );
  });

  test("goes on from its last checkpoint, and says what was damaged", async () => {
    await writeFile(at("metrics.jsonl"), '{"step":0}\nnot json\n{"step":5}\n');
    await using run = await holdRun(path, ["imported"]);
    const { state, notices } = await run.resume();
    expect(state?.weights).toEqual(initialState(spec, 1).weights);
    expect(notices).toEqual(["1 damaged line of metrics.jsonl went to metrics.damaged.jsonl"]);
    expect(await run.metrics.read()).toEqual({ records: [{ step: 0 }], damaged: 0 });
  });

  test("is cleared of temporary files whose process is gone when it is held", async () => {
    await mkdir(at("extra"));
    const dead = [`.latest.${gone}.0.tmp`, `.config.json.${gone}.abc012ef.tmp`];
    for (const name of dead) await writeFile(at(name), "");
    await writeFile(at("extra", `.calibration.json.${gone}.1.tmp`), "");
    await writeFile(at(`.latest.${process.ppid}.0.tmp`), "");
    await mkdir(join(folder, "runs", `.first.${gone}.0.tmp`));
    await mkdir(join(folder, "runs", `.second.${gone}.0.tmp`));
    await using run = await holdRun(path, ["imported"]);
    expect((await readdir(run.path)).filter((name) => name.startsWith("."))).toEqual([
      `.latest.${process.ppid}.0.tmp`,
    ]);
    expect(await readdir(at("extra"))).toEqual([]);
    expect((await readdir(join(folder, "runs"))).sort()).toEqual([`.second.${gone}.0.tmp`, "first"]);
  });
});
