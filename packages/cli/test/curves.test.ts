import { existsSync } from "node:fs";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { gpt, loopformer, temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

// gyre plot and gyre compare: runs that are there, drawn and laid beside each other.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const at = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
  const data = await tinyData(at("data"));
  await tinyRun(at("looped"), loopformer, data);
  await tinyRun(at("plain"), gpt, data);
});
afterAll(() => folder.remove());

const record = (step: number) => ({
  step,
  loss: 6 / step,
  parts: { long: 5 / step },
  heldOut: { bitsPerByte: { 1: 4 / step, 4: 3 / step } },
});

test("plot draws training and held-out data in the terminal, and as SVG where it is asked to", async () => {
  const run = at("looped");
  await appendFile(
    join(run, "metrics.jsonl"),
    [1, 2, 3].map((step) => `${JSON.stringify(record(step))}\n`).join(""),
  );
  const { code, stdout, stderr } = await gyre(["plot", run]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("looped: training loss\n");
  expect(stdout).toMatch(/● 1 loop\n■ 4 loops\n$/);
  expect(existsSync(join(run, "curves.svg"))).toBe(false);
  const drawn = await gyre(["plot", run, "--out", at("figures")]);
  expect(drawn.stdout).toContain(join(at("figures"), "curves-2.svg"));
  expect(await readdir(at("figures"))).toEqual(["curves-2.svg", "curves.svg"]);
  expect(await readFile(join(at("figures"), "curves-2.svg"), "utf8")).toContain("bits per byte");
});

test("plot and runs tell spikes, and plot the newest samples or all", async () => {
  await tinyRun(at("wild"));
  const records = Array.from({ length: 50 }, (_, index) => ({
    step: index + 1,
    loss: index === 39 ? 30 : 3,
    parts: {},
    gradientNorm: 1,
    tokens: 64,
    ...(index % 20 === 19 ? { samples: { prompt: "We", texts: { 1: ` ${index}`, 4: " are" } } } : {}),
  }));
  const text = records.map((one) => `${JSON.stringify(one)}\n`).join("");
  await writeFile(join(at("wild"), "metrics.jsonl"), text);
  const newest = await gyre(["plot", at("wild")]);
  expect([newest.code, newest.stderr]).toEqual([0, ""]);
  expect(newest.stdout).toContain("○");
  expect(newest.stdout).toContain("wild: 1 spike, the last at step 40");
  expect(newest.stdout).toMatch(/\n\nwild, step 40: after "We"\n {2}1 loop: " 39"\n {2}4 loops: " are"\n$/);
  const all = await gyre(["plot", at("wild"), "--samples"]);
  expect(all.stdout.match(/^wild, step \d+: after/gm)).toHaveLength(2);
  const { stdout } = await gyre(["runs", at("wild")]);
  expect(stdout).toContain(`${at("wild")}: 1 spike, the last at step 40\n`);
});

test("compare needs no measurement of its own: two runs that were measured alone, in one table", async () => {
  const before = await gyre(["compare", at("looped"), at("plain")]);
  expect(before).toMatchObject({ code: 1, stdout: "" });
  expect(before.stderr).toContain("RUN_NO_REPORT");
  for (const name of ["looped", "plain"]) {
    const { code } = await gyre(["eval", at(name), "--max-tokens", "64", "--threads", "1"]);
    expect(code).toBe(0);
  }
  const { code, stdout } = await gyre([
    "compare",
    at("looped"),
    at("plain"),
    "--out",
    at("both"),
    "--name",
    "both",
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain("looped, plain: quality at every budget");
  const report = JSON.parse(await readFile(join(at("both"), "both.json"), "utf8"));
  expect(
    report.models.map(({ name, points }: { name: string; points: unknown[] }) => [name, points.length]),
  ).toEqual([
    ["looped", 4],
    ["plain", 1],
  ]);
});
