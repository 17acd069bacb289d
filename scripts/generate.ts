// `npm run generate`: writes what follows from the schemas (the flags of the command line, the tables of the documents) and
// from the reports under docs/results (their pages and drawings).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { generationSchema, modelSchema, promptTrainingSchema, specSchema, trainingSchema } from "gyre";
import { sweepSchema } from "gyre/node";
import { limitsSchema, serveSchema } from "gyre/server";
import { drawings } from "./drawings.ts";
import { type Field, fieldsOf, markdownTable } from "./schema-tables.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const schemas = {
  model: modelSchema,
  training: trainingSchema,
  promptTraining: promptTrainingSchema,
  generation: generationSchema,
  serve: serveSchema,
  limits: limitsSchema,
};

/** The last word of a dotted name, and of `objective.kind` the first: what a flag is called. */
const flagName = (name: string) =>
  name.endsWith(".kind") ? name.slice(0, -".kind".length) : (name.split(".").at(-1) ?? name);

function flagsFile(): string {
  const tables = Object.entries(schemas).map(([name, schema]) => {
    const rows = fieldsOf(schema).map((field): Field => ({ ...field, name: flagName(field.name) }));
    return `  ${name}: [\n${rows.map((row) => `    ${JSON.stringify(row)},\n`).join("")}  ],`;
  });
  return [
    "// Written by `npm run generate` from the library's schemas, so that --help need not load them. Do not edit.",
    "",
    "export const flagTables = {",
    ...tables,
    "} as const;",
    "",
  ].join("\n");
}

/** Documents with their tables, each between <!-- fields NAME --> and <!-- end -->. */
const documents = ["docs/architecture.md", "docs/server.md", "docs/training.md"];
const documented = { ...schemas, spec: specSchema, sweep: sweepSchema };

function documentWithTables(text: string, path: string): string {
  return text.replace(/<!-- fields (\w+) -->[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const schema = documented[name as keyof typeof documented];
    if (!schema) throw new Error(`${path}: no schema ${name}`);
    return `<!-- fields ${name} -->\n${markdownTable(fieldsOf(schema))}\n<!-- end -->`;
  });
}

/** Every generated file with what it should hold. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  return new Map([
    ["packages/cli/src/flags.generated.ts", flagsFile()],
    ...documents.map((path) => [path, documentWithTables(read(path), path)] as const),
    ...drawings(root),
  ]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const [path, text] of generatedFiles()) writeFileSync(join(root, path), text);
}
