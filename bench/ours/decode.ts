// gyre's side of the decoding benchmark: one JSON line for each request on stdin.
//   decode PROMPT NEW     ms per token of greedy text, the first token left out
//   recompute PROMPT NEW  the same when every token computes its whole text, which is padded to a power of two: sampled at
//                         eight lengths, each compiled ahead
//   exact PROMPT NEW      the same without padding: a program for every length, which nobody would wait for
//   open PROMPT           ms from weights in memory to the first token, and MiB that 1,000 cached tokens hold
//   sample TURNS          ms of choosing a token among 50,304, by setting: medians, and the best
//   read                  GB/s at which this machine reads weights, in a matrix-vector product of 256 MiB
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Decoder } from "../../packages/gyre/src/decode/decoder.ts";
import { generate } from "../../packages/gyre/src/decode/generate.ts";
import { type SamplingOptions, sampleToken } from "../../packages/gyre/src/decode/sampling.ts";
import { GraphBuilder } from "../../packages/gyre/src/graph/builder.ts";
import { matmul, slice } from "../../packages/gyre/src/graph/ops.ts";
import type { Value } from "../../packages/gyre/src/graph/types.ts";
import { forward, readOut } from "../../packages/gyre/src/models/assembly.ts";
import type { Model } from "../../packages/gyre/src/models/model.ts";
import { initialWeights } from "../../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../../packages/gyre/src/models/presets.ts";
import { conditions } from "../../packages/gyre/src/models/spec.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { rng } from "../../packages/gyre/src/util/rng.ts";
import { median } from "../../packages/gyre/src/util/statistics.ts";
import type { Tensor } from "../../packages/gyre/src/util/tensor.ts";
import { type BenchConfig, configs } from "../configs.ts";

const SAMPLED_LENGTHS = 8;

const { values } = parseArgs({ options: { config: { type: "string" }, threads: { type: "string" } } });
const size = JSON.parse(values.config ?? JSON.stringify(configs.S)) as BenchConfig;
const { batch: _, shortLoops: __, ...sizes } = size;
const spec = loopformer(sizes);
await using runtime = await openOnnxRuntime({ threads: Number(values.threads ?? 2) });
const model: Model = { spec, weights: initialWeights(spec, 1), runtime };

const promptOf = (length: number) => Array.from({ length }, (_, index) => (7 * index + 3) % spec.vocab);

async function decode(prompt: number, count: number) {
  let started = 0;
  let tokens = 0;
  const text = generate(model, promptOf(prompt), { temperature: 0, maxTokens: count, window: "stop" });
  for await (const _token of text) {
    if (tokens++ === 0) started = performance.now();
  }
  return { msPerToken: (performance.now() - started) / (tokens - 1) };
}

async function recompute(prompt: number, count: number, isExact = false) {
  const { loops, t, dt } = conditions(spec, spec.loops);
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLED_LENGTHS; sample++) {
    const text = prompt + Math.round((count * (sample + 0.5)) / SAMPLED_LENGTHS);
    const length = isExact ? text : Math.min(spec.context, 2 ** Math.ceil(Math.log2(text)));
    const builder = new GraphBuilder();
    const hidden = forward(builder, spec, { batch: 1, tokens: length, loops }).get(loops) as Value;
    const logits = readOut(builder, spec, slice(hidden, 0, text - 1, text));
    const program = await runtime.compile(builder.graph({ logits }), {
      bound: model.weights,
      buffers: 1,
      fused: true,
      pinned: "others",
    });
    const inputs = new Map<string, Tensor>([
      ["tokens", { data: Int32Array.from(promptOf(length)), shape: [1, length] }],
      ["t", { data: t, shape: [loops] }],
      ["dt", { data: dt, shape: [loops] }],
    ]);
    await program.run(inputs);
    const started = performance.now();
    await program.run(inputs);
    times.push(performance.now() - started);
  }
  return { msPerToken: times.reduce((sum, time) => sum + time, 0) / times.length };
}

async function open(prompt: number) {
  await using decoder = new Decoder({ ...model });
  const started = performance.now();
  const route = await decoder.route(spec.loops);
  const sequence = decoder.start();
  const states = await decoder.append(sequence, promptOf(prompt), route);
  await decoder.logits([states.subarray(-spec.width)]);
  const firstTokenMs = performance.now() - started;
  const again = performance.now();
  const warm = await decoder.append(decoder.start(), promptOf(prompt), route);
  await decoder.logits([warm.subarray(-spec.width)]);
  const mibPerThousand = (sequence.cache.bytes / sequence.cache.capacity) * 1000 * 2 ** -20;
  return { firstTokenMs, warmFirstTokenMs: performance.now() - again, mibPerThousand };
}

const SAMPLED_VOCAB = 50_304;
/** V8 compiles beside the work, and on a busy machine only after hundreds of tokens. */
const SAMPLING_WARMUP = 2000;
const settings = {
  greedy: { temperature: 0 },
  sampled: { temperature: 1 },
  "top-k 40": { temperature: 0.8, topK: 40 },
  "top-p 0.9": { temperature: 1, topP: 0.9 },
  "top-k 1000, top-p 0.95": { temperature: 1, topK: 1000, topP: 0.95 },
};

/** Flat logits, which have a nucleus of thousands, in turn with peaked ones. */
async function sample(turns: number) {
  const random = rng(1, "logits");
  const logits = [1, 4].map((spread) =>
    Float32Array.from({ length: SAMPLED_VOCAB }, () => spread * random.normal()),
  );
  const choose = (options: SamplingOptions, turn: number) => {
    const started = performance.now();
    sampleToken(logits[turn % logits.length] as Float32Array, options, random);
    return performance.now() - started;
  };
  const sampling = Object.entries(settings).map(([setting, options]) => {
    for (let turn = 0; turn < SAMPLING_WARMUP; turn++) choose(options, turn);
    const times = Array.from({ length: turns }, (_, turn) => choose(options, turn));
    return { setting, ms: median(times), msBest: Math.min(...times) };
  });
  return { vocab: SAMPLED_VOCAB, sampling };
}

async function read() {
  const [rows, columns] = [8192, 8192];
  const builder = new GraphBuilder();
  const weight = builder.input("w", [rows, columns]);
  const product = matmul(builder.input("x", [1, columns]), weight, { transB: true });
  const weights = new Map([
    ["w", { data: new Float32Array(rows * columns).fill(1), shape: [rows, columns] }],
  ]);
  await using program = await runtime.compile(builder.graph({ product }), { bound: weights, buffers: 1 });
  const x = new Map([["x", { data: new Float32Array(columns).fill(1), shape: [1, columns] }]]);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 8; run++) {
    const started = performance.now();
    await program.run(x);
    best = Math.min(best, performance.now() - started);
  }
  return { gigabytesPerSecond: (rows * columns * 4) / best / 1e6 };
}

const exact = (prompt: number, count: number) => recompute(prompt, count, true);
type Answer = (prompt: number, count: number) => Promise<object>;
const requests: Readonly<Record<string, Answer>> = {
  decode,
  recompute: (prompt, count) => recompute(prompt, count),
  exact,
  open,
  sample,
  read,
};
for await (const line of createInterface({ input: process.stdin })) {
  const [name = "", prompt, count] = line.split(" ");
  if (name === "quit") break;
  const answer = requests[name]?.(Number(prompt), Number(count)) ?? { error: `unknown request ${name}` };
  console.log(JSON.stringify(await answer));
}
