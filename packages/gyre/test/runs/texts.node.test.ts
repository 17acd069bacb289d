import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareTexts } from "../../src/data/labelled/prepare.node.ts";
import { holdsTexts, openTexts } from "../../src/runs/texts.node.ts";
import { heldOutProblems } from "../../src/tasks/tokens/grading.ts";
import { formsOf } from "../../src/tasks/tokens/index.ts";
import { problemText } from "../../src/tasks/tokens/show.ts";
import { tempFolder } from "../data/temp-folder.ts";

const texts = Array.from({ length: 60 }, (_, at) => ({ class: at % 3 ? "b" : "a", text: `n${at}` }));
const heldOut = Array.from({ length: 20 }, (_, at) => ({ class: at % 2 ? "b" : "a", text: `held ${at}` }));
const prepare = (folder: string) =>
  prepareTexts({
    texts: { texts, test: heldOut, empty: 0 },
    source: "here",
    tokenizer: { kind: "bytes" },
    context: 10,
    out: folder,
  });
/** The texts in a folder that is removed when the test ends. */
async function prepared() {
  const out = join(tempFolder(), "texts");
  await prepare(out);
  return await openTexts(out);
}

test("a row is a text and end of text, at which its class is predicted, and nothing else", async () => {
  const { task, manifest } = await prepared();
  expect(manifest.classes).toEqual(["a", "b"]);
  expect(task).toMatchObject({ name: "classify", variant: "here", answer: "read", heldOut: 20 });
  expect(task.vocabulary.length).toBe(257 + 2);
  const batch = task.draw({ seed: 1, stream: "train 0", batch: 32 });
  expect(batch.length).toBe(10);
  for (let row = 0; row < 32; row++) {
    const tokens = [...batch.tokens.subarray(10 * row, 10 * row + 10)];
    const targets = [...batch.targets.subarray(10 * row, 10 * row + 10)];
    const at = tokens.indexOf(256);
    const name = String.fromCharCode(...tokens.slice(0, at));
    const own = texts.find(({ text }) => text === name);
    expect(own).toBeDefined();
    expect(targets).toEqual(
      targets.map((_, place) => (place === at ? (own?.class === "a" ? 257 : 258) : -1)),
    );
    expect(tokens.slice(at + 1)).toEqual(tokens.slice(at + 1).map(() => 0));
  }
  const again = task.draw({ seed: 1, stream: "train 0", batch: 8, first: 24 });
  expect(again.tokens).toEqual(batch.tokens.subarray(240));
});

test("each held-out text comes once, in an order of its own for each seed, and no more than there are", async () => {
  const { task } = await prepared();
  const asked = (seed: number, count: number) =>
    heldOutProblems(task, { seed, count }).map(({ tokens }) => String.fromCharCode(...Array.from(tokens)));
  const first = asked(1, 20);
  expect(new Set(first).size).toBe(20);
  expect(first.every((text) => text.startsWith("held "))).toBe(true);
  expect(asked(1, 5)).toEqual(first.slice(0, 5));
  expect(asked(2, 20)).not.toEqual(first);
  expect([...asked(2, 20)].sort()).toEqual([...first].sort());
  expect(() => asked(1, 21)).toThrow(expect.objectContaining({ code: "TASK_DRAW" }));
  expect(() => task.draw({ seed: 1, stream: "x", batch: 1, difficulty: 2 })).toThrow(
    expect.objectContaining({ code: "TASK_DRAW" }),
  );
});

test("an answer is the class", async () => {
  const { task } = await prepared();
  const [problem] = heldOutProblems(task, { seed: 1, count: 1 });
  if (!problem) throw new Error("no problem");
  const right = problem.targets[problem.targets.length - 1] as number;
  expect([task.grade(problem, [right]), task.grade(problem, [515 - right]), task.grade(problem, [])]).toEqual(
    [true, false, false],
  );
  expect(problemText(task, problem)).toMatch(/\n> +[ab]$/);
});

test("a folder that is none, or is damaged, is named", async () => {
  const folder = join(tempFolder(), "texts");
  expect(await holdsTexts(folder)).toBe(false);
  await expect(openTexts(folder)).rejects.toMatchObject({ code: "DATA_MISSING" });
  await prepare(folder);
  expect(await holdsTexts(folder)).toBe(true);
  appendFileSync(join(folder, "train.jsonl"), " ");
  await expect(openTexts(folder)).rejects.toMatchObject({
    code: "DATA_CORRUPT",
    detail: { given: expect.stringContaining("train.jsonl") },
  });
  rmSync(join(folder, "train.jsonl"));
  await expect(openTexts(folder)).rejects.toMatchObject({ code: "DATA_CORRUPT" });
  const other = tempFolder({ "manifest.json": '{"kind": "texts"}' });
  await expect(openTexts(other)).rejects.toMatchObject({ code: "DATA_MANIFEST" });
});

test("classify by its name alone needs texts", () => {
  expect(() => formsOf("classify")).toThrow(expect.objectContaining({ code: "TASK_TEXTS" }));
});
