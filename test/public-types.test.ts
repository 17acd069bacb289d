import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

// A user who cannot name a type of a public signature has to rebuild it by inference; so each one is exported.

const root = fileURLToPath(new URL("../packages/gyre/", import.meta.url));
const source = join(root, "src");
const entries = readdirSync(source).filter((file) => file.endsWith(".ts"));

/** Our declarations as `tsc` writes them, where inferred types are spelled out. */
function declarations(): ReadonlyMap<string, string> {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(
    entries.map((file) => join(source, file)),
    { ...options, composite: false, declarationMap: false, emitDeclarationOnly: true, noCheck: true },
  );
  const texts = new Map<string, string>();
  program.emit(undefined, (path, text) => texts.set(path, text));
  return texts;
}

/** A program over declarations that are in memory. */
function programOf(texts: ReadonlyMap<string, string>, roots: readonly string[]): ts.Program {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, directoryExists } = host;
  const folders = new Set([...texts.keys()].map((path) => dirname(path)));
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? false);
  host.getSourceFile = (path, languageVersion) => {
    const text = host.readFile(path);
    return text === undefined ? undefined : ts.createSourceFile(path, text, languageVersion);
  };
  return ts.createProgram(roots, options, host);
}

/** Types of ours that a public signature names and no entry point exports: "Model in generate". */
function unexported(): string[] {
  const texts = declarations();
  const isEntry = (path: string) => entries.includes(`${relative(join(root, "dist"), path).slice(0, -5)}.ts`);
  const program = programOf(texts, [...texts.keys()].filter(isEntry));
  const checker = program.getTypeChecker();
  const resolved = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Map<ts.Symbol, string>();
  for (const file of program.getSourceFiles().filter(({ fileName }) => isEntry(fileName))) {
    const module = checker.getSymbolAtLocation(file);
    for (const symbol of module ? checker.getExportsOfModule(module) : [])
      exported.set(resolved(symbol), symbol.name);
  }
  const missing = new Set<string>();
  for (const [symbol, name] of exported) {
    const visit = (node: ts.Node): void => {
      const found = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined;
      const target = found && resolved(found);
      const isType =
        target && target.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Class);
      const isOurs = target?.declarations?.some((one) => texts.has(one.getSourceFile().fileName));
      if (isType && isOurs && !exported.has(target)) missing.add(`${target.name} in ${name}`);
      ts.forEachChild(node, visit);
    };
    for (const declaration of symbol.declarations ?? [])
      if (texts.has(declaration.getSourceFile().fileName)) visit(declaration);
  }
  return [...missing].sort();
}

test("every type of a public signature is exported", () => {
  expect(unexported()).toEqual([]);
});
