// Step time and efficiency of data-parallel training on 2 to 1,024 ranks, from a formula and from a simulated ring allreduce:
//   node scripts/ts.mjs scripts/scale.ts [--gflops 200] [--latency-us 30] [--jitter 0.02]
// Prints the tables of docs/scale.md. Each rank keeps its share of the batch, so that the whole batch grows with the ranks.
import { parseArgs } from "node:util";
import { type BenchConfig, configs, flopsPerStep } from "../bench/configs.ts";
import { table } from "../bench/harness.ts";
import { parameterCount } from "../packages/gyre/src/models/parameters.ts";
import { loopformer } from "../packages/gyre/src/models/presets.ts";
import { rng } from "../packages/gyre/src/util/rng.ts";

/** What a rank computes in a step, and how large its gradients are. */
interface Load {
  readonly name: string;
  readonly flops: number;
  readonly parameters: number;
}

interface Link {
  readonly latencyMs: number;
  readonly bytesPerMs: number;
}

/** How gradients travel. */
interface Way {
  readonly name: string;
  readonly bytesPerNumber: number;
  /** Micro-batches that a rank adds up before it sends. */
  readonly microBatches: number;
  /** Parts that are sent as soon as the backward pass has them; one is sent after it. */
  readonly buckets: number;
}

/** Of a step, what comes before the first gradient: the forward pass. */
const FORWARD = 1 / 3;
const rankCounts = [2, 8, 64, 256, 1024];
const ways: readonly Way[] = [
  { name: "as gyre does", bytesPerNumber: 4, microBatches: 1, buckets: 1 },
  { name: "buckets", bytesPerNumber: 4, microBatches: 1, buckets: 8 },
  { name: "bfloat16", bytesPerNumber: 2, microBatches: 1, buckets: 1 },
  { name: "8 micro-batches", bytesPerNumber: 4, microBatches: 8, buckets: 1 },
];

/** A ring allreduce: 2 (N - 1) rounds, in each of which every rank sends an Nth to its neighbour. */
function ringMs(bytes: number, ranks: number, { latencyMs, bytesPerMs }: Link): number {
  return 2 * (ranks - 1) * (latencyMs + bytes / ranks / bytesPerMs);
}

interface Step {
  readonly computeMs: number;
  readonly bytes: number;
  readonly ranks: number;
  readonly link: Link;
  readonly buckets: number;
}

/** The formula: buckets overlap the backward pass, and the last one can only start at its end. */
function stepMs({ computeMs, bytes, ranks, link, buckets }: Step): number {
  const bucketMs = ringMs(bytes / buckets, ranks, link);
  const start = computeMs * (FORWARD + (1 - FORWARD) / buckets);
  return Math.max(computeMs + bucketMs, start + buckets * bucketMs);
}

/** The same, message by message: no rank takes part in a round before it and its neighbour have done the one before. */
function simulatedMs({ computeMs, bytes, ranks, link, buckets }: Step, jitter: number): number {
  const random = rng(1, "scale", ranks);
  const paces = Array.from({ length: ranks }, () => computeMs * (1 + jitter * Math.abs(random.normal())));
  const messageMs = link.latencyMs + bytes / buckets / ranks / link.bytesPerMs;
  let free = new Float64Array(ranks);
  for (let bucket = 1; bucket <= buckets; bucket++) {
    const isReady = FORWARD + ((1 - FORWARD) * bucket) / buckets;
    let done = Float64Array.from(paces, (pace, rank) => Math.max(pace * isReady, free[rank] as number));
    for (let round = 0; round < 2 * (ranks - 1); round++) {
      const before = done;
      done = before.map((own, rank) => {
        const left = before[(rank + ranks - 1) % ranks] as number;
        return Math.max(own, left) + messageMs;
      });
    }
    free = done;
  }
  return Math.max(...free);
}

const specOf = ({ batch: _, shortLoops: __, ...size }: BenchConfig) => loopformer(size);

function loads(): Load[] {
  const ours = (["S", "M"] as const).map((name): Load => {
    const config = configs[name];
    return { name, flops: flopsPerStep(config), parameters: parameterCount(specOf(config)) };
  });
  // 8 sequences of 1,024 tokens; 8 loops and 4 of a core of 151 M, and the head of 103 M twice, forward and backward
  const tokens = 8 * 1024;
  const paper = { name: "278 M", flops: 6 * tokens * (12 * 151e6 + 2 * 103e6), parameters: 278e6 };
  return [...ours, paper];
}

const { values } = parseArgs({
  options: {
    gflops: { type: "string", default: "200" },
    "latency-us": { type: "string", default: "30" },
    jitter: { type: "string", default: "0.02" },
  },
});
const [gflops, latencyMs, jitter] = [
  Number(values.gflops),
  Number(values["latency-us"]) / 1000,
  Number(values.jitter),
];
let largestGap = 0;
const text = (ms: number) => (ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(0)} s`);
for (const gigabits of [10, 100]) {
  const link = { latencyMs, bytesPerMs: (gigabits / 8) * 1e6 };
  const rows = loads().flatMap(({ name, flops, parameters }) =>
    ways.map((way) => {
      const computeMs = (way.microBatches * flops) / gflops / 1e6;
      const cells = rankCounts.map((ranks) => {
        const bytes = way.bytesPerNumber * parameters;
        const step = { computeMs, bytes, ranks, link, buckets: way.buckets };
        const [formula, simulated] = [stepMs(step), simulatedMs(step, jitter)];
        largestGap = Math.max(largestGap, Math.abs(simulatedMs(step, 0) / formula - 1));
        const share = (ms: number) => `${((100 * computeMs) / ms).toFixed(0)}`;
        return `${text(formula)}, ${share(formula)} % (${share(simulated)} %)`;
      });
      return [name, way.name, ...cells];
    }),
  );
  console.log(
    `${gigabits} Gb/s, ${gflops} GFLOP/s a rank; simulated in brackets, with ranks ${100 * jitter} % apart`,
  );
  console.log(`${table([["model", "way", ...rankCounts.map(String)], ...rows])}\n`);
}
console.log(
  `between formula and simulation, where all ranks are equally fast: ${(100 * largestGap).toFixed(3)} % at most`,
);
