import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { subjectAndBody } from "../../src/data/labelled/mails.node.ts";
import { naiveBayes, shareRight, wordsOf } from "../../src/data/labelled/naive-bayes.ts";
import { prepareTexts } from "../../src/data/labelled/prepare.node.ts";
import { readLabelled } from "../../src/data/labelled/read.node.ts";
import { tempFolder } from "./temp-folder.ts";

const read = (files: Record<string, string | Uint8Array>, name = "") =>
  readLabelled(join(tempFolder(files), name));

describe("reading labelled texts", () => {
  test("spam-assassin: 6,046 mails, of which subject and body are read, and no other header", async () => {
    const { texts, test: own, empty } = await readLabelled("spam-assassin");
    const of = (name: string) => texts.filter((text) => text.class === name).length;
    expect([texts.length, of("ham"), of("spam"), empty, own]).toEqual([6046, 4150, 1896, 0, undefined]);
    expect(texts[0]?.text).toMatch(/^Re: New Sequences Window\n\n/);
    expect(texts.filter(({ text }) => /^(Delivered-To|Return-Path):/.test(text))).toEqual([]);
  });

  test("a mail: the subject in one line, and what follows the headers", () => {
    const head = "From: a@b\r\nSubject: one\r\n\ttwo\r\nTo: c@d";
    expect(subjectAndBody(`${head}\r\n\r\nfirst\r\n\r\nlast\r\n`)).toBe("one two\n\nfirst\n\nlast\n");
    expect(subjectAndBody("From: a\nSUBJECT:  up \nX: y\n\nSubject: no")).toBe("up\n\nSubject: no");
    expect(subjectAndBody("Subject: alone")).toBe("alone\n\n");
  });

  test("a .csv as AG News is published: class, title, description; classes.txt names the numbers", async () => {
    const rows = '"3","Oil, again","He said ""no"""\n"1","",""\n"1","War","a\nb"\n';
    const named = { "a.csv": rows, "classes.txt": "World\nSports\nBusiness\n" };
    expect(await read(named, "a.csv")).toEqual({
      texts: [
        { class: "Business", text: 'Oil, again\nHe said "no"' },
        { class: "World", text: "War\na\nb" },
      ],
      empty: 1,
    });
    const headed = `Class Index,Title,Description\n${rows}`;
    expect((await read({ "a.csv": headed }, "a.csv")).texts.map((text) => text.class)).toEqual(["3", "1"]);
  });

  test("a folder with train.csv and test.csv: the test part is its own", async () => {
    const files = { "train.csv": "a,one\nb,two\n", "test.csv": "a,three\nb,\n" };
    expect(await read(files)).toEqual({
      texts: [
        { class: "a", text: "one" },
        { class: "b", text: "two" },
      ],
      test: [{ class: "a", text: "three" }],
      empty: 1,
    });
  });

  test("folders as IMDB is published: a folder of .txt for each class, in two parts; texts without a class are left out", async () => {
    const files = {
      "train/pos/10_9.txt": "good",
      "train/neg/0_2.txt": "bad \u00e9",
      "train/unsup/0_0.txt": "who knows",
      "train/labeledBow.feat": "9 0:9",
      "test/pos/0_10.txt": "great",
      "test/neg/1_1.txt": " \n",
      "test/neg/1_1.feat": "x",
    };
    expect(await read(files)).toEqual({
      texts: [
        { class: "neg", text: "bad \u00e9" },
        { class: "pos", text: "good" },
      ],
      test: [{ class: "pos", text: "great" }],
      empty: 1,
    });
    expect((await read(files, "train")).test).toBe(undefined);
  });

  test.each([
    ["nothing", {}, "gone", "DATA_PATH", "gone"],
    ["a folder without classes", { "a.txt": "x" }, "", "DATA_CLASSES", "no folder with .txt files"],
    ["one column", { "a.csv": "a\nb\n" }, "a.csv", "DATA_CSV", "one column"],
    ["no class", { "a.csv": "a,x\n,y\n" }, "a.csv", "DATA_CSV", ":2: no class"],
    [
      "a class that classes.txt has not",
      { "a.csv": "1,x\n3,y\n", "classes.txt": "A\nB\n" },
      "a.csv",
      "DATA_CSV",
      ':2: the class "3", where classes.txt has 2',
    ],
    ["rows of several lengths", { "a.csv": "a,x\nb,y,z\n" }, "a.csv", "DATA_CSV", ":2"],
    ["no rows", { "a.csv": "" }, "a.csv", "DATA_CLASSES", "no rows"],
    ["Latin-1 in a folder", { "p/a.txt": Uint8Array.of(0x63, 0xe9) }, "", "DATA_ENCODING", "offset 1"],
    [
      "Latin-1 in a .csv",
      { "a.csv": Uint8Array.of(0x61, 0x2c, 0xe9, 10) },
      "a.csv",
      "DATA_ENCODING",
      "offset 2",
    ],
  ] as const)("%s is refused", async (_, files, name, code, given) => {
    await expect(read(files, name)).rejects.toMatchObject({
      code,
      detail: { given: expect.stringContaining(given) },
    });
  });
});

describe("naive Bayes", () => {
  const texts = [
    { class: "ham", text: "meet at noon" },
    { class: "ham", text: "noon, noon!" },
    { class: "spam", text: "Cash now" },
  ];

  test("words are letters and digits, in lower case", () => {
    expect(wordsOf("It's 5 o'clock, \u00c9mile_x!")).toEqual([
      "it",
      "s",
      "5",
      "o",
      "clock",
      "\u00e9mile",
      "x",
    ]);
  });

  test("the class of the larger product of shares, one added to each count", () => {
    const classOf = naiveBayes(texts);
    // ham 2/3, 5 words; spam 1/3, 2 words; 5 different ones
    expect(classOf("cash")).toBe("spam"); // 1/3 x 2/7 = 0.095 over 2/3 x 1/10 = 0.067
    expect(classOf("cash noon")).toBe("ham"); // 2/3 x 1/10 x 4/10 = 0.027 over 1/3 x 2/7 x 1/7 = 0.014
    expect(classOf("unheard of")).toBe("ham"); // the commoner class
    expect(shareRight(texts, classOf)).toBe(1);
  });
});

describe("preparing labelled texts", () => {
  const many = Array.from({ length: 80 }, (_, at) => ({
    class: at % 2 ? "odd" : "even",
    text: `the number ${at} of them`,
  }));
  const bytes = { kind: "bytes" } as const;
  const prepare = (texts: Parameters<typeof prepareTexts>[0]["texts"], more: object = {}) => {
    const out = join(tempFolder({}), "out");
    const options = { texts, source: "here", tokenizer: bytes, context: 16, out, ...more };
    return { out, made: prepareTexts(options) };
  };
  const linesOf = (path: string) =>
    readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { tokens: number[]; class: number });

  test("an eighth is held out by a hash of the text, so that no text is on both sides", async () => {
    const { out, made } = prepare({ texts: [...many, ...many], empty: 3 });
    const manifest = await made;
    expect(manifest.train.texts + manifest.heldOut.texts).toBe(160);
    expect(manifest).toMatchObject({ classes: ["even", "odd"], context: 16, empty: 3 });
    expect(manifest.heldOut.texts).toBeGreaterThan(5);
    const keys = (name: string) =>
      linesOf(join(out, name)).map((line) => String.fromCharCode(...line.tokens));
    const train = keys("train.jsonl");
    expect(keys("held-out.jsonl").filter((text) => train.includes(text))).toEqual([]);
  });

  test("the beginning of a long text is kept, and one token less than the context", async () => {
    const { out, made } = prepare({ texts: many, test: [{ class: "odd", text: "short" }], empty: 0 });
    const { train, heldOut, baselines } = await made;
    expect([train.texts, train.cut, heldOut.texts, heldOut.cut]).toEqual([80, 80, 1, 0]);
    const [first] = linesOf(join(out, "train.jsonl"));
    expect(Buffer.from(first?.tokens ?? []).toString()).toBe("the number 0 of");
    expect(linesOf(join(out, "held-out.jsonl"))).toEqual([{ tokens: [...Buffer.from("short")], class: 1 }]);
    expect(baselines.map(({ name }) => name)).toEqual([
      "always even",
      "naive Bayes, whole texts",
      "naive Bayes, what the model reads",
    ]);
  });

  test("a vocabulary is learned from the training texts alone", async () => {
    const strange = "\u4e16\u754c".repeat(40);
    const { out, made } = prepare(
      { texts: many, test: [{ class: "odd", text: strange }], empty: 0 },
      { tokenizer: { kind: "bpe", vocab: 300 } },
    );
    await made;
    const vocabulary = Object.keys(JSON.parse(readFileSync(join(out, "tokenizer.json"), "utf8")).model.vocab);
    expect(vocabulary).toContain("\u0120number");
    expect(linesOf(join(out, "held-out.jsonl"))[0]?.tokens.every((token) => token < 256)).toBe(true);
  });

  const one = many.filter((text) => text.class === "odd");
  test.each([
    ["one class", { texts: one, empty: 0 }, {}, "DATA_CLASSES", "the class odd alone"],
    ["no texts", { texts: [], empty: 0 }, {}, "DATA_CLASSES", "the class of no text alone"],
    [
      "a class that is held out alone",
      { texts: many, test: [{ class: "new", text: "x" }], empty: 0 },
      {},
      "DATA_CLASSES",
      '"new", which no training text has',
    ],
    [
      "nothing held out",
      { texts: many, test: [], empty: 0 },
      {},
      "DATA_CLASSES",
      "of which none is held out",
    ],
    ["no room", { texts: many, empty: 0 }, { context: 1 }, "DATA_OPTION", "context"],
  ] as const)("%s is refused, and nothing is written", async (_, texts, more, code, given) => {
    const { out, made } = prepare(texts, more);
    await expect(made).rejects.toMatchObject({ code, detail: { given: expect.stringContaining(given) } });
    expect(readdirSync(join(out, ".."))).toEqual([]);
  });

  test("only labelled texts are replaced, and only when asked", async () => {
    const { out, made } = prepare({ texts: many, empty: 0 });
    await made;
    const again = (overwrite: boolean, context = 8) =>
      prepareTexts({
        texts: { texts: many, empty: 0 },
        source: "x",
        tokenizer: bytes,
        context,
        out,
        overwrite,
      });
    await expect(again(false)).rejects.toMatchObject({ code: "DATA_EXISTS" });
    expect((await again(true)).context).toBe(8);
    writeFileSync(join(out, "mine.txt"), "mine");
    await expect(again(true)).rejects.toMatchObject({ code: "DATA_EXISTS" });
    expect(readFileSync(join(out, "mine.txt"), "utf8")).toBe("mine");
    const other = join(tempFolder({}), "other");
    mkdirSync(other);
    writeFileSync(join(other, "manifest.json"), "{}");
    await expect(
      prepareTexts({
        texts: { texts: many, empty: 0 },
        source: "x",
        tokenizer: bytes,
        context: 8,
        out: other,
        overwrite: true,
      }),
    ).rejects.toMatchObject({ code: "DATA_EXISTS" });
  });
});
