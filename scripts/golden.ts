import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import { goldenCurve, goldenSpec, goldenTraining } from "./golden-case.ts";

const path = fileURLToPath(new URL("../golden/tiny-looped.json", import.meta.url));
await using runtime = await openOnnxRuntime({ threads: 1 });
const golden = {
  command: "npx tsx --conditions @gyre/source scripts/golden.ts",
  runtime: runtime.name,
  machine: `${process.arch}, ${cpus()[0]?.model ?? "unknown"}, node ${process.version}`,
  spec: goldenSpec,
  training: goldenTraining,
  ...(await goldenCurve(runtime)),
};
writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`);
console.log(`wrote ${path}`);
