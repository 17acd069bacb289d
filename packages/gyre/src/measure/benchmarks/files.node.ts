import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { reasonOf } from "../../util/errors.ts";
import { loadPackage } from "../../util/packages.ts";
import { type Definition, parseDefinition, published, type TaskFile } from "./definition.ts";
import { badBenchmarkFile, sameName, unknownBenchmark } from "./errors.ts";
import { fieldsOf } from "./fields.ts";
import { formatNames } from "./formats.ts";
import type { Benchmark } from "./question.ts";

const definitionEndings = [".json", ".yaml", ".yml"];
const questionsEnding = ".jsonl";

/**
 * Benchmarks from task files, from files of questions that are named after a published benchmark (`piqa.jsonl`), and from
 * folders of both. Throws BENCHMARK_FILE, BENCHMARK_NAME, BENCHMARK_FIELD, BENCHMARK_GOLD, BENCHMARK_CHOICES or
 * BENCHMARK_EMPTY; what is wrong in a line names file and line.
 *
 * @example
 * const [piqa] = await readBenchmarks(["tasks/piqa.jsonl"]);
 */
export async function readBenchmarks(paths: readonly string[]): Promise<Benchmark[]> {
  const all: Benchmark[] = [];
  for (const path of paths) all.push(...(await readPath(path)));
  const first = new Map<string, string>();
  for (const { name, path } of all) {
    const other = first.get(name);
    if (other !== undefined) throw sameName(name, other, path);
    first.set(name, path);
  }
  return all;
}

async function readPath(path: string): Promise<Benchmark[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw badBenchmarkFile(path, reasonOf(cause));
  });
  if (found.isDirectory()) return readFolder(path);
  if (extname(path) === questionsEnding) return [await readPublished(path)];
  if (definitionEndings.includes(extname(path))) return [await readDefined(path, await readDefinition(path))];
  throw badBenchmarkFile(path, `no ending of ${[...definitionEndings, questionsEnding].join(" ")}`);
}

/** Task files, and files of questions that none of them reads. */
async function readFolder(folder: string): Promise<Benchmark[]> {
  const names = (await readdir(folder)).sort();
  const pathsWith = (endings: readonly string[]) =>
    names.filter((name) => endings.includes(extname(name))).map((name) => join(folder, name));
  const all: Benchmark[] = [];
  const taken = new Set<string>();
  for (const path of pathsWith(definitionEndings)) {
    const definition = await readDefinition(path);
    taken.add(resolve(dirname(path), definition.file));
    all.push(await readDefined(path, definition));
  }
  for (const path of pathsWith([questionsEnding]))
    if (!taken.has(resolve(path))) all.push(await readPublished(path));
  if (all.length === 0) throw badBenchmarkFile(folder, "neither a task file nor a file of questions");
  return all;
}

async function readPublished(path: string): Promise<Benchmark> {
  const name = basename(path, questionsEnding);
  if (!formatNames.includes(name)) throw unknownBenchmark(path, formatNames);
  return published(name, fieldsOf(await textOf(path), path), { name, path });
}

async function readDefined(path: string, { name, file, benchmark }: Definition): Promise<Benchmark> {
  const questions = resolve(dirname(path), file);
  const lines = fieldsOf(await textOf(questions), questions);
  return benchmark(lines, { name: name ?? basename(path, extname(path)), path: questions });
}

async function readDefinition(path: string): Promise<Definition> {
  return parseDefinition(await parseTaskFile(path, await textOf(path)));
}

/** JSON is YAML too, and one reader tells the lines of both. */
async function parseTaskFile(path: string, text: string): Promise<TaskFile> {
  const { LineCounter, parseDocument, isNode } = await loadPackage("yaml", () => import("yaml"));
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const [error] = document.errors;
  if (error)
    throw badBenchmarkFile(`${path}:${error.linePos?.[0].line ?? 1}`, error.message.split("\n")[0] ?? "");
  const lineOf = (keys: readonly PropertyKey[]): number => {
    for (let depth = keys.length; depth > 0; depth--) {
      const node = document.getIn(keys.slice(0, depth), true);
      if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line;
    }
    return document.contents?.range ? lineCounter.linePos(document.contents.range[0]).line : 1;
  };
  return { path, value: document.toJS(), lineOf };
}

async function textOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw badBenchmarkFile(path, reasonOf(cause));
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badBenchmarkFile(path, "not UTF-8");
  }
}
