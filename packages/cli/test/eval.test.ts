import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate, interpreterRuntime, presets, type QualityReport, readReport, startFrom } from "gyre";
import { holdRun, loadWeights, openDataset, openRun } from "gyre/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, gyre } from "./cli.ts";
import { gpt, loopformer, size, temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

let folder: string;
let remove: () => Promise<void>;
const at = (...names: string[]) => join(folder, ...names);
const run = (...words: string[]): Promise<Finished> => gyre(["eval", ...words], { cwd: folder });
const read = async (...names: string[]): Promise<QualityReport> => {
  const report = readReport(JSON.parse(await readFile(at(...names), "utf8")));
  if (report.kind === "budgets" || report.kind === "trajectories") return report;
  throw new Error(report.kind);
};
const reportIn = (...names: string[]) => read(...names, "latest.json");

beforeAll(async () => {
  const temporary = await temporaryFolder();
  ({ path: folder, remove } = { path: temporary.path, remove: temporary.remove });
  await tinyData(at("data"));
  await tinyData(at("other"), "nation");
  await tinyRun(at("looped"), loopformer, at("data"));
  await tinyRun(at("gpt"), gpt, at("data"));
  await tinyRun(at("stranger"), loopformer, at("other"));
  await tinyRun(at("short"), presets.tmlt({ ...size, context: 8 }), at("data"));
  await tinyRun(at("imported"));
});
afterAll(() => remove());

describe("gyre eval", () => {
  it("measures several runs, each at its own budgets, and writes the report into the first", async () => {
    const { code, stdout, stderr } = await run("looped", "gpt", "--max-tokens", "101", "--stride", "5");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^looped, gpt: quality at every budget\ntiny.txt, validation split · 101 tokens · context 16/,
    );
    expect(stdout).toContain("bits per byte (lower is better)");
    expect(stdout).toMatch(/● looped\n■ gpt\n/);
    expect(`${stdout}${stderr}`).not.toContain("\u001b[");
    expect(stderr).toContain("gpt  budget 1 of 1  loops 1  loss ");
    const [, name = ""] = /looped\/reports\/(.*)\.md\n$/.exec(stdout) ?? [];
    expect(name).toMatch(/^budgets-looped-gpt-1\.\.4loops-101tokens-[0-9a-f]{6}$/);

    const report = await read("looped", "reports", `${name}.json`);
    expect(await reportIn("looped", "reports")).toEqual(report);
    expect(report).toMatchObject({
      kind: "budgets",
      provenance: {
        command: "gyre eval looped gpt --max-tokens 101 --stride 5",
        data: { name: "tiny.txt", split: "validation" },
      },
      protocol: { tokens: 101, stride: 5, context: 16, tokenizer: "bytes, 257 entries" },
    });
    expect(report.models.map(({ name, points }) => [name, points.map(({ loops }) => loops)])).toEqual([
      ["looped", [1, 2, 3, 4]],
      ["gpt", [1]],
    ]);
    await expectSame(report);
    for (const ending of ["svg", "md"])
      expect(await readFile(at("looped", "reports", `${name}.${ending}`), "utf8")).toContain("looped");
  });

  it("keeps every measurement: a report replaces one of the same measurement and no other", async () => {
    const measure = async (...words: string[]) => {
      expect((await run("gpt", "--out", "kept", "--max-tokens", "20", ...words)).code).toBe(0);
      const names = await readdir(at("kept"));
      return names.filter((name) => name.endsWith(".json")).sort();
    };
    const first = await measure();
    expect(first).toEqual([expect.stringMatching(/^budgets-gpt-1loop-20tokens-/), "latest.json"]);
    expect(await measure()).toEqual(first);
    const second = await measure("--stride", "8");
    expect(second).toHaveLength(3);
    expect(await reportIn("kept")).toMatchObject({ protocol: { stride: 8 } });
    expect((await measure("--name", "mine")).filter((name) => !second.includes(name))).toEqual(["mine.json"]);
    expect(await reportIn("kept")).toMatchObject({ protocol: { stride: 8 } });
    expect((await run("gpt", "--name", "a/b")).stderr).toMatch(/--name.*letters, digits, dots/);
  });

  it("enumerates every schedule of some loops", async () => {
    const words = ["looped", "--loops", "2,3", "--trajectories", "all", "--max-tokens", "40", "--batch", "2"];
    const { code, stdout } = await run(...words, "--out", "reports/all", "--threads", "1");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /2 {2}best of 3 .*\n.*2 {2}median .*\n.*2 {2}mean .*\n.*2 {2}worst .*\n.*2 {2}uniform \(\d of 3 are better\)/,
    );
    const report = await reportIn("reports", "all");
    expect(report.kind).toBe("trajectories");
    expect(report.provenance.runtime).toMatch(/, 1 thread$/);
    expect(
      report.models[0]?.points.map(({ trajectory }) => trajectory.map((step) => Math.round(step * 12))),
    ).toEqual([
      [3, 9],
      [6, 6],
      [9, 3],
      [3, 3, 6],
      [3, 6, 3],
      [6, 3, 3],
      [4, 4, 4],
    ]);
    expect(await readFile(at("reports", "all", "latest.md"), "utf8")).toContain("| 2 | best of 3 |");
  });

  it("measures the trajectories of a file on a dataset of choice", async () => {
    await writeFile(at("some.json"), "[[0.5, 0.5], [0.5, 0.25, 0.25]]");
    const words = ["imported", "--trajectories", "some.json", "--data", "other", "--max-tokens", "20"];
    const { code, stderr } = await run(...words, "--out", "file");
    expect({ code, stderr: stderr.includes("Error") }).toEqual({ code: 0, stderr: false });
    expect((await reportIn("file")).models[0]?.points.map(({ loops }) => loops)).toEqual([2, 3]);
  });

  it.each([
    [["none"], 1, /RUN_MISSING: no run at none/],
    [["looped", "stranger"], 1, /EVAL_COMPARE: stranger beside looped: another dataset/],
    [["looped", "short"], 1, /EVAL_COMPARE: short beside looped: a context of 8, not 16/],
    [["imported"], 1, /RUN_DATA.*--data/s],
    [["looped", "--trajectories", "all"], 2, /--trajectories all needs --loops/],
    [["looped", "--stride", "17"], 1, /DATA_OPTION.*stride/s],
    [["looped", "--max-tokens", "0"], 2, /--max-tokens/],
    [["looped", "--out", "data/manifest.json"], 1, /EVAL_OUT: --out data\/manifest.json/],
    [["gpt", "--loops", "3"], 1, /LOOPS: 3 loops of a gpt model/],
  ] as const)("refuses %j", async (words, expected, message) => {
    const { code, stdout, stderr } = await run("--out", "never", ...words);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(existsSync(at("never"))).toBe(false);
  });

  it("goes on from an older checkpoint with a warning, and tells runs of one name apart", async () => {
    await tinyRun(at("more", "looped"), loopformer, at("data"));
    const damaged = await holdRun(at("more", "looped"), ["imported"]);
    const { weights } = await loadWeights(damaged);
    await damaged.save({ ...startFrom(weights), step: 1 });
    await writeFile(at("more", "looped", "checkpoints", "step-000001", "model.safetensors"), "");
    const words = ["looped", "more/looped", "--loops", "1", "--max-tokens", "9", "--out", "damaged"];
    const { code, stderr } = await run(...words);
    expect(code).toBe(0);
    expect(stderr).toContain("warning: more/looped: step-000001 is damaged");
    const [first, second] = (await reportIn("damaged")).models;
    expect([first?.name, second?.name]).toEqual(["looped", "more/looped"]);
    expect(second?.points[0]?.loss).toBe(first?.points[0]?.loss);
  });

  it("ends quietly at Ctrl-C", async () => {
    await mkdir(at("stopped"));
    const words = ["eval", "looped", "--stride", "1", "--batch", "1", "--loops", "1..40", "--out", "stopped"];
    const { signal, stdout, stderr } = await gyre(words, {
      cwd: folder,
      interruptAt: (_, stderr) => stderr.includes("tokens"),
    });
    expect({ signal, stdout }).toEqual({ signal: "SIGINT", stdout: "" });
    expect(stderr).not.toMatch(/rror/);
    await expect(reportIn("stopped")).rejects.toThrow("ENOENT");
  });
});

/** The numbers of the report against the float64 interpreter. */
async function expectSame(report: QualityReport): Promise<void> {
  const { validation, tokenizer } = await openDataset(at("data"));
  for (const { name, points } of report.models) {
    const run = await openRun(at(name));
    const { config } = run;
    const { weights } = await loadWeights(run);
    const exact = evaluate({
      spec: config.spec,
      weights,
      runtime: interpreterRuntime(),
      split: validation,
      byteLength: tokenizer.byteLength,
      budgets: [1],
      stride: 5,
      maxTokens: 101,
    });
    for await (const { loss, bitsPerByte } of exact) {
      expect(points[0]?.loss).toBeCloseTo(loss, 5);
      expect(points[0]?.bitsPerByte).toBeCloseTo(bitsPerByte, 5);
    }
  }
}
