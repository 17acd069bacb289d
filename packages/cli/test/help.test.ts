import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { textDefaults } from "gyre";
import { defaultLimits } from "gyre/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram } from "../src/program.ts";
import { version } from "../src/version.ts";
import { gyre } from "./cli.ts";
import { temporaryFolder } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const commands = [
  ...[
    "prepare",
    "train",
    "sweep",
    "eval",
    "generate",
    "exits",
    "analyze",
    "calibrate",
    "card",
    "serve",
    "studio",
    "runs",
  ],
  ...["plot", "compare", "clean", "inspect", "lab", "tasks", "import", "export"],
];

/** Every command that does something, with the words before its name. */
const leaves = (command: Command, words: readonly string[] = []): [string, Command][] =>
  command.commands.flatMap((one): [string, Command][] => {
    const path = [...words, one.name()];
    return one.commands.length > 0 ? leaves(one, path) : [[path.join(" "), one]];
  });

test("the version is that of both packages", async () => {
  for (const name of ["cli", "gyre"]) {
    const file = new URL(`../../${name}/package.json`, import.meta.url);
    expect(JSON.parse(await readFile(file, "utf8")).version).toBe(version);
  }
  expect((await gyre(["--version"])).stdout).toBe(`${version}\n`);
});

describe("help", () => {
  test("lists every command and a first run, and exits 0", async () => {
    const { code, stdout, stderr } = await gyre(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const listed = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect(listed.filter((name) => name !== "help")).toEqual(commands);
    expect(stdout).toContain("$ gyre train data/sotu --out runs/first");
  });

  test.each(leaves(createProgram(() => undefined)))(
    "of %s describes every argument and option",
    (name, command) => {
      const help = command.helpInformation();
      expect(help).toContain(`Usage: gyre ${name}`);
      for (const argument of command.registeredArguments) {
        expect(argument.description.length, argument.name()).toBeGreaterThan(5);
      }
      for (const option of command.options) {
        expect(option.description.length, option.flags).toBeGreaterThan(8);
        expect(help).toContain(option.flags);
      }
    },
  );
});

test("the command line writes text by the library's own defaults", () => {
  const generate = createProgram(() => undefined).commands.find((command) => command.name() === "generate");
  for (const [flag, value] of [
    ["--temperature", textDefaults.temperature],
    ["--seed", textDefaults.seed],
    ["--max-tokens", textDefaults.maxTokens],
  ] as const) {
    const option = generate?.options.find(({ long }) => long === flag);
    expect([option?.defaultValue, option?.description]).toEqual([
      undefined,
      expect.stringContaining(`(default: ${value})`),
    ]);
  }
});

test("gyre serve has the library's own limits", () => {
  const serve = createProgram(() => undefined).commands.find((command) => command.name() === "serve");
  const { bodyBytes, choices, queue, seconds } = defaultLimits;
  const given = ["--max-body", "--max-choices", "--queue", "--time-limit"].map((flag) => {
    const option = serve?.options.find(({ long }) => long === flag);
    return [option?.defaultValue, option?.description.match(/\(default: (.*)\)$/)?.[1]];
  });
  expect(given).toEqual([bodyBytes, choices, queue, seconds].map((value) => [undefined, `${value}`]));
});

describe("wrong usage exits 2, says what is wrong and changes nothing", () => {
  const cases: readonly [string, readonly string[], RegExp][] = [
    ["an unknown command", ["trian"], /unknown command 'trian'\n\(Did you mean train\?\)/],
    [
      "an unknown option",
      ["train", "d", "--out", "r", "--setps", "3"],
      /unknown option '--setps'\n\(Did you mean --steps\?\)/,
    ],
    [
      "a number that is none",
      ["train", "d", "--out", "r", "--steps", "many"],
      /'--steps <n>' argument 'many' is invalid/,
    ],
    ["a number below the least", ["train", "d", "--out", "r", "--batch", "0"], /whole number of at least 1/],
    [
      "a word that is none",
      ["train", "d", "--out", "r", "--sampler", "odd"],
      /It must be official or uniform/,
    ],
    ["a range that is none", ["eval", "r", "--loops", "4-8"], /It must be like 4, 1,2,8 or 1\.\.8/],
    ["a missing argument", ["generate"], /missing required argument 'run'/],
    [
      "options that do not go together",
      ["prepare", "sotu", "--tokenizer", "gpt2", "--vocab", "500"],
      /--vocab is for --tokenizer bpe/,
    ],
  ];
  test.each(cases)("%s", async (_, words, message) => {
    const { code, stdout, stderr } = await gyre(words);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });
});

test.each([
  ["train", "none", "--out", "none"],
  ["eval", "none"],
  ["exits", "none"],
  ["generate", "none", "--prompt", "a"],
  ["calibrate", "none"],
  ["serve", "none"],
  ["lab", "train", "linear-looped", "--out", "none"],
])("%s refuses more threads than the machine can use before it does anything else", async (...words) => {
  const { code, stderr } = await gyre([...words, "--threads", "100000"]);
  expect(stderr).toMatch(/^RUNTIME_THREADS: 100000 threads/);
  expect(code).toBe(1);
});

describe("what gyre can explain exits 1 with a code and a fix, and without a stack", () => {
  const cases: readonly [string, (at: string) => readonly string[], RegExp][] = [
    ["no such text", (at) => ["prepare", join(at, "none.txt"), join(at, "out")], /DATA_PATH/],
    ["an empty text", (at) => ["prepare", join(at, "empty.txt"), join(at, "out")], /DATA_EMPTY/],
    ["a binary file", (at) => ["prepare", join(at, "binary.txt"), join(at, "out")], /DATA_BINARY/],
    [
      "no such data",
      () => ["train", "wrods", "--out", "run"],
      /TRAIN_DATA: wrods, which is neither a folder nor a task\n.* one of words, parity/,
    ],
    ["no --out", (at) => ["train", at], /TRAIN_USAGE: data .*, but no --out/],
    ["no such run", (at) => ["train", "--resume", join(at, "none")], /RUN_MISSING/],
    ["a run to evaluate that is none", (at) => ["eval", join(at, "none")], /RUN_MISSING/],
    [
      "heads that do not divide",
      () => ["inspect", "--width", "10", "--heads", "3"],
      /SPEC_INVALID[\s\S]*heads: 3 does not divide width 10/,
    ],
  ];
  test.each(cases)("%s", async (_, words, message) => {
    await writeFile(join(folder.path, "empty.txt"), "");
    await writeFile(join(folder.path, "binary.txt"), Uint8Array.of(0, 1, 2, 0, 255));
    const { code, stderr } = await gyre(words(folder.path));
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\n {2}expected: .+\n {2}fix: .+/);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });
});

test("inspect prints a model's costs, and its graphs before and after the passes", async () => {
  const model = [
    "--width",
    "16",
    "--heads",
    "2",
    "--mlp",
    "32",
    "--context",
    "8",
    "--layers",
    "1",
    "--loops",
    "2",
    "--vocab",
    "32",
  ];
  const overview = await gyre(["inspect", ...model]);
  expect(overview.stdout).toMatch(/"family": "loopformer"/);
  expect(overview.stdout).toMatch(/^ {4}1 +1 .*\n {4}2 +2 /m);
  const graph = async (which: string) => (await gyre(["inspect", ...model, "--graph", which])).stdout;
  const [forward, backward, step] = [await graph("forward"), await graph("backward"), await graph("step")];
  expect(forward).toMatch(/causalAttention\(/);
  expect(forward).not.toMatch(/grad\//);
  expect(backward).toMatch(/grad\/embed\.tokens\.weight = %/);
  expect(step).toMatch(/gemm\(/);
  expect(step).not.toMatch(/causalAttention/);
});
