// gyre's side of the benchmark of questions: one JSON line for each request on stdin.
//   ask COUNT    ms of asking the first questions
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

/** Milliseconds of asking the first questions: which choice of each is the likelier? */
async function ask(count: number): Promise<number> {
  const started = performance.now();
  const found = await reader.score(rows.slice(0, 2 * count));
  const sums = found.map(({ sum }) => sum);
  if (!sums.every(Number.isFinite)) throw new Error("a choice has no log-probability");
  return performance.now() - started;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [request = "", count] = line.trim().split(/\s+/);
  if (request === "quit") break;
  process.stdout.write(`${JSON.stringify({ ms: [await ask(Number(count))] })}\n`);
}
process.stdin.destroy();
