import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCorpus } from "../../../src/data/corpus.node.ts";
import { tempFolder } from "../temp-folder.ts";

const read = (content: string | Uint8Array, textKey?: string) =>
  loadCorpus({ source: join(tempFolder({ "a.csv": content }), "a.csv"), textKey });
const texts = async (...given: Parameters<typeof read>) =>
  (await read(...given)).documents.map(({ text }) => text);

test("each row is a document: quotes, commas, line breaks and quotes in quotes", async () => {
  const csv = '\ufeffid,text\r\n1,plain é\r\n2,"a, ""b""\nc"\r\n\r\n3,"😀"\r\n';
  expect(await texts(csv)).toEqual(["plain é", 'a, "b"\nc', "😀"]);
  expect((await read(csv)).documents.map(({ name }) => name.replace(/.*\//, ""))).toEqual([
    "a.csv:2",
    "a.csv:4",
    "a.csv:6",
  ]);
});

test("textKey names the column; a missing one is refused with those that are there", async () => {
  expect(await texts("title,body\nt,one\n,two\n", "body")).toEqual(["one", "two"]);
  await expect(read("title,body\nt,one\n")).rejects.toThrow(
    /DATA_CSV: .*a.csv: no column "text"; it has "title", "body"\n.*\n.*--text-key title/,
  );
  await expect(read("text,text\na,b\n")).rejects.toThrow(
    /DATA_CSV: .*a.csv:1: two columns are called "text"/,
  );
});

test("empty rows are counted; a file without rows is an empty one", async () => {
  const { documents, skipped } = await read("text,id\n,1\n  ,2\none,3\n");
  expect(documents.map(({ text }) => text)).toEqual(["one"]);
  expect(skipped).toMatchObject({ emptyRows: 2, emptyFiles: 0 });
  await expect(read("text,id\n")).rejects.toThrow(/DATA_EMPTY/);
  await expect(read("")).rejects.toThrow(/DATA_EMPTY/);
});

test("rows are read whole wherever the chunks of a file end", async () => {
  const expected = Array.from({ length: 40 }, (_, row) => `${row} "${"é".repeat(50_000 + row)}"`);
  const rows = expected.map((text) => `"${text.replaceAll('"', '""')}"`);
  expect(await texts(`text\n${rows.join("\n")}`)).toEqual(expected);
});

test("what is no CSV is named by its line", async () => {
  await expect(read('id,text\n1,fine\n2,"open\n3,x\n')).rejects.toThrow(
    /DATA_CSV: .*a.csv:\d+: Quote Not Closed/,
  );
  await expect(read("id,text\n1,fine\n2,too,many\n")).rejects.toThrow(
    /DATA_CSV: .*a.csv:3: Invalid Record Length/,
  );
  await expect(read(Buffer.from("text\ncaf\xe9\n", "latin1"))).rejects.toThrow(
    /DATA_ENCODING: .*a.csv is not UTF-8: invalid byte at offset 8/,
  );
  await expect(read(Buffer.from("\ufefftext\none\n", "utf16le"))).rejects.toThrow(
    /DATA_ENCODING: .*UTF-16LE/,
  );
});
