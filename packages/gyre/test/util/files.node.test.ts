import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataset } from "../../src/data/shards.node.ts";
import { readRegular } from "../../src/util/files.node.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-regular-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a regular file is read, and a pipe that nobody writes to is refused at once", async () => {
  await writeFile(join(folder, "file"), "text");
  expect((await readRegular(join(folder, "file"))).toString()).toBe("text");
  execFileSync("mkfifo", [join(folder, "pipe")]);
  await expect(readRegular(join(folder, "pipe"))).rejects.toThrow("no regular file");
  await expect(readRegular(folder)).rejects.toThrow(/no regular file|EISDIR/);
});

test("a dataset whose manifest is a pipe is an error, not a wait for ever", async () => {
  execFileSync("mkfifo", [join(folder, "manifest.json")]);
  await expect(openDataset(folder)).rejects.toThrow("DATA_MANIFEST");
});
