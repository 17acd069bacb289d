import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readReport } from "gyre";
import { parseSweep, trialsOf } from "gyre/node";
import { expect, test } from "vitest";
import { nodeWords } from "../packages/cli/test/cli.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
// plain JavaScript, which runs before anything is built
const { searchAll } = await import(new URL("../scripts/search.mjs", import.meta.url).href);
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const sweeps = readdirSync(join(root, "recipes/sweeps"), { recursive: true, encoding: "utf8" });

test.each(sweeps.filter((file) => file.endsWith(".json")))("recipes/sweeps/%s has trials", (file) => {
  const path = join(root, "recipes/sweeps", file);
  const sweep = parseSweep(json(path), file);
  const { recipe } = sweep;
  const trials = trialsOf(
    sweep,
    typeof recipe === "string" ? json(join(dirname(path), recipe)) : recipe,
    file,
  );
  expect(trials.length).toBeGreaterThan(1);
});

test("the search of rates runs sweeps, leaves their runs and keeps their reports", () => {
  const folder = mkdtempSync(join(tmpdir(), "gyre-search-"));
  try {
    const sweep = {
      recipe: {
        task: "words",
        variant: "S3",
        model: { family: "gpt", layers: 1, loops: 1, width: 16, heads: 2, mlp: 32 },
        training: { batch: 2, warmupSteps: 0, easiest: 2, hardest: 3 },
      },
      search: { "training.steps": [2], "training.learningRate": [0.001, 0.004] },
    };
    writeFileSync(join(folder, "tiny.json"), JSON.stringify(sweep));
    const gyre = (...words: string[]) => {
      const { status, stderr } = spawnSync(process.execPath, nodeWords(words), {
        encoding: "utf8",
        cwd: root,
      });
      if (status !== 0) throw new Error(stderr);
    };
    const [runs, results] = [join(folder, "runs"), join(folder, "results")];
    const words = ["--jobs", "1", "--threads", "1"];
    searchAll({ folder, runs, results, words, gyre });
    const report = readReport(json(join(results, "tiny.json")));
    if (report.kind !== "sweep") throw new Error(report.kind);
    expect(report.trials.map(({ chosen }) => chosen["training.learningRate"]).sort()).toEqual([0.001, 0.004]);
    expect(readdirSync(join(runs, "tiny", "runs"))).toEqual(["trial-001-seed-1", "trial-002-seed-1"]);
    expect(() => searchAll({ folder, names: ["none"], runs, results, words, gyre })).toThrow("none.json");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
