import { spawnSync } from "node:child_process";
import {
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { gyre, nodeWords } from "./cli.ts";

/** A folder with the given files, removed when the test ends. */
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), "gyre-prepare-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const text = "The cat sat on the mat, and the dog looked on.\n".repeat(40);

describe("what is no text does not stop a folder", () => {
  test("it is skipped, and counted in the summary", async () => {
    const cwd = folderWith({
      "notes/a.txt": text,
      "notes/empty.txt": "",
      "notes/rows.jsonl": '{"text":"a row"}\n{"text":""}\n',
      "notes/photo.png": Uint8Array.of(1, 0, 2),
      "notes/table.tsv": "a,b",
      "notes/more.tsv": "a,b",
      "notes/.cache/x.txt": "hidden",
      "elsewhere/private.txt": "not to be read",
    });
    symlinkSync(join(cwd, "elsewhere"), join(cwd, "notes", "link"));
    const { code, stdout, stderr } = await gyre(["prepare", "notes"], { cwd });
    expect(stderr).toMatch(/reading notes\nlearning a vocabulary\n/);
    expect(stdout).toContain(
      "skipped     1 empty file; 1 empty row; 1 symbolic link, not followed; 1 hidden; " +
        "3 other files (2 .tsv, 1 .png)\n",
    );
    expect(stderr).toMatch(/^note: the text yields a vocabulary of \d+ entries, not of the usual 4096$/m);
    expect(stdout).toMatch(/next: gyre train data\/notes/);
    expect(readFileSync(join(cwd, "data/notes/tokenizer.json"), "utf8")).not.toContain("read");
    expect(code).toBe(0);
  });

  test("a vocabulary that was asked for does not shrink", async () => {
    const cwd = folderWith({ "a.txt": text });
    const { code, stderr } = await gyre(["prepare", "a.txt", "--vocab", "4096"], { cwd });
    expect(stderr).toMatch(/DATA_VOCABULARY: vocabulary of 4096 entries; the training text yields only \d+/);
    expect(code).toBe(1);
  });
});

test("--text-key names the field of a row, and is refused where there are no rows", async () => {
  const cwd = folderWith({ "a.jsonl": `${JSON.stringify({ body: text })}\n`, "a.txt": text });
  const bytes = ["--tokenizer", "bytes"];
  expect((await gyre(["prepare", "a.jsonl", ...bytes], { cwd })).stderr).toMatch(
    /DATA_JSONL: a.jsonl:1: no string field "text"; it has "body"\n.*\n {2}fix: .*--text-key body/,
  );
  const { code, stdout } = await gyre(["prepare", "a.jsonl", ...bytes, "--text-key", "body"], { cwd });
  expect(stdout).not.toContain("skipped");
  expect(code).toBe(0);
  const refused = await gyre(["prepare", "a.txt", "b", ...bytes, "--text-key", "body"], { cwd });
  expect(refused.stderr).toMatch(/DATA_OPTION: textKey = "body"\n.*a file of rows/);
});

test.each([
  ["a file of 600 MB of zeros", "big.txt", /DATA_BINARY: big.txt has a zero byte at offset 0/],
  ["UTF-16, as Windows writes it", "wide.txt", /DATA_ENCODING: wide.txt is UTF-16LE[\s\S]*iconv -f UTF-16LE/],
])("%s is refused in plain words", async (_, name, message) => {
  const cwd = folderWith({ "wide.txt": Buffer.from(`\ufeff${text}`, "utf16le") });
  ftruncateSync(openSync(join(cwd, "big.txt"), "w"), 600 * 2 ** 20);
  const { code, stdout, stderr } = await gyre(["prepare", name], { cwd });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe("");
  expect(code).toBe(1);
});

describe("prepare again", () => {
  test("the same text and options are already prepared: what was trained on them can still be measured", async () => {
    const cwd = folderWith({ "notes.txt": text });
    const words = ["prepare", "notes.txt", "data/notes"];
    expect((await gyre(words, { cwd })).code).toBe(0);
    const size = ["--width", "16", "--heads", "2", "--mlp", "32", "--context", "16", "--loops", "2"];
    const trained = await gyre(["train", "data/notes", "--out", "run", "--steps", "1", ...size], { cwd });
    expect(trained.code).toBe(0);
    const again = await gyre(words, { cwd });
    expect(again.stdout).toMatch(/^data\/notes is already prepared: the same text, the same options\n/);
    expect(again.stdout).toContain("next: gyre train data/notes");
    expect(again.code).toBe(0);
    expect((await gyre(["eval", "run"], { cwd })).code).toBe(0);
  });

  test("other text or options are refused with a choice, and nothing changes", async () => {
    const cwd = folderWith({ "notes.txt": text });
    const words = ["prepare", "notes.txt", "data/notes", "--tokenizer", "bytes"];
    expect((await gyre(words, { cwd })).code).toBe(0);
    const before = readFileSync(join(cwd, "data/notes/validation.bin"));
    writeFileSync(join(cwd, "notes.txt"), `${text}More.`);
    const refused = await gyre([...words, "--validation", "0.2"], { cwd });
    expect(refused.stderr).toMatch(
      /DATA_EXISTS: ".*notes" holds another dataset: its text is other text; its validation part is 0.1, not 0.2\n/,
    );
    expect(refused.stderr).toMatch(/fix: choose another path; or replace the dataset \(--overwrite/);
    expect(refused.code).toBe(1);
    expect(readFileSync(join(cwd, "data/notes/validation.bin"))).toEqual(before);
    expect((await gyre([...words, "--overwrite"], { cwd })).code).toBe(0);
    expect(readFileSync(join(cwd, "data/notes/validation.bin"))).not.toEqual(before);
  });
});

describe("a place that cannot be written to is an error in plain words, and nothing is left", () => {
  test.each([
    ["below a file", "a.txt/data", /DATA_WRITE: ".*a.txt\/data" cannot be written: ENOTDIR/],
    ["a file", "a.txt", /DATA_EXISTS: ".*a.txt" exists already/],
    ["a device", "/dev/full/data", /DATA_WRITE: "\/dev\/full\/data" cannot be written: ENOTDIR/],
    ["a folder of the system", "/proc/gyre/data", /DATA_WRITE: "\/proc\/gyre\/data" cannot be written: E/],
    ["a name too long", "n".repeat(300), /DATA_WRITE: ".*nnn" cannot be written: ENAMETOOLONG/],
  ])("%s", async (_, out, message) => {
    const cwd = folderWith({ "a.txt": text });
    const { code, stdout, stderr } = await gyre(["prepare", "a.txt", out, "--tokenizer", "bytes"], { cwd });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(code).toBe(1);
    expect(readdirSync(cwd)).toEqual(["a.txt"]);
  });

  test.each(["bytes", "bpe"])("no room for the tokens (%s)", async (tokenizer) => {
    const cwd = folderWith({ "a.txt": text.repeat(50) });
    // a limit on the size of files stands for a disk that fills; pipes have none
    const limited = [
      "-c",
      'ulimit -f 8; "$@"',
      "bash",
      process.execPath,
      ...nodeWords(["prepare", "a.txt", "out"]),
    ];
    const { status, stderr } = spawnSync("bash", [...limited, "--tokenizer", tokenizer], {
      cwd,
      encoding: "utf8",
    });
    expect(stderr).toMatch(/DATA_WRITE: ".*" cannot be written: EFBIG: file too large/);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status).toBe(1);
    expect(readdirSync(cwd)).toEqual(["a.txt"]);
  });
});

describe("an interrupted prepare leaves nothing", () => {
  const many = Array.from({ length: 3000 }, (_, row) => JSON.stringify({ text: `${row} ${text}` })).join(
    "\n",
  );

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("by %s", async (name) => {
    const cwd = folderWith({ "a.jsonl": many, "tmp/x": "" });
    const isLearning = () => existsSync(join(cwd, "out.partial"));
    const words = ["prepare", "a.jsonl", "out"];
    const env = { TMPDIR: join(cwd, "tmp") };
    const { code, stdout, stderr } = await gyre(words, { cwd, env, interruptAt: isLearning, signal: name });
    expect(stderr).toMatch(/stopped; nothing was written/);
    expect(stdout).toBe("");
    expect(code).toBe(130);
    expect(readdirSync(cwd).sort()).toEqual(["a.jsonl", "tmp"]);
    expect(readdirSync(join(cwd, "tmp")).filter((entry) => entry.startsWith("gyre"))).toEqual([]);
  });

  test("by kill -9: the next one deletes what is left", async () => {
    const cwd = folderWith({ "a.jsonl": many });
    const isLearning = () => existsSync(join(cwd, "out.partial", "learning"));
    await gyre(["prepare", "a.jsonl", "out"], { cwd, interruptAt: isLearning, signal: "SIGKILL" });
    expect(readdirSync(cwd).sort()).toEqual(["a.jsonl", "out.partial"]);
    const { code } = await gyre(["prepare", "a.jsonl", "out", "--tokenizer", "bytes"], { cwd });
    expect(code).toBe(0);
    expect(readdirSync(cwd).sort()).toEqual(["a.jsonl", "out"]);
  });

  describe("while it encodes: the same command goes on, to the same bytes", () => {
    const large = `${JSON.stringify({ text: text.repeat(30) })}\n`.repeat(180);
    const words = ["prepare", "a.jsonl", "out", "--tokenizer", "bytes"];
    const isEncoding = (cwd: string) => {
      const journal = join(cwd, "out.partial", "journal.json");
      return existsSync(journal) && readFileSync(journal, "utf8").includes('"train"');
    };
    const bytesOf = (cwd: string, out: string) =>
      ["manifest.json", "train.bin", "validation.bin"].map((name) =>
        readFileSync(join(cwd, out, name)).toString("base64"),
      );

    test.each(["SIGINT", "SIGKILL"] as const)("by %s", async (signal) => {
      const cwd = folderWith({ "a.jsonl": large });
      const stopped = await gyre(words, { cwd, interruptAt: () => isEncoding(cwd), signal });
      expect(readdirSync(cwd).sort()).toEqual(["a.jsonl", "out.partial"]);
      if (signal === "SIGINT") {
        expect(stopped.stderr).toMatch(
          /stopped; out.partial keeps what is encoded, and the same command continues/,
        );
        expect(stopped.code).toBe(130);
        expect((await gyre([...words, "--validation", "0.3"], { cwd })).stderr).toMatch(/DATA_UNFINISHED/);
      }
      expect((await gyre(words, { cwd })).code).toBe(0);
      expect((await gyre(["prepare", "a.jsonl", "whole", "--tokenizer", "bytes"], { cwd })).code).toBe(0);
      expect(bytesOf(cwd, "out")).toEqual(bytesOf(cwd, "whole"));
      expect(readdirSync(cwd).sort()).toEqual(["a.jsonl", "out", "whole"]);
    });
  });

  test("a folder of one's own at OUT.partial, or one that another process fills, stays", async () => {
    const cwd = folderWith({ "a.txt": text, "out.partial/thesis.txt": "precious" });
    const words = ["prepare", "a.txt", "out", "--tokenizer", "bytes"];
    expect((await gyre(words, { cwd })).stderr).toMatch(/DATA_EXISTS: ".*out.partial" exists already/);
    expect(readFileSync(join(cwd, "out.partial/thesis.txt"), "utf8")).toBe("precious");
    rmSync(join(cwd, "out.partial"), { recursive: true });
    mkdirSync(join(cwd, "out.partial"));
    writeFileSync(join(cwd, "out.partial/owner"), String(process.pid));
    const busy = await gyre(words, { cwd });
    expect(busy.stderr).toMatch(/DATA_BUSY: process \d+ is filling ".*out.partial"/);
    expect(busy.code).toBe(1);
  });
});

test("the first commands of help, README and quickstart prepare one and the same dataset", async () => {
  const root = new URL("../../../", import.meta.url);
  const places = ["README.md", "packages/cli/README.md", "packages/cli/src/program.ts"];
  for (const place of places)
    expect(readFileSync(new URL(place, root), "utf8")).toContain("gyre prepare sotu data/sotu --vocab 2048");
  const quickstart = readFileSync(new URL("scripts/quickstart.mjs", root), "utf8");
  expect(quickstart).toContain('"sotu", data, "--vocab", "2048"');
});
