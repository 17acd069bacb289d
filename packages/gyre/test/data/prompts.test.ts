import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openCorpus } from "../../src/data/corpus.node.ts";
import { prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import type { Stretch } from "../../src/data/stretches.ts";
import { tempFolder } from "./temp-folder.ts";

const rows = Array.from({ length: 30 }, (_, at) => ({ ask: `${at} plus ${at}?`, answer: ` ${2 * at}.` }));
const jsonl = (all: readonly object[]) => all.map((row) => `${JSON.stringify(row)}\n`).join("");
const keys = { textKey: "answer", promptKey: "ask" };

async function stretchesOf(options: Parameters<typeof openCorpus>[0]): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for await (const { text, isLast, isPrompt = false } of (await openCorpus(options)).stretches())
    stretches.push({ text, isLast, isPrompt });
  return stretches;
}

const expected = rows.flatMap(({ ask, answer }) => [
  { text: ask, isLast: false, isPrompt: true },
  { text: answer, isLast: true, isPrompt: false },
]);

test.each([
  ["a.jsonl", jsonl(rows)],
  ["a.csv", `answer,ask\n${rows.map(({ ask, answer }) => `"${answer}","${ask}"\n`).join("")}`],
])("a row is its prompt and then its text: %s", async (name, content) => {
  const source = tempFolder({ [name]: content });
  expect(await stretchesOf({ source, ...keys })).toEqual(expected);
});

test("a row of Parquet, too; rows without a text have no prompt either", async () => {
  const source = fileURLToPath(new URL("../fixtures/parquet/zstd.parquet", import.meta.url));
  const stretches = await stretchesOf({ source, promptKey: "title" });
  expect(stretches.filter(({ isPrompt }) => isPrompt).map(({ text }) => text)).toEqual(Array(6).fill("same"));
  expect(stretches.filter(({ isLast }) => isLast)).toHaveLength(6);
  await expect(stretchesOf({ source, promptKey: "id" })).rejects.toThrow(
    /DATA_PARQUET: .* \(that of this name is INT64\)[\s\S]*--prompt-key text, in the library promptKey/,
  );
});

test("a field that is not there is named with its option, and text alone has no prompts", async () => {
  const source = tempFolder({ "a.jsonl": jsonl(rows) });
  await expect(stretchesOf({ source, textKey: "answer", promptKey: "question" })).rejects.toThrow(
    /DATA_JSONL: .*a\.jsonl:1: no string field "question"; it has "ask", "answer"[\s\S]*--prompt-key ask/,
  );
  for (const text of ["sotu", join(tempFolder({ "a.txt": "text" }), "a.txt")])
    await expect(openCorpus({ source: text, promptKey: "ask" })).rejects.toThrow(
      /DATA_OPTION: promptKey = "ask"/,
    );
});

test.each([
  ["bytes", "uint16"],
  ["gpt2", "uint32"],
] as const)("the files say which tokens are a prompt's, and read as text: %s", async (kind, dtype) => {
  const source = tempFolder({ "a.jsonl": jsonl(rows) });
  const root = tempFolder();
  const prepare = async (out: string, promptKey?: string) => {
    const documents = await openCorpus({ source, textKey: "answer", promptKey });
    return prepareDataset({ documents, source: "rows", tokenizer: { kind }, out: join(root, out) });
  };
  const { manifest } = await prepare("data", "ask");
  expect([manifest.hasPrompts, manifest.dtype]).toEqual([true, dtype]);
  const { tokenizer, train, validation } = await openDataset(join(root, "data"));
  const parts = rows.flatMap(({ ask, answer }) => {
    const [before, after] = [[...tokenizer.encode(ask)], [...tokenizer.encode(answer), tokenizer.endOfText]];
    return [...before.map((id) => ({ id, isScored: 0 })), ...after.map((id) => ({ id, isScored: 1 }))];
  });
  const splits = [train, validation];
  const all = splits.flatMap((split) => [...split.read(0, split.length)]);
  expect(all).toEqual(parts.map(({ id }) => id));
  const scored = splits.flatMap((split) => [...(split.scored?.(0, split.length) ?? [])]);
  expect(scored).toEqual(parts.map(({ isScored }) => isScored));
  // the same text without prompts is another dataset
  await expect(prepare("data")).rejects.toThrow(/DATA_EXISTS: .*its text is other text/);
  const plain = await prepare("plain");
  expect([plain.manifest.hasPrompts, plain.manifest.dtype]).toEqual([undefined, "uint16"]);
  expect((await openDataset(join(root, "plain"))).train.scored).toBeUndefined();
});
