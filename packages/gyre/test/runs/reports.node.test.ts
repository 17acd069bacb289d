import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reportName } from "../../src/report/name.ts";
import { readReport } from "../../src/report/read.ts";
import { measuredModel, saveReport } from "../../src/runs/reports.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { exits, model, point, report } from "../report/reports.ts";

let folder = "";
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "gyre-reports-")), "reports");
});
afterEach(() => rm(join(folder, ".."), { recursive: true }));

const budgets = (loss: number) => report([model("a", [point(1, loss)])]);

test("the newest report is also latest, and the same measurement replaces its own report alone", async () => {
  const name = reportName(budgets(4));
  const paths = await saveReport(budgets(4), { folder });
  expect(paths).toEqual([`${name}.json`, `${name}.svg`, `${name}.md`].map((file) => join(folder, file)));
  await saveReport(exits(), { folder });
  await saveReport(budgets(3), { folder });
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json"));
  expect(files.sort()).toEqual([`${name}.json`, `${reportName(exits())}.json`, "latest.json"].sort());
  for (const file of [`${name}.json`, "latest.json"])
    expect(readReport(JSON.parse(await readFile(join(folder, file), "utf8")))).toEqual(budgets(3));
  expect(await readFile(join(folder, "latest.md"), "utf8")).toContain(`](${name}.svg)`);
});

test("a name of one's own is not the latest, and drawings of an older report of the name go", async () => {
  await saveReport(exits(), { folder, name: "mine" });
  await writeFile(join(folder, "mine-too.svg"), "");
  await writeFile(join(folder, "mine-2-2.svg"), "");
  await saveReport(budgets(4), { folder, name: "mine" });
  const files = ["mine.json", "mine.svg", "mine.md", "mine-too.svg", "mine-2-2.svg"];
  expect((await readdir(folder)).sort()).toEqual(files.sort());
});

test("a folder that cannot be made is an error, and nothing is left", async () => {
  const file = join(folder, "..", "file");
  await writeFile(file, "");
  expect((await rejectionOf(saveReport(budgets(4), { folder: join(file, "reports") }))).message).toMatch(
    /^CHECKPOINT_WRITE/,
  );
});

test("a model is known by its weights, in whatever order they come", () => {
  const tensor = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
  const [a, b] = [tensor(1, 2), tensor(3)];
  const named = (weights: Map<string, typeof a>) => measuredModel("a", { step: 5, weights });
  const first = named(new Map(Object.entries({ a, b })));
  expect(first).toEqual({ name: "a", step: 5, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(named(new Map(Object.entries({ b, a })))).toEqual(first);
  expect(named(new Map(Object.entries({ a: tensor(1, 2.5), b }))).sha256).not.toBe(first.sha256);
});
