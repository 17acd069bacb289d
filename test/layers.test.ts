import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

// What each folder of the library may import besides itself: data flows down and never back up (docs/architecture.md).
const engine = ["util", "graph"];
const layers: Readonly<Record<string, readonly string[]>> = {
  util: [],
  graph: ["util"],
  grad: engine,
  onnx: engine,
  interp: engine,
  nn: engine,
  optim: ["util"],
  data: ["util"],
  checkpoint: ["util"],
  runtime: [...engine, "onnx", "interp"],
  ranks: ["util"],
  models: [...engine, "nn", "runtime"],
  tasks: ["util"],
  families: ["util", "checkpoint", "models"],
  decode: ["util", "graph", "models", "runtime"],
  train: [...engine, "ranks", "grad", "optim", "models", "runtime", "data", "tasks"],
  report: ["util"],
  measure: [...engine, "ranks", "grad", "models", "runtime", "data", "tasks", "decode", "report"],
  runs: [
    "util",
    "checkpoint",
    "data",
    "models",
    "families",
    "optim",
    "runtime",
    "ranks",
    "tasks",
    "decode",
    "train",
    "measure",
    "report",
  ],
  lab: [...engine, "ranks", "grad", "optim", "models", "runtime", "tasks", "train", "measure", "report"],
  sweep: ["util", "checkpoint", "models", "runtime", "train", "report", "runs"],
  web: [
    "util",
    "data",
    "models",
    "optim",
    "runtime",
    "tasks",
    "decode",
    "train",
    "measure",
    "report",
    "runs",
  ],
  server: ["util", "models", "runtime", "data", "decode", "runs"],
};

const source = fileURLToPath(new URL("../packages/gyre/src/", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

interface Import {
  readonly from: string;
  readonly to: string;
}

const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(source, from), "utf8");
  const statements = text.matchAll(/^(?:import|export)\b[^;"]*?from "([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...statements].map(([, plain, lazy]) => ({ from, to: plain ?? lazy ?? "" }));
});
const folderOf = (path: string) => path.split("/")[0] ?? "";
const packageOf = (name: string) =>
  name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
const isInside = ({ from }: Import) => from.includes("/");
const isRelative = ({ to }: Import) => to.startsWith(".");
const target = ({ from, to }: Import) => normalize(join(dirname(from), to));

describe("layers", () => {
  test("every folder has a row", () => {
    const folders = new Set(files.filter((file) => file.includes("/")).map(folderOf));
    expect([...folders].sort()).toEqual(Object.keys(layers).sort());
  });

  test("no folder imports what is not below it, and none imports an entry point", () => {
    const wrong = imports
      .filter((one) => isInside(one) && isRelative(one))
      .filter((one) => folderOf(one.from) !== folderOf(target(one)))
      .filter((one) => !layers[folderOf(one.from)]?.includes(folderOf(target(one))))
      .map((one) => `${one.from} -> ${target(one)}`);
    expect(wrong).toEqual([]);
  });

  test("nobody loads the trainer to read a run, to decode or to serve: its option schemas are all they reach", () => {
    const reached = new Set<string>();
    const visit = (file: string) => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const one of imports) if (one.from === file && isRelative(one)) visit(target(one));
    };
    for (const file of files) if (/^(server|decode|runs)\//.test(file)) visit(file);
    const names = ["answer-options", "errors", "options", "prompt-options"];
    const options = names.map((name) => `train/${name}.ts`);
    expect([...reached].filter((file) => file.startsWith("train/")).sort()).toEqual(options);
    expect([...reached].filter((file) => file.startsWith("grad/"))).toEqual([]);
  });

  test("only *.node.ts imports what needs Node, so that the rest runs in a browser", () => {
    const portable = ["zod", "hono", "ml-matrix", "onnxruntime-web", "onnxruntime-common", "@noble/hashes"];
    const entries = new Set(["node.ts", "server.ts"]);
    const wrong = imports
      .filter(({ from }) => !from.endsWith(".node.ts") && !entries.has(from))
      .filter((one) =>
        isRelative(one) ? one.to.endsWith(".node.ts") : !portable.includes(packageOf(one.to)),
      )
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(wrong).toEqual([]);
  });
});
