import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { loadCorpus } from "../../../src/data/corpus.node.ts";
import { tempFolder } from "../temp-folder.ts";

// Written by pyarrow: see make.py there. Seven rows in groups of three; the fourth is null.
const folder = fileURLToPath(new URL("../../fixtures/parquet/", import.meta.url));
const fixture = (name: string) => readFileSync(join(folder, name));
const expected = [0, 1, 2, 4, 5, 6].map((row) => `row ${row}: élève 😀\n`.repeat(row + 1));

const read = (content: Uint8Array, textKey?: string) =>
  loadCorpus({ source: join(tempFolder({ "a.parquet": content }), "a.parquet"), textKey });

test.each(["none", "snappy", "gzip", "zstd", "brotli", "lz4", "v2"])(
  "the rows of a file (%s)",
  async (name) => {
    const { documents, skipped } = await loadCorpus({ source: join(folder, `${name}.parquet`) });
    expect(documents.map(({ text }) => text)).toEqual(expected);
    expect(documents.at(-1)?.name).toMatch(/parquet:7$/);
    expect(skipped).toMatchObject({ emptyRows: 1, emptyFiles: 0 });
  },
);

test("a file that is compressed as a whole, by its name", async () => {
  const { documents } = await loadCorpus({ source: join(folder, "none.parquet.zst") });
  expect(documents.map(({ text }) => text)).toEqual(expected);
  const zipped = gzipSync(fixture("snappy.parquet"));
  const readAs = (name: string, content: Uint8Array) =>
    loadCorpus({ source: join(tempFolder({ [name]: content }), name) });
  expect((await readAs("A.PARQUET.GZ", zipped)).documents.map(({ text }) => text)).toEqual(expected);
  const before = await readdir(tmpdir());
  await expect(readAs("a.parquet.gz", zipped.subarray(0, 900))).rejects.toThrow(
    /DATA_COMPRESSED: .*a\.parquet\.gz/,
  );
  await expect(readAs("a.parquet.gz", gzipSync("no rows"))).rejects.toThrow(
    /DATA_PARQUET: .*a\.parquet\.gz.*: its footer cannot be read/,
  );
  const left = (await readdir(tmpdir())).filter(
    (name) => name.endsWith(".parquet") && !before.includes(name),
  );
  expect(left).toEqual([]);
});

test("textKey names a column of strings", async () => {
  const { documents } = await read(fixture("zstd.parquet"), "title");
  expect(documents.map(({ text }) => text)).toEqual(Array(7).fill("same"));
});

test.each([
  ["body", /no column of strings "body"; it has "text", "title"\n.*\n.*--text-key text/],
  ["id", /no column of strings "id" \(that of this name is INT64\); it has "text", "title"/],
  ["tags", /no column of strings "tags" \(that of this name is LIST\); it has "text", "title"/],
])("the column %s is refused", async (textKey, message) => {
  await expect(read(fixture("zstd.parquet"), textKey)).rejects.toThrow(
    /DATA_PARQUET: .*a.parquet: no column/,
  );
  await expect(read(fixture("zstd.parquet"), textKey)).rejects.toThrow(message);
});

test("bytes that are no text are refused", async () => {
  await expect(read(fixture("latin1.parquet"))).rejects.toThrow(
    /DATA_PARQUET: .*a.parquet: row group 1 of 1 cannot be read: .*utf-8/,
  );
});

test("a broken footer, wherever the file ends", async () => {
  const whole = fixture("snappy.parquet");
  for (const size of [0, 3, 7, 12, 200, whole.length - 300, whole.length - 8, whole.length - 1])
    await expect(read(whole.subarray(0, size)), `${size} bytes`).rejects.toThrow(
      /DATA_PARQUET: .*a.parquet: its footer cannot be read: .*\n.*\n.*copy or download it again/,
    );
  await expect(read(Buffer.from("text in a file of the wrong name\n"))).rejects.toThrow(
    /DATA_PARQUET: .*a.parquet: its footer cannot be read: .*PAR1/,
  );
  const long = Buffer.from(whole);
  long.writeUInt32LE(2 ** 32 - 1, whole.length - 8);
  await expect(read(long)).rejects.toThrow(/DATA_PARQUET: .*its footer cannot be read: .*length 4294967295/);
});

test("damage is an error with the file's name, never another failure; of what no checksum covers it may go unseen", async () => {
  const whole = fixture("snappy.parquet");
  let refused = 0;
  for (let at = 0; at < whole.length; at += 29) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 0x41;
    const failed = await read(damaged).then(
      () => false,
      (error: Error) => {
        expect(error.message, `byte ${at}`).toMatch(/^DATA_(PARQUET: .*a\.parquet|EMPTY|BINARY)/);
        return true;
      },
    );
    if (failed) refused++;
  }
  expect(refused).toBeGreaterThan(30);
});
