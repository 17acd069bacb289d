import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "gyre";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { tinyData } from "./tiny.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-sweep-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const at = (...parts: string[]) => join(folder, ...parts);
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

test("the example: stopped after its first run, it goes on, and says which recipe is best", async () => {
  const out = at("tiny");
  const words = ["sweep", "recipes/sweeps/tiny.json", "--out", out, "--jobs", "2", "--threads", "1"];
  const stopped = await gyre(words, {
    interruptAt: (_, stderr) => /trial-00\d, seed 1: 0\.\d+/.test(stderr),
  });
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toMatch(
    /4 trials to step 10, 4 runs to train.*stopped and saved; the same command continues\n$/s,
  );
  const [, first] = /(trial-00\d), seed 1: 0/.exec(stopped.stderr) ?? [];
  const kept = at("tiny", "runs", `${first}-seed-1`, "checkpoints", "step-000010", "state.json");
  const { mtimeMs } = await stat(kept);

  const { code, stdout, stderr } = await gyre(words);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/4 trials to step 10, [123] runs? to train.*1 trial to step 40/s),
  ]);
  expect((await stat(kept)).mtimeMs).toBe(mtimeMs);
  const report = readReport(await json(at("tiny", "report.json")));
  if (report.kind !== "sweep") throw new Error(report.kind);
  expect(report).toMatchObject({
    measure: "accuracy",
    rungs: [
      { steps: 10, trials: 4 },
      { steps: 40, trials: 1 },
    ],
  });
  expect(report.trials.map(({ steps }) => steps)).toEqual([40, 10, 10, 10]);
  const [best, ...others] = report.trials;
  const values = others.map((trial) => trial.values[0] ?? 0);
  expect(values).toEqual(values.toSorted((a, b) => b - a));
  const recipe = await json(at("tiny", "best.json"));
  expect(recipe.training).toMatchObject({
    learningRate: best?.chosen["training.learningRate"],
    initStd: best?.chosen["training.initStd"],
  });
  expect(stdout).toContain(`best: ${best?.name}`);
  expect(await readFile(at("tiny", "report.svg"), "utf8")).toMatch(/^<svg /);
  const lesser = at("tiny", "runs", `${report.trials[3]?.name}-seed-1`);
  const past = await gyre(["train", "--resume", lesser, "--stop-at", "10"]);
  expect([past.code, past.stderr]).toEqual([
    1,
    expect.stringContaining("--stop-at 10, where step 10 is done"),
  ]);
  const again = await gyre(["train", "--recipe", at("tiny", "best.json"), "--out", at("best"), "--dry-run"]);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("40 of 16 x")]);
});

test("text: a run that fails beside one that does not, and --slurm --dry-run with what is left", async () => {
  const data = await tinyData(at("data"));
  const sweep = {
    data,
    recipe: {
      model: { family: "gpt", layers: 1, loops: 1, width: 16, heads: 2, mlp: 32, context: 16 },
      training: { steps: 4, batch: 2, warmupSteps: 0, clip: 0, objective: { kind: "final" } },
    },
    search: { "training.learningRate": [0.001, 1e30] },
  };
  await writeFile(at("text.json"), JSON.stringify(sweep));
  const words = ["sweep", at("text.json"), "--out", at("text")];
  const script = await gyre([...words, "--slurm", "--dry-run"]);
  expect([script.code, script.stdout]).toEqual([0, expect.stringContaining("#SBATCH --array=0-1\n")]);
  expect(script.stdout).toContain(`train ${data} --out ${at("text", "runs", "trial-001-seed-1")} --recipe`);
  await expect(stat(at("text"))).rejects.toThrow("ENOENT");

  const { code, stdout, stderr } = await gyre([...words, "--jobs", "2"]);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/trial-002, seed 1: failed: TRAIN_NOT_FINITE: step 2/),
  ]);
  expect(stdout).toMatch(
    /trial-001 +0\.001 +4 +\d\.\d{3}\n *trial-002 +1e\+30 +\d +failed: .*TRAIN_NOT_FINITE/,
  );
});

test("what no trial can be is told before anything is written", async () => {
  const sweep = {
    recipe: { task: "words", model: { width: 16 }, training: { steps: 4 } },
    search: { "model.heads": [2, 3], "training.hardest": [1, 4] },
  };
  await writeFile(at("bad.json"), JSON.stringify(sweep));
  const { code, stderr } = await gyre(["sweep", at("bad.json"), "--out", at("bad")]);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^SWEEP_FILE: .*bad\.json:\n {4}trial-003 \(heads 3, hardest 1\): SPEC_INVALID: .*\n {4}trial-004 /m,
    ),
  ]);
  await expect(stat(at("bad"))).rejects.toThrow("ENOENT");
});
