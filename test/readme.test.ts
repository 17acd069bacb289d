import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gyre, nodeWords } from "../packages/cli/test/cli.ts";

// The commands of the README and of docs/commands.md as a reader would type them: in their order and in one folder. Only their
// amounts and the model are smaller.
const root = fileURLToPath(new URL("..", import.meta.url));
const pages = ["README.md", "docs/commands.md"];
const text = (await Promise.all(pages.map((page) => readFile(join(root, page), "utf8")))).join("\n");

const small = ["--layers", "1", "--width", "32", "--heads", "2", "--mlp", "64"];
/** What makes a command quick, by its first words. */
const smaller: readonly (readonly [RegExp, (words: readonly string[]) => readonly string[]])[] = [
  [/^train words /, (words) => [...words, "--steps", "3"]],
  [/^eval runs\/words /, (words) => [...words, "--count", "20"]],
  [/^train /, (words) => [...words.map((word) => (word === "300" ? "3" : word)), ...small]],
  [/^eval /, (words) => [...words, "--max-tokens", "512"]],
  [/^generate /, (words) => words.map((word) => (word === "60" ? "6" : word))],
  [/^exits /, (words) => [...words, "--max-tokens", "16"]],
  [/^analyze /, (words) => [...words, "--tokens", "64"]],
  [/^card /, (words) => [...words, "--no-measure"]],
  [/^calibrate /, (words) => [...words, "--max-tokens", "8"]],
  [/^lab train /, (words) => [...words, "--steps", "2"]],
  [/^lab eval /, (words) => [...words, "--prompts", "16", "--loops", "1,2"]],
];

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = ""]) => block.split("\n"))
  .map((line) => line.replace(/\s+#.*$/, ""))
  .filter((line) => line.startsWith("gyre "))
  .map((line) => line.slice("gyre ".length));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-readme-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const shortened = (command: string): readonly string[] => {
  const words = wordsOf(command);
  const rule = smaller.find(([pattern]) => pattern.test(command));
  return rule ? rule[1](words) : words;
};

test.each(commands)("gyre %s", { timeout: 300_000 }, async (command) => {
  if (command.startsWith("serve ")) return await serveAndStop(shortened(command));
  const { code, stderr } = await gyre(shortened(command), { cwd: folder });
  expect(stderr).not.toMatch(/error|failed/i);
  expect(code).toBe(0);
});

test("there are commands of every kind", () => {
  const first = new Set(commands.map((command) => command.split(" ")[0]));
  const kinds = ["prepare", "train", "eval", "generate", "exits", "calibrate", "inspect"];
  expect([...first]).toEqual(expect.arrayContaining([...kinds, "export", "import", "serve", "lab", "tasks"]));
});

/** Starts the server, asks it for a text, and stops it as Ctrl-C does. */
async function serveAndStop(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, nodeWords([...words, "--port", "0"]), { cwd: folder });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.on("close", () => reject(new Error("the server ended")));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const [found] = text.match(/http:\/\/[\w.:]+/) ?? [];
      if (found) resolve(found);
    });
  });
  const body = JSON.stringify({ model: "first", prompt: "We", max_tokens: 3, loops: 2 });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
  child.kill("SIGINT");
  expect(await ended).toBe(0);
}
