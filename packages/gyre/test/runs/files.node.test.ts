import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hasFile, readRunFile, writeRunFile } from "../../src/runs/files.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let path = "";
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "gyre-run-files-"));
});
afterEach(() => rm(path, { recursive: true }));

test("files are kept under plain names", async () => {
  await writeRunFile({ path }, "tokenizer.json", "{}");
  const ids = Uint8Array.of(1, 2);
  expect(await writeRunFile({ path }, "ids.bin", ids)).toBe(join(path, "extra", "ids.bin"));
  expect(new TextDecoder().decode(await readRunFile({ path }, "tokenizer.json"))).toBe("{}");
  expect(await readRunFile({ path }, "ids.bin")).toEqual(ids);
  expect([await hasFile({ path }, "ids.bin"), await hasFile({ path }, "no.txt")]).toEqual([true, false]);
});

test.each(["../config.json", "a/b", ".hidden", ""])("the name %j is refused", async (name) => {
  const error = await rejectionOf(writeRunFile({ path }, name, "x"));
  expect(error.message).toMatch(/^RUN_FILE_NAME: the file name/);
});

test("a file that is not there is an error", async () => {
  const error = await rejectionOf(readRunFile({ path }, "no.txt"));
  expect(error.message).toMatch(/^RUN_FILE_MISSING: no file .*no\.txt/);
});
