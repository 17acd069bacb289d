import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Words of the glossary's last column, in the singular, and what else they mean where code has them. */
const otherMeanings = new Map([
  ["cycle", "of a permutation, in a task of tokens"],
  ["dataset", "a folder with token files"],
  ["config", "config.json of a run or a checkpoint"],
  ["decoder", "what writes text, with its caches"],
  ["depth", "of a tree; how many loops, where nothing is counted"],
  ["encoder", "TextEncoder"],
  ["example", "a pair in a prompt"],
  ["kernel", "what computes one operation"],
  ["level", "of a graph of problems"],
  ["masked", "attention beyond the present token"],
  ["sample", "drawing a token; statistics"],
  ["schedule", "how a number of a curriculum grows"],
  ["score", "of a benchmark, and what it counts"],
  ["sequence", "cached keys and values of one text"],
  ["session", "onnxruntime's; a training from its start or resume"],
  ["truncation", "in the format of tokenizer.json"],
]);

/** The single words that docs/glossary.md says not to use, in the singular. */
function refused(): string[] {
  const rows = readFileSync(join(root, "docs/glossary.md"), "utf8").matchAll(/^\| \*\*.*\|([^|]*)\|$/gm);
  const words = [...rows].flatMap(([, column = ""]) => column.split(/[,;]/)).map((word) => word.trim());
  return [...new Set(words.filter((word) => /^[a-z]+$/.test(word)).map(singular))];
}

const singular = (word: string) => word.replace(/([^s])s$/, "$1");

/** The words of every identifier in the sources: "maxLoops" has "max" and "loop". */
function wordsInCode(): Map<string, string> {
  const words = new Map<string, string>();
  for (const folder of ["packages/gyre/src", "packages/cli/src"])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      const scanner = ts.createScanner(ts.ScriptTarget.ES2022, true);
      scanner.setText(readFileSync(join(root, folder, file), "utf8"));
      for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) {
        if (kind !== ts.SyntaxKind.Identifier) continue;
        for (const [word] of scanner.getTokenText().matchAll(/[A-Z]?[a-z]+|[A-Z]+/g))
          words.set(singular(word.toLowerCase()), `${folder}/${file}: ${scanner.getTokenText()}`);
      }
    }
  return words;
}

const inCode = wordsInCode();

test("no identifier uses a word that the glossary has another one for", () => {
  const found = refused().filter((word) => inCode.has(word) && !otherMeanings.has(word));
  expect(found.map((word) => `${word}: ${inCode.get(word)}`)).toEqual([]);
});

test("every exception is a word of the glossary, and in use", () => {
  const words = refused();
  expect([...otherMeanings.keys()].filter((word) => !words.includes(word) || !inCode.has(word))).toEqual([]);
});
