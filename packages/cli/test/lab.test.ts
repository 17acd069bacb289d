import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("lab list names tasks, baselines and figures", async () => {
  const { code, stdout, stderr } = await gyre(["lab", "list"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const name of ["sparse-linear", "gradient-boosting", "linear-trained"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\S`, "m"));
});

test("lab reproduce measures a figure and writes numbers, a drawing and a page", async () => {
  const { code, stdout } = await gyre([
    "lab",
    "reproduce",
    "linear-exact",
    "--out",
    folder.path,
    "--seed",
    "7",
  ]);
  expect(stdout).toMatch(/^ {2}holds .*max \|TF - GD\| <= 1e-12/m);
  expect(code).toBe(0);
  const text = (name: string) => readFile(join(folder.path, name), "utf8");
  const report = JSON.parse(await text("linear-exact.json")) as { seeds: number[]; command: string };
  expect(report.seeds).toEqual([7, 8]);
  expect(report.command).toContain("gyre lab reproduce linear-exact");
  expect(await text("linear-exact.svg")).toMatch(/^<svg[\s\S]*<polyline[\s\S]*<\/svg>\n$/);
  expect(await text("linear-exact.md")).toContain("![");
});

test("an unknown figure is refused with the names of the others", async () => {
  const { code, stderr } = await gyre(["lab", "reproduce", "linear-magic", "--out", folder.path]);
  expect(stderr).toMatch(/LAB_NAME: the figure "linear-magic"\n {2}expected: "linear-exact", .* or "all"/);
  expect(code).toBe(1);
});
