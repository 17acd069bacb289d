import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256OfFile } from "../../src/checkpoint/files.node.ts";
import {
  openSafetensorsFile,
  readFloatTensors,
  readSafetensorsFile,
  writeNewSafetensors,
  writeSafetensorsFile,
} from "../../src/checkpoint/safetensors.node.ts";
import { fromFloat32 } from "../../src/checkpoint/safetensors.ts";
import { rawFile, rejectionOf } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-safetensors-"));
});
afterEach(() => rm(folder, { recursive: true }));

const tensors = new Map([["w", fromFloat32(Float32Array.of(1, 2), [2], "BF16")]]);

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

test("a new file's checksum is that of its bytes, also when it is read back", async () => {
  const path = join(folder, "new.safetensors");
  const checksum = await writeNewSafetensors(path, { tensors });
  expect(checksum).toBe(
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  );
  expect(await sha256OfFile(path)).toBe(checksum);
  expect(await readFloatTensors(path)).toEqual(new Map([["w", { data: Float32Array.of(1, 2), shape: [2] }]]));
});

describe("sizes are checked against the file before anything is allocated", () => {
  const gibi = 2 ** 30;
  const sparse = async (name: string, bytes: Uint8Array, size: number) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    await truncate(path, size);
    return path;
  };

  test("a file above 8 GiB is opened, and its tensors are read one by one", async () => {
    const [big, size] = [3 * gibi, 9 * gibi];
    const layer = (begin: number) => ({ dtype: "F32", shape: [big / 4], data_offsets: [begin, begin + big] });
    const header = {
      ...{ a: layer(0), b: layer(big), c: layer(2 * big) },
      last: { dtype: "F32", shape: [2], data_offsets: [size, size + 8] },
    };
    const start = rawFile(header, 0);
    const path = await sparse("large.safetensors", start, start.length + size + 8);
    expect((await stat(path)).blocks * 512).toBeLessThan(1e6);
    const handle = await open(path, "r+");
    await handle.write(new Uint8Array(Float32Array.of(0.5, -7).buffer), 0, 8, start.length + size);
    await handle.close();
    await using file = await openSafetensorsFile(path);
    expect(file.entries.map(({ name }) => name)).toEqual(["a", "b", "c", "last"]);
    const last = await file.read(file.entries[3]!);
    expect([...new Float32Array(last.bytes.buffer as ArrayBuffer)]).toEqual([0.5, -7]);
  });

  test("a tensor that no memory can hold is named", async () => {
    const size = 6 * gibi;
    const start = rawFile({ w: { dtype: "U8", shape: [size], data_offsets: [0, size] } }, 0);
    const path = await sparse("huge.safetensors", start, start.length + size);
    const error = await rejectionOf(readSafetensorsFile(path));
    expect(error.message).toMatch(/^CHECKPOINT_READ: .*huge\.safetensors: tensor "w": /);
  });

  test.each([
    ["a header of 2^50 bytes", 2n ** 50n, "SAFETENSORS_HEADER_LENGTH"],
    ["a header beyond the end", 100n, "SAFETENSORS_HEADER_LENGTH"],
  ])("%s", async (_, length, code) => {
    const bytes = rawFile({}, 0);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    const path = join(folder, "bad.safetensors");
    await writeFile(path, bytes);
    expect((await rejectionOf(openSafetensorsFile(path))).code).toBe(code);
  });

  test("a tensor of 2^52 bytes in a file of 100", async () => {
    const path = join(folder, "bad.safetensors");
    await writeFile(path, rawFile({ w: { dtype: "U8", shape: [2 ** 52], data_offsets: [0, 2 ** 52] } }, 10));
    expect((await rejectionOf(openSafetensorsFile(path))).code).toBe("SAFETENSORS_OFFSETS");
  });
});

test("a pipe as model.safetensors is refused at once", async () => {
  const path = join(folder, "model.safetensors");
  execFileSync("mkfifo", [path]);
  expect((await rejectionOf(readSafetensorsFile(path))).message).toMatch(
    /^CHECKPOINT_READ: .*no regular file/,
  );
});
