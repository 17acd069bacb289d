// gyre's side of the benchmark of questions: one JSON line for each request on stdin.
//   ask TIMES    ms of asking all questions, so often
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Decoder } from "../../packages/gyre/src/decode/decoder.ts";
import type { Row } from "../../packages/gyre/src/measure/benchmarks/join.ts";
import { modelReader } from "../../packages/gyre/src/measure/benchmarks/reader.ts";
import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../../packages/gyre/src/models/presets.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { rng } from "../../packages/gyre/src/util/rng.ts";
import { type BenchConfig, configs, type QuestionsConfig } from "../configs.ts";

const { values } = parseArgs({
  options: { config: { type: "string" }, questions: { type: "string" }, threads: { type: "string" } },
});
const size = JSON.parse(values.config ?? JSON.stringify(configs.S)) as BenchConfig;
const { questions, tokens, scored } = JSON.parse(values.questions ?? "{}") as QuestionsConfig;
const { batch: _, shortLoops: __, ...sizes } = size;
const spec = loopformer(sizes);
await using runtime = await openOnnxRuntime({ threads: Number(values.threads ?? 2) });
await using decoder = new Decoder({ spec, weights: initialWeights(spec, 1), runtime });
const reader = modelReader(decoder, { loops: spec.loops, decode: () => "", endOfText: 0 });

const place = { path: "drawn", line: 1 };
const rows: Row[] = Array.from({ length: questions }, (_one, question) => {
  const random = rng(1, "questions", question);
  const draw = (count: number) => Array.from({ length: count }, () => random.below(spec.vocab));
  const context = draw(tokens - scored);
  return [draw(scored), draw(scored)].map((choice) => {
    return { place, tokens: [...context, ...choice], from: context.length, isCut: false };
  });
}).flat();

/** Milliseconds of one pass over all questions, and how many have their first choice as the likelier. */
async function ask(): Promise<{ ms: number; first: number }> {
  const started = performance.now();
  const found = await reader.score(rows);
  const first = Array.from({ length: questions }, (_one, at) => found[2 * at]?.sum ?? 0).filter(
    (sum, at) => sum >= (found[2 * at + 1]?.sum ?? 0),
  ).length;
  return { ms: performance.now() - started, first };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [request = "", times = "1"] = line.trim().split(/\s+/);
  if (request === "quit") break;
  const ms: number[] = [];
  for (let time = 0; time < Number(times); time++) ms.push((await ask()).ms);
  process.stdout.write(`${JSON.stringify({ ms })}\n`);
}
process.stdin.destroy();
