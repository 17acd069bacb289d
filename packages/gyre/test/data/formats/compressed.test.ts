import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { loadCorpus } from "../../../src/data/corpus.node.ts";
import { tempFolder } from "../temp-folder.ts";

const read = async (name: string, content: Uint8Array, textKey?: string) => {
  const source = join(tempFolder({ [name]: content }), name);
  return (await loadCorpus({ source, textKey })).documents.map(({ text }) => text);
};

/** "one\n\ntwo é" and "three", as the zstd program writes them; and a frame that is skipped. */
const frames = ["KLUv/SQLWQAAb25lCgp0d28gw6mqCnuk", "KLUv/SQFKQAAdGhyZWUUDasR"].map((text) =>
  Buffer.from(text, "base64"),
);
const skipped = Buffer.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
const members = ["one\n\ntwo é", "three"].map((text) => gzipSync(text));

const jsonl = '{"text":"one"}\n{"text":""}\n{"text":"two"}';

test.each(["a.txt.gz", "A.MD.GZ", "a.txt"])("gzip in %s, of one member and of several", async (name) => {
  expect(await read(name, members[0]!)).toEqual(["one\n\ntwo é"]);
  expect(await read(name, Buffer.concat(members))).toEqual(["one\n\ntwo éthree"]);
});

test.each(["a.txt.zst", "a.md"])("Zstandard in %s, of one frame and of several", async (name) => {
  expect(await read(name, frames[0]!)).toEqual(["one\n\ntwo é"]);
  expect(await read(name, Buffer.concat(frames))).toEqual(["one\n\ntwo éthree"]);
});

test("a frame that Zstandard skips", async () => {
  expect(await read("a.txt.zst", Buffer.concat([skipped, ...frames]))).toEqual(["one\n\ntwo éthree"]);
  expect(await read("a.txt", Buffer.from("P*M\x18 is text"))).toEqual(["P*M\x18 is text"]);
});

test("the magic bytes decide where the name says something else", async () => {
  expect(await read("a.txt.gz", frames[0]!)).toEqual(["one\n\ntwo é"]);
});

test("rows in compressed files: the same as in plain ones", async () => {
  expect(await read("a.jsonl.gz", gzipSync(jsonl))).toEqual(["one", "two"]);
  expect(await read("a.csv.gz", gzipSync("id,body\n1,one\n2,two\n"), "body")).toEqual(["one", "two"]);
});

test("rows across many blocks of Zstandard", async () => {
  const source = new URL("../../fixtures/rows.jsonl.zst", import.meta.url).pathname;
  const { documents } = await loadCorpus({ source });
  const expected = Array.from({ length: 400 }, (_, row) => `row ${row}, ${"xyz ".repeat(1250)}`);
  expect(documents.map(({ text }) => text)).toEqual(expected);
});

test.each([
  ["gzip", "a.txt.gz", members],
  ["Zstandard", "a.txt.zst", frames],
] as const)(
  "truncated %s is named with the byte at which it ends, wherever that is",
  async (kind, name, parts) => {
    const whole = Buffer.concat(parts);
    for (let size = 0; size < whole.length; size++) {
      if (size === parts[0]!.length) continue; // a whole file, of the first part
      await expect(read(name, whole.subarray(0, size)), `${size} bytes`).rejects.toThrow(
        new RegExp(`DATA_COMPRESSED: .*${name} ends at byte ${size}, in the middle of its ${kind} data\n`),
      );
    }
  },
);

test("damaged gzip is refused, and so is what follows it", async () => {
  const flipped = gzipSync("one two three four".repeat(50));
  flipped[flipped.length - 6]! ^= 1;
  await expect(read("a.txt.gz", flipped)).rejects.toThrow(
    /DATA_COMPRESSED: .*a.txt.gz is damaged before byte \d+: incorrect data check\n.*\n.*gzip -t/,
  );
  const tail = Buffer.concat([members[0]!, Buffer.from("not gzip")]);
  await expect(read("a.txt.gz", tail)).rejects.toThrow(/DATA_COMPRESSED: .*incorrect header check/);
});

test("damaged Zstandard is refused", async () => {
  const broken = Buffer.from(frames[0]!);
  broken[6] = 0xff;
  await expect(read("a.txt.zst", broken)).rejects.toThrow(/DATA_COMPRESSED: .*a.txt.zst/);
});

test("a name that promises compression over plain text is refused, with the way out", async () => {
  await expect(read("a.txt.gz", Buffer.from("plain text"))).rejects.toThrow(
    /DATA_COMPRESSED: .*a.txt.gz does not begin as gzip data does\n.*\n.*take \.gz off its name/,
  );
});

test("offsets of bad bytes are those of the text, which is checked as ever", async () => {
  await expect(read("a.txt.gz", gzipSync(Buffer.of(0x61, 0, 1, 2)))).rejects.toThrow(
    /DATA_BINARY: .*offset 1/,
  );
  await expect(read("a.txt.gz", gzipSync(Buffer.from("caf\xe9!", "latin1")))).rejects.toThrow(
    /DATA_ENCODING: .*invalid byte at offset 3/,
  );
});

test("an archive of files is no text", async () => {
  const folder = tempFolder({ "a.tar.gz": members[0]!, "b.gz": members[0]! });
  await expect(loadCorpus({ source: folder })).rejects.toThrow(/DATA_NO_FILES: .*other files \(\.gz\)/);
});
