import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openFile, readBytes, writeFileAtomic } from "../../src/checkpoint/files.node.ts";
import { rejectionOf } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("writeFileAtomic writes and replaces texts and bytes, and leaves nothing else", async () => {
  const path = join(folder, "a.txt");
  await writeFileAtomic(path, "old");
  await writeFileAtomic(path, Uint8Array.of(110, 101, 119));
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["a.txt"]);
});

test("a write that fails leaves what was there and no temporary file", async () => {
  const target = join(folder, "target");
  await mkdir(target);
  await writeFile(join(target, "kept"), "old");
  const error = await rejectionOf(writeFileAtomic(target, "new"));
  expect(error.message).toMatch(/^CHECKPOINT_WRITE: .*target: /);
  expect(error.cause).toBeInstanceOf(Error);
  expect(await readdir(folder)).toEqual(["target"]);
  expect(await readFile(join(target, "kept"), "utf8")).toBe("old");
});

test("a write that fails midway leaves the old file", async () => {
  const path = join(folder, "a.txt");
  await writeFileAtomic(path, "old");
  const error = await rejectionOf(writeFileAtomic(path, 7 as never));
  expect(error.code).toBe("CHECKPOINT_WRITE");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["a.txt"]);
});

test("a directory that does not exist is an error", async () => {
  const error = await rejectionOf(writeFileAtomic(join(folder, "no", "a.txt"), "x"));
  expect(error.message).toMatch(/^CHECKPOINT_WRITE: .*a\.txt: ENOENT/);
});

test("many writers of one file end with one whole content", async () => {
  const path = join(folder, "a.txt");
  const texts = Array.from({ length: 8 }, (_, at) => String(at).repeat(1000 + at));
  await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
  expect(texts).toContain(await readFile(path, "utf8"));
  expect(await readdir(folder)).toEqual(["a.txt"]);
});

test("pieces are written one after the other", async () => {
  const path = join(folder, "a.bin");
  await writeFileAtomic(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
  expect([...(await readBytes(path))]).toEqual([1, 2, 3]);
});

test("what is no regular file is refused at once, also a pipe that nobody writes to", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  for (const path of [pipe, folder, "/dev/zero"]) {
    const error = await rejectionOf(openFile(path));
    expect(error.message).toMatch(/^CHECKPOINT_READ: .*: no regular file/);
  }
});
