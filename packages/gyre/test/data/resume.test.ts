import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Document } from "../../src/data/document.ts";
import { type PrepareOptions, type PrepareProgress, prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import { stretchesOf } from "../../src/data/stretches.ts";
import { tempFolder } from "./temp-folder.ts";

/** Three million units of text, in shards of a million bytes. */
const documents: Document[] = Array.from({ length: 60 }, (_, index) => ({
  name: `${index}`,
  text: `${index} says: ${"the cat sat on the mat. ".repeat(2100)}`,
}));

const options = (out: string): PrepareOptions => ({
  documents,
  source: "made up",
  tokenizer: { kind: "bytes" },
  shardBytes: 1_000_001,
  out,
});

const filesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString("base64")]),
  );

/** Prepares until a share of the text is encoded, and stops as Ctrl-C does. */
async function stopAt(share: number, given: PrepareOptions): Promise<void> {
  const controller = new AbortController();
  const onProgress = (progress: PrepareProgress) => {
    if (progress.phase === "encoding" && progress.done >= share * progress.total) controller.abort();
  };
  await expect(prepareDataset({ ...given, signal: controller.signal, onProgress })).rejects.toThrow(/abort/i);
}

/** What was encoded when the second process began to count, as a share of the whole. */
async function goOn(given: PrepareOptions): Promise<number> {
  let first: number | undefined;
  await prepareDataset({
    ...given,
    onProgress(progress) {
      if (progress.phase === "encoding") first ??= progress.done / progress.total;
    },
  });
  return first ?? 0;
}

test.each([0.001, 0.3, 0.95])(
  "what is stopped at %s goes on from there, to the same bytes",
  async (share) => {
    const root = tempFolder();
    const [whole, out] = [join(root, "whole"), join(root, "out")];
    await prepareDataset(options(whole));
    await stopAt(share, options(out));
    expect(readdirSync(root).sort()).toEqual(["out.partial", "whole"]);
    const from = await goOn(options(out));
    if (share < 0.9) expect(from).toBeGreaterThanOrEqual(share);
    expect(filesOf(out)).toEqual(filesOf(whole));
    expect(readdirSync(root).sort()).toEqual(["out", "whole"]);
  },
);

test("a mixture that is stopped goes on to the same bytes", async () => {
  const root = tempFolder();
  const sources = [
    { name: "a", weight: 0.7, documents: stretchesOf(documents.slice(0, 30)) },
    { name: "b", weight: 0.3, documents: stretchesOf(documents.slice(30)) },
  ];
  const mixed = (out: string) => ({ ...options(join(root, out)), documents: { sources, seed: 3 } });
  await prepareDataset(mixed("whole"));
  await stopAt(0.3, mixed("out"));
  expect(await goOn(mixed("out"))).toBeGreaterThanOrEqual(0.3);
  expect(filesOf(join(root, "out"))).toEqual(filesOf(join(root, "whole")));
});

test("a learned tokenizer is kept, also by a process that is stopped in turn", async () => {
  const root = tempFolder();
  const [whole, out] = [join(root, "whole"), join(root, "out")];
  const small = documents.map(({ name, text }) => ({ name, text: text.slice(0, 4000) }));
  const with4k = (folder: string): PrepareOptions => ({
    ...options(folder),
    documents: small,
    tokenizer: { kind: "bpe", vocab: 270 },
  });
  await prepareDataset(with4k(whole));
  await stopAt(0.2, with4k(out));
  const json = readFileSync(join(`${out}.partial`, "tokenizer.json"), "utf8");
  await stopAt(0.6, with4k(out));
  expect(await goOn(with4k(out))).toBeGreaterThan(0.5);
  expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toBe(json);
  expect(filesOf(out)).toEqual(filesOf(whole));
});

test("what a killed process wrote after its last entry in the journal is written anew", async () => {
  const root = tempFolder();
  const [whole, out] = [join(root, "whole"), join(root, "out")];
  await prepareDataset(options(whole));
  await stopAt(0.5, options(out));
  const draft = `${out}.partial`;
  const open = readdirSync(draft)
    .filter((name) => name.startsWith("train"))
    .sort()
    .at(-1)!;
  appendFileSync(join(draft, open), "half a token");
  writeFileSync(join(draft, "owner"), "999999999");
  expect(await goOn(options(out))).toBeGreaterThanOrEqual(0.5);
  expect(filesOf(out)).toEqual(filesOf(whole));
});

test("other text or options are refused in words; with overwrite they begin anew", async () => {
  const out = join(tempFolder(), "out");
  await stopAt(0.3, options(out));
  const other = { ...options(out), documents: documents.slice(1), validationFraction: 0.2 };
  await expect(prepareDataset(other)).rejects.toThrow(
    /DATA_UNFINISHED: ".*out.partial" is an unfinished dataset: its text is other text; its validation part is 0.1, not 0.2\n.*\n.*--overwrite/,
  );
  await expect(prepareDataset({ ...options(out), tokenizer: { kind: "gpt2" } })).rejects.toThrow(
    /DATA_UNFINISHED: .*its tokenizer is another/,
  );
  expect(existsSync(join(`${out}.partial`, "journal.json"))).toBe(true);
  expect(await goOn({ ...other, overwrite: true })).toBeLessThan(0.1);
  expect((await openDataset(out)).manifest.validationFraction).toBe(0.2);
});

test("files that are not as the journal says are never gone on from", async () => {
  const out = join(tempFolder(), "out");
  await stopAt(0.3, options(out));
  truncateSync(join(`${out}.partial`, "train-0000.bin"), 1000);
  await expect(prepareDataset(options(out))).rejects.toThrow(/DATA_UNFINISHED: .*not what its journal says/);
  expect(existsSync(`${out}.partial`)).toBe(false);
  await prepareDataset(options(out));
});

test("a dataset outlives a crash at any point of its replacement", async () => {
  const root = tempFolder();
  const out = join(root, "out");
  const [first, second] = [
    { ...options(out), documents: documents.slice(0, 20) },
    { ...options(out), documents: documents.slice(20, 40), overwrite: true },
  ];
  await prepareDataset(first);
  const before = filesOf(out);
  // killed between the two renames: the old one is aside, and the new one has not come
  renameSync(out, join(root, "out.replaced"));
  expect((await prepareDataset(first)).isNew).toBe(false);
  expect(filesOf(out)).toEqual(before);
  // killed before the old one was deleted
  cpSync(out, join(root, "out.replaced"), { recursive: true });
  await prepareDataset(second);
  expect(filesOf(out)).not.toEqual(before);
  expect(readdirSync(root)).toEqual(["out"]);
  // a folder of somebody's own of that name is neither deleted nor written to
  mkdirSync(join(root, "out.replaced"));
  writeFileSync(join(root, "out.replaced", "thesis.txt"), "precious");
  const now = filesOf(out);
  await expect(prepareDataset({ ...first, overwrite: true })).rejects.toThrow(/DATA_WRITE: .*ENOTEMPTY/);
  expect(readFileSync(join(root, "out.replaced", "thesis.txt"), "utf8")).toBe("precious");
  expect(filesOf(out)).toEqual(now);
});
