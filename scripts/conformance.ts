import { readFileSync } from "node:fs";
import process from "node:process";
import { interpreterRuntime } from "../packages/gyre/src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import { checkCase } from "./conformance-case.ts";

const usage = `npm run conformance -- FILE...

Runs case files (safetensors, as golden/oracle/README.md describes them) on onnxruntime and on the float64
interpreter, and prints one line a quantity: largest error, tolerance, ok or NOT ok. Exits 1 if any is not ok.`;

async function main(files: readonly string[]): Promise<number> {
  if (files.length === 0 || files.includes("--help")) {
    console.log(usage);
    return files.length === 0 ? 2 : 0;
  }
  let failures = 0;
  for (const file of files) {
    for (const open of [() => openOnnxRuntime(), async () => interpreterRuntime()]) {
      await using runtime = await open();
      console.log(`${file} on ${runtime.name}`);
      try {
        for (const { name, error, tolerance, ok } of await checkCase(readFileSync(file), file, runtime)) {
          const figures = `${error.toExponential(2)}  (tolerance ${tolerance.toExponential(0)})`;
          console.log(`  ${ok ? "ok    " : "NOT ok"}  ${name.padEnd(58)} ${figures}`);
          if (!ok) failures++;
        }
      } catch (error) {
        console.log(`  NOT ok  ${error instanceof Error ? error.message : error}`);
        failures++;
      }
    }
  }
  console.log(failures === 0 ? "all ok" : `${failures} NOT ok`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
