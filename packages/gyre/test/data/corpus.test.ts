import { ftruncateSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCorpus } from "../../src/data/corpus.node.ts";
import { splitDocuments } from "../../src/data/split.ts";
import { tempFolder } from "./temp-folder.ts";

const read = (files: Record<string, string | Uint8Array>, name = "", textKey?: string) =>
  loadCorpus({ source: join(tempFolder(files), name), textKey });
const load = async (...given: Parameters<typeof read>) => (await read(...given)).documents;

test("sotu: no validation speech is older than the newest training speech, and a tenth is validation", async () => {
  const { documents } = await loadCorpus({ source: "sotu" });
  expect(documents.length).toBe(233);
  const { train, validation } = splitDocuments(documents);
  const years = (list: readonly { date?: string }[]) => list.map((document) => Number(document.date));
  expect(Math.min(...years(validation))).toBeGreaterThanOrEqual(Math.max(...years(train)));
  expect(validation.length / documents.length).toBeCloseTo(0.1, 2);
  expect(Math.min(...years(train))).toBe(1790);
  expect(Math.max(...years(validation))).toBe(2021);
  expect(documents[0]?.text).toMatch(/^Fellow-Citizens of the Senate/);
});

test("a file: text as it is, less a byte order mark", async () => {
  expect(await load({ "a.txt": "\ufeffone\r\ntwo é" }, "a.txt")).toMatchObject([{ text: "one\r\ntwo é" }]);
  expect(await load({ "A.MD": "# one \ufffd" }, "A.MD")).toMatchObject([{ text: "# one \ufffd" }]);
});

test("jsonl: one document a line, other fields and blank lines allowed", async () => {
  const documents = await load({ "a.jsonl": '{"text":"one","id":7}\n\n{"text":"two\\n"}\r\n' }, "a.jsonl");
  expect(documents.map((document) => document.text)).toEqual(["one", "two\n"]);
  expect(documents[1]?.name).toMatch(/a\.jsonl:3$/);
});

test("a folder: supported files at any depth in order of path; the rest is counted", async () => {
  const files = {
    "b.txt": "B",
    "a/z.md": "Z",
    "a/c.jsonl": '{"text":"C"}',
    "x.PNG": "X",
    "y.png": "Y",
    Makefile: "M",
    ".git/h.txt": "H",
  };
  const folder = tempFolder(files);
  symlinkSync(join(folder, "b.txt"), join(folder, "link.txt"));
  symlinkSync(join(folder, "gone.txt"), join(folder, "dangling.txt"));
  symlinkSync(tempFolder({ "secret.txt": "S" }), join(folder, "a", "elsewhere"));
  symlinkSync(folder, join(folder, "a", "round"));
  const { documents, skipped } = await loadCorpus({ source: folder });
  expect(documents).toEqual([
    { name: "a/c.jsonl:1", text: "C" },
    { name: "a/z.md", text: "Z" },
    { name: "b.txt", text: "B" },
  ]);
  const endings = new Map([
    [".png", 2],
    ["", 1],
  ]);
  expect(skipped).toEqual({ emptyFiles: 0, emptyRows: 0, links: 4, hidden: 1, endings });
});

test("a source that is itself a link is followed: somebody named it", async () => {
  const folder = tempFolder({ "to/a.txt": "A" });
  symlinkSync(join(folder, "to"), join(folder, "link"));
  symlinkSync(join(folder, "to", "a.txt"), join(folder, "link.txt"));
  expect((await loadCorpus({ source: join(folder, "link") })).documents).toHaveLength(1);
  expect((await loadCorpus({ source: join(folder, "link.txt") })).documents).toHaveLength(1);
});

test("empty files and rows are skipped and counted; a source that holds no text at all is refused", async () => {
  const jsonl = '{"text":"C"}\n{"text":" "}\n\n{"text":""}\n';
  const files = { "a.txt": "fine", "b.txt": " \n", "c.txt": "", "d.jsonl": "", "e.jsonl": jsonl };
  const { documents, skipped } = await read(files);
  expect(documents.map(({ name }) => name)).toEqual(["a.txt", "e.jsonl:1"]);
  expect(skipped).toMatchObject({ emptyFiles: 3, emptyRows: 2 });
  await expect(load({ "a.txt": " " }, "a.txt")).rejects.toThrow(/DATA_EMPTY: .*a.txt has no text/);
  await expect(load({ "a.jsonl": '{"text":" "}' }, "a.jsonl")).rejects.toThrow(/DATA_EMPTY: .*has no text/);
  await expect(load({ "a.txt": " ", "b.txt": "" })).rejects.toThrow(
    /DATA_EMPTY: .*: each of its 2 files has no text/,
  );
});

test("the text of a row is in the field that textKey names", async () => {
  const rows = '{"body":"one","title":"t"}\n{"body":"two"}';
  const texts = (await load({ "a.jsonl": rows }, "a.jsonl", "body")).map(({ text }) => text);
  expect(texts).toEqual(["one", "two"]);
  await expect(load({ "a.jsonl": rows })).rejects.toThrow(
    /DATA_JSONL: .*a.jsonl:1: no string field "text"; it has "body", "title"\n.*\n.*--text-key body/,
  );
  await expect(load({ "a.txt": "x" }, "a.txt", "body")).rejects.toThrow(/DATA_OPTION: textKey = "body"/);
  await expect(loadCorpus({ source: "sotu", textKey: "text" })).rejects.toThrow(/DATA_OPTION: textKey/);
});

test("rows are read whole wherever the chunks of a file end", async () => {
  const texts = Array.from({ length: 40 }, (_, row) => `${row} ${"é".repeat(50_000 + row)}`);
  const jsonl = `\ufeff${texts.map((text) => JSON.stringify({ text })).join("\n")}`;
  expect((await load({ "a.jsonl": jsonl })).map(({ text }) => text)).toEqual(texts);
});

test("a file too large for one document is refused before it is read", async () => {
  const folder = tempFolder();
  ftruncateSync(openSync(join(folder, "big.txt"), "w"), 600 * 2 ** 20);
  await expect(loadCorpus({ source: folder })).rejects.toThrow(
    /DATA_TOO_LARGE: .*big.txt: 600 MiB in one document\n.*at most 512 MiB a document\n.*split -C/,
  );
});

test("paths that cannot be used", async () => {
  await expect(load({}, "gone")).rejects.toThrow(/DATA_PATH: no readable file or folder at ".*gone"/);
  await expect(load({ "a.png": "x" })).rejects.toThrow(
    /DATA_NO_FILES: folder ".*" holds no supported file, only other files \(\.png\)/,
  );
  await expect(load({ "a.png": "x" }, "a.png")).rejects.toThrow(
    /DATA_FORMAT: file ".*a.png"\n.*".txt", ".md", ".jsonl", ".csv" or ".parquet", .* ".gz" or ".zst"/,
  );
});

test("text that cannot be used is named by its file, also within a folder", async () => {
  await expect(load({ "a.txt": Uint8Array.of(0x89, 0x50, 0, 1) })).rejects.toThrow(
    /DATA_BINARY: .*a.txt has a zero byte at offset 2/,
  );
  await expect(load({ "a.txt": Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x21) })).rejects.toThrow(
    /DATA_ENCODING: .*a.txt is not UTF-8: invalid byte at offset 3/,
  );
});

test.each([
  ["UTF-16LE", Buffer.from("\ufeffone two", "utf16le")],
  ["UTF-16LE", Buffer.from("one two", "utf16le")],
  ["UTF-16BE", Buffer.from("\ufeffone two", "utf16le").swap16()],
  ["UTF-16BE", Buffer.from("one two", "utf16le").swap16()],
  ["UTF-32LE", Buffer.of(0xff, 0xfe, 0, 0, 0x61, 0, 0, 0)],
  ["UTF-32BE", Buffer.of(0, 0, 0xfe, 0xff, 0, 0, 0, 0x61)],
])("%s is named, with the command that converts it", async (encoding, bytes) => {
  for (const name of ["a.txt", "a.jsonl"])
    await expect(load({ [name]: bytes })).rejects.toThrow(
      new RegExp(`DATA_ENCODING: .*${name} is ${encoding}, not UTF-8\n.*\n.*iconv -f ${encoding} -t UTF-8`),
    );
});

test("a bad jsonl line is named by file and line", async () => {
  const line = (text: string) => load({ "a.jsonl": `{"text":"fine"}\n${text}\n` }, "a.jsonl");
  await expect(line("{")).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: .*JSON/);
  await expect(line("[1]")).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: not a JSON object/);
  await expect(line('{"text":5}')).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: no string field "text"/);
  await expect(load({ "a.jsonl": Buffer.from('{"text":"a"}\n{"text":"\xe9"}', "latin1") })).rejects.toThrow(
    /DATA_ENCODING: .*a.jsonl is not UTF-8: invalid byte at offset 22/,
  );
});
