import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Command } from "commander";
import { type DifficultyRange, formsOf, tokenTasks } from "gyre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram } from "../packages/cli/src/program.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
/** Words that run a TypeScript file on the packages as they are built (test/build.ts). */
const node = (...args: string[]) => ["--import", "tsx", ...args];

interface Block {
  readonly where: string;
  readonly text: string;
}

const packaged = ["packages/gyre/README.md", "packages/cli/README.md"];
const documents = ["README.md", "CONTRIBUTING.md", ...packaged, ...markdownBelow("docs")];
const textOf = (document: string) => readFileSync(join(root, document), "utf8");

function markdownBelow(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".md"));
  return files.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
}

/** The fenced blocks of one language, each with its document and line. */
function blocksOf(language: string): Block[] {
  return documents.flatMap((document) => {
    const text = textOf(document);
    return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map((match) => ({
      where: `${document}:${text.slice(0, match.index).split("\n").length}`,
      text: match[1] ?? "",
    }));
  });
}

/** Command lines of the shell blocks, without comments, continued lines joined. */
const commands = blocksOf("sh").flatMap(({ where, text }) =>
  text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "")
    .map((line) => ({ where, line, words: wordsOf(line) })),
);

/** The words of a command line as a shell splits them (double quotes only), without variables and npx in front. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const first = words.findIndex((word) => word !== "npx" && !/^[A-Z_]+=/.test(word));
  return words.slice(first);
}

describe("TypeScript blocks", () => {
  const blocks = blocksOf("ts");
  const prose =
    "Every morning the river carried news of the hills, and every evening the town wrote it down.\n";
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-docs-"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
    await writeFile(join(folder, "notes.txt"), prose.repeat(80));
    for (const [index, { text }] of blocks.entries()) await writeFile(join(folder, `${index}.ts`), text);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(blocks.map(({ where }, index) => [where, index] as const))("%s runs", async (_, index) => {
    const { stdout, stderr } = await run(process.execPath, node(`${index}.ts`), { cwd: folder });
    expect(stderr).toBe("");
    expect(stdout).not.toBe("");
  });

  test("have the types that they claim", async () => {
    const tsconfig = {
      extends: join(root, "tsconfig.base.json"),
      compilerOptions: {
        composite: false,
        noEmit: true,
        types: ["node"],
        rewriteRelativeImportExtensions: true,
      },
      include: ["*.ts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", folder]).catch((error) => error);
    expect(stdout).toBe("");
  });
});

describe("shell blocks", () => {
  const scripts = Object.keys((JSON.parse(textOf("package.json")) as { scripts: object }).scripts);
  const gyre = commands.filter(({ words }) => words[0] === "gyre");

  test.each(gyre)("$where: $line", async ({ words }) => {
    const program = createProgram(() => undefined);
    const ran: string[] = [];
    const stub = (command: Command) => {
      command.action(() => void ran.push(command.name()));
      for (const inner of command.commands) stub(inner);
    };
    for (const command of program.commands) stub(command);
    // a device opens before its command does anything, and may not be there
    const here = words.map((word, at) => (words[at - 1] === "--device" ? "cpu" : word));
    await program.parseAsync(here.slice(1), { from: "user" });
    expect(ran).toEqual([["lab", "tasks"].includes(words[1] ?? "") ? words[2] : words[1]]);
  });

  test("npm scripts and the files of other commands are there", () => {
    const others = commands.filter((command) => !gyre.includes(command));
    for (const { where, words } of others) {
      if (words[0] === "npm" && words[1] === "run") expect(scripts, where).toContain(words[2]);
      const files = words.filter((word) => /^[\w./-]+\.(ts|mjs|safetensors|json)$/.test(word));
      for (const file of files) expect(existsSync(join(root, file)), `${where}: ${file}`).toBe(true);
    }
  });
});

test("every npm script installs what is missing before it does anything else", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  for (const [name, command] of Object.entries(scripts))
    expect(command, name).toMatch(/^(node scripts\/\w+\.mjs|npm run -s build)/);
});

describe("documents", () => {
  test.each(documents)("every file that %s links to is there", (document) => {
    const targets = [...textOf(document).matchAll(/(?<!!)\[[^\]]*\]\(([^)#]+)[^)]*\)/g)].map(
      (match) => match[1] ?? "",
    );
    for (const target of targets.filter((path) => !/^[a-z]+:/.test(path))) {
      expect(existsSync(join(root, dirname(document), target)), `${document}: ${target}`).toBe(true);
    }
  });

  test("tasks.md lists every task as it is", () => {
    const range = ({ from, to }: DifficultyRange) => (from === to ? `${from}` : `${from} to ${to}`);
    const rows = tokenTasks.map(({ name, summary, answer, difficulty }) => {
      const forms = formsOf(name).flatMap(({ variant }) => (variant ? [`\`${variant}\``] : []));
      const { counts, least, most, usual } = difficulty;
      const whole = `${range({ from: least, to: most })} ${counts}`;
      return `| \`${name}\` | ${forms.join(", ")} | ${whole} | ${range(usual)} | ${answer} | ${summary} |`;
    });
    const written = textOf("docs/tasks.md")
      .split("\n")
      .filter((line) => /^\| `/.test(line));
    expect(written).toEqual(rows);
  });

  test("every measured error that they state is in the committed conformance run", () => {
    const committed = textOf("docs/results/conformance.txt");
    const stated = documents.flatMap((document) => textOf(document).match(/\b\d\.\d\de-\d+/g) ?? []);
    expect(stated.length).toBeGreaterThan(0);
    expect(stated.filter((figure) => !committed.includes(` ${figure} `))).toEqual([]);
  });

  test("have no line of prose above 140 columns", () => {
    const written = documents.filter((document) => !document.startsWith("docs/results/"));
    const others = ["CHANGELOG.md", "bench/README.md", "recipes/README.md"];
    const isLong = (line: string) => line.length > 140 && !/^(\||!\[| {4})/.test(line);
    const long = [...written, ...others].flatMap((document) =>
      textOf(document)
        .replace(/^```[\s\S]*?^```$/gm, (block) => "\n".repeat(block.split("\n").length - 1))
        .split("\n")
        .flatMap((line, index) => (isLong(line) ? `${document}:${index + 1}` : [])),
    );
    expect(long).toEqual([]);
  });

  test("speak of no machine's own paths", () => {
    for (const document of documents) expect(textOf(document)).not.toMatch(/\/(work|tmp|root|home)\//);
  });
});

test("CONTRIBUTING.md states the limits that Biome holds to", () => {
  const limits = [...textOf("biome.jsonc").matchAll(/"(maxLines|lineWidth)": (\d+)/g)].map(
    ([, name, value]) => `${name} ${value}`,
  );
  const stated = /at most (\d+) lines, functions at most (\d+), lines (\d+) columns/.exec(
    textOf("CONTRIBUTING.md"),
  );
  const [, file, body, width] = stated ?? [];
  expect(limits.sort()).toEqual([`lineWidth ${width}`, `maxLines ${file}`, `maxLines ${body}`].sort());
});
