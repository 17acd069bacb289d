import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  readSafetensorsFile,
  writeFileAtomic,
  writeSafetensorsFile,
} from "../../src/checkpoint/files.node.ts";
import { fromFloat32 } from "../../src/checkpoint/safetensors.ts";
import { rejectionOf } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

const tensors = new Map([["w", fromFloat32(Float32Array.of(1, 2), [2], "BF16")]]);

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

test("a safetensors file round-trips", async () => {
  const path = join(folder, "model.safetensors");
  await writeSafetensorsFile(path, { tensors, metadata: { format: "pt" } });
  const file = await readSafetensorsFile(path);
  expect(file.metadata).toEqual({ format: "pt" });
  expect(file.tensors.get("w")).toEqual(tensors.get("w"));
  const bytes = await readFile(path);
  await writeSafetensorsFile(path, file);
  expect((await readFile(path)).equals(bytes)).toBe(true);
});

test("reading errors name the path", async () => {
  const missing = await rejectionOf(readSafetensorsFile(join(folder, "no.safetensors")));
  expect(missing.message).toMatch(/^CHECKPOINT_READ: .*no\.safetensors: ENOENT/);
  expect((await rejectionOf(readSafetensorsFile(folder))).code).toBe("CHECKPOINT_READ");
  const path = join(folder, "cut.safetensors");
  await writeFile(path, "{}");
  expect((await rejectionOf(readSafetensorsFile(path))).message).toMatch(
    /^SAFETENSORS_TOO_SHORT: .*cut\.safetensors/,
  );
});

test("a .pt file is refused with the way to convert it, a misnamed safetensors file is read", async () => {
  const path = join(folder, "ckpt.pt");
  await writeFile(path, "something pickled in an unknown way");
  const error = await rejectionOf(readSafetensorsFile(path));
  expect(error.code).toBe("CHECKPOINT_TORCH");
  expect(error.message).toMatch(
    /ckpt\.pt.*\n {2}expected: a safetensors file\n {2}fix: convert it[\s\S]*save_file\(/,
  );
  await writeSafetensorsFile(path, { tensors });
  expect((await readSafetensorsFile(path)).tensors.size).toBe(1);
});
