import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCorpus } from "../../src/data/corpus.node.ts";
import { splitDocuments } from "../../src/data/document.ts";
import { tempFolder } from "./temp-folder.ts";

const load = (files: Record<string, string | Uint8Array>, name = "") =>
  loadCorpus({ source: join(tempFolder(files), name) });

test("sotu: no validation speech is older than the newest training speech, and a tenth is validation", async () => {
  const documents = await loadCorpus({ source: "sotu" });
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

test("a folder: supported files at any depth in order of path, hidden and other ones skipped", async () => {
  const files = { "b.txt": "B", "a/z.md": "Z", "a/c.jsonl": '{"text":"C"}', "x.png": "X", ".git/h.txt": "H" };
  const folder = tempFolder(files);
  symlinkSync(join(folder, "b.txt"), join(folder, "link.txt"));
  symlinkSync(join(folder, "gone.txt"), join(folder, "dangling.txt"));
  expect(await loadCorpus({ source: folder })).toEqual([
    { name: "a/c.jsonl:1", text: "C" },
    { name: "a/z.md", text: "Z" },
    { name: "b.txt", text: "B" },
    { name: "link.txt", text: "B" },
  ]);
});

test("paths that cannot be used", async () => {
  await expect(load({}, "gone")).rejects.toThrow(/DATA_PATH: no readable file or folder at ".*gone"/);
  await expect(load({ "a.png": "x" })).rejects.toThrow(/DATA_NO_FILES: folder ".*" holds no supported file/);
  await expect(load({ "a.csv": "x" }, "a.csv")).rejects.toThrow(
    /DATA_FORMAT: file ".*a.csv"\n.*".txt", ".md" or ".jsonl"/,
  );
});

test("text that cannot be used is named by its file, also within a folder", async () => {
  await expect(load({ "a.txt": "fine", "b.txt": " \n" })).rejects.toThrow(/DATA_EMPTY: .*b.txt has no text/);
  await expect(load({ "a.txt": "" }, "a.txt")).rejects.toThrow(/DATA_EMPTY: .*a.txt has no text/);
  await expect(load({ "a.txt": Uint8Array.of(0x89, 0x50, 0, 1) })).rejects.toThrow(
    /DATA_BINARY: .*a.txt has a zero byte at offset 2/,
  );
  await expect(load({ "a.txt": Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x21) })).rejects.toThrow(
    /DATA_ENCODING: .*a.txt is not UTF-8: invalid byte at offset 3/,
  );
  await expect(load({ "a.txt": Uint8Array.of(0xff, 0xfe, 0x63, 0) })).rejects.toThrow(
    /DATA_ENCODING: .*offset 0/,
  );
});

test("a bad jsonl line is named by file and line", async () => {
  const line = (text: string) => load({ "a.jsonl": `{"text":"fine"}\n${text}\n` }, "a.jsonl");
  await expect(line("{")).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: .*JSON/);
  await expect(line("[1]")).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: not a JSON object/);
  await expect(line('{"text":5}')).rejects.toThrow(/DATA_JSONL: .*a.jsonl:2: no string field "text"/);
  await expect(line('{"text":" "}')).rejects.toThrow(/DATA_EMPTY: .*a.jsonl:2 has no text/);
});
