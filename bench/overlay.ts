import { Buffer } from "node:buffer";
import { join } from "node:path";
import { loadCorpus } from "../packages/gyre/src/data/corpus.node.ts";
import { bytesTokenizer } from "../packages/gyre/src/data/tokenizer.ts";
import { batch, memorySplit } from "../packages/gyre/src/data/windows.ts";
import { toOfficialNames } from "../packages/gyre/src/families/index.ts";
import { loopformer } from "../packages/gyre/src/models/presets.ts";
import { uniformTrajectory } from "../packages/gyre/src/models/spec.ts";
import type { Chart, Series } from "../packages/gyre/src/report/chart.ts";
import { atMost, type ReportOf } from "../packages/gyre/src/report/report.ts";
import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import { elasticSource } from "../packages/gyre/src/train/elastic-source.ts";
import { initialState } from "../packages/gyre/src/train/initial-state.ts";
import { SHORT_ROUTE } from "../packages/gyre/src/train/objectives/elastic.ts";
import { type MicroBatch, optimise } from "../packages/gyre/src/train/optimise.ts";
import { parseTraining } from "../packages/gyre/src/train/options.ts";
import type { Tensor } from "../packages/gyre/src/util/tensor.ts";
import { peerMissing } from "./errors.ts";
import { type Provenance, repositoryRoot, round, table } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { findPython, peerEnvironment } from "./peers/python.ts";

/** Config S's little sister: small enough that 2,000 steps take a minute. */
const size = { width: 32, heads: 4, mlp: 128, layers: 2, vocab: 257, context: 32, loops: 4 };
const training = {
  batch: 8,
  learningRate: 1e-3,
  learningRateFloor: 1e-4,
  warmupSteps: 100,
  weightDecay: 0.2,
  clip: 1,
  objective: { kind: "elastic" as const },
};
const TEXT_BYTES = 2 ** 20;
/** Steps of which one point of a curve is the mean. */
const WINDOW = 20;

export interface OverlayOptions {
  readonly steps: number;
  readonly seeds: number;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** One training three times over: ours, PyTorch's, and PyTorch's once more with the rows of every batch in reverse order. */
interface Overlay {
  readonly seed: number;
  /** Means of windows of steps, of the long run's cross-entropy in nats. */
  readonly ours: readonly number[];
  readonly pytorch: readonly number[];
  /** Largest differences in windows of steps: ours from PyTorch's, and PyTorch's reordered from PyTorch's. */
  readonly difference: readonly number[];
  readonly reordered: readonly number[];
  /** Of the first hundred steps, and of all. */
  readonly largestOf100: number;
  readonly largest: number;
  readonly largestReordered: number;
}

/** How far two trainings of one arithmetic drift apart. */
export interface OverlayResult {
  readonly bench: "overlay";
  readonly steps: number;
  readonly window: number;
  readonly torch: string;
  readonly runs: readonly Overlay[];
  readonly size: typeof size;
  readonly training: typeof training;
  readonly provenance: Provenance;
}

/** Trains beside PyTorch, step by step: the same start, batches, trajectories and rates. */
export async function benchOverlay(options: OverlayOptions): Promise<OverlayResult> {
  const { steps, print, provenance } = options;
  const python = findPython(print);
  if (python === undefined) throw peerMissing();
  const peer = () =>
    new LineProcess({
      name: "PyTorch",
      command: python,
      args: [join(repositoryRoot, "bench/peers/overlay.py")],
      env: peerEnvironment(1),
    });
  await using same = peer();
  await using reordered = peer();
  const { version } = await same.ask<{ version: string }>("version");
  const runs: Overlay[] = [];
  for (let seed = 1; seed <= options.seeds; seed++)
    runs.push(await overlay(seed, { same, reordered }, options));
  return {
    bench: "overlay",
    steps,
    window: WINDOW,
    torch: version,
    runs,
    size,
    training,
    provenance,
  };
}

interface Peers {
  readonly same: LineProcess;
  readonly reordered: LineProcess;
}

async function overlay(
  seed: number,
  { same, reordered }: Peers,
  { steps, threads, print }: OverlayOptions,
): Promise<Overlay> {
  const spec = loopformer(size);
  const options = parseTraining({ ...training, steps, seed }, spec);
  const state = initialState(spec, seed);
  for (const peer of [same, reordered])
    await peer.ask(`start ${startOf(spec, state.weights, peer === reordered)}`);
  const split = await bytesOfCorpus();
  const source = elasticSource(spec, options, (step, micro) => {
    const rows = batch({ ...options, split, context: size.context, batch: options.batch, step, micro });
    const shape = [options.batch, size.context];
    return {
      inputs: [
        ["tokens", { data: rows.tokens, shape }],
        ["targets", { data: rows.targets, shape }],
      ],
      length: size.context,
    };
  });
  await using runtime = await openOnnxRuntime({ threads });
  const losses: { ours: number; pytorch: number; reordered: number }[] = [];
  for await (const event of optimise({ runtime, options, source, state })) {
    if (event.type !== "step") continue;
    const line = `step ${stepOf(source(event.step - 1, 0), event.learningRate)}`;
    const [a, b] = await Promise.all([same, reordered].map((peer) => peer.ask<{ parts: number[] }>(line)));
    losses.push({
      ours: event.parts["long"] ?? Number.NaN,
      pytorch: a?.parts[0] ?? Number.NaN,
      reordered: b?.parts[0] ?? Number.NaN,
    });
    if (event.step % 200 === 0) print(`seed ${seed}, step ${event.step}: ${JSON.stringify(losses.at(-1))}`);
  }
  return summaryOf(seed, losses);
}

function summaryOf(
  seed: number,
  losses: readonly { ours: number; pytorch: number; reordered: number }[],
): Overlay {
  const windows = Array.from({ length: Math.ceil(losses.length / WINDOW) }, (_, at) =>
    losses.slice(at * WINDOW, (at + 1) * WINDOW),
  );
  const means = (side: "ours" | "pytorch") =>
    windows.map((own) =>
      round(
        own.reduce((sum, one) => sum + one[side] / own.length, 0),
        6,
      ),
    );
  const apart = (side: "ours" | "reordered", own: typeof losses) =>
    Number(Math.max(...own.map((one) => Math.abs(one[side] - one.pytorch))).toPrecision(3));
  return {
    seed,
    ours: means("ours"),
    pytorch: means("pytorch"),
    difference: windows.map((own) => apart("ours", own)),
    reordered: windows.map((own) => apart("reordered", own)),
    largestOf100: apart("ours", losses.slice(0, 100)),
    largest: apart("ours", losses),
    largestReordered: apart("reordered", losses),
  };
}

/** The beginning of the embedded corpus, as bytes. */
async function bytesOfCorpus() {
  const { documents } = await loadCorpus({ source: "sotu" });
  const text = documents.map((one) => one.text).join("\n\n");
  const { encodeText } = bytesTokenizer();
  return memorySplit(Uint16Array.from(encodeText(text.slice(0, TEXT_BYTES))));
}

/** What the peer makes its model of. */
function startOf(
  spec: ReturnType<typeof loopformer>,
  weights: ReadonlyMap<string, Tensor<Float32Array>>,
  isReversed: boolean,
): string {
  const { loops, ...sizes } = size;
  const named = [...toOfficialNames(spec, weights)].map(([name, { data, shape }]) => {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return [name.replace(/^gpt\./, ""), [shape, bytes.toString("base64")]];
  });
  const { weightDecay } = training;
  const others = { sizes, loops, weightDecay, betas: [0.9, 0.95], isReversed };
  return JSON.stringify({ ...others, weights: Object.fromEntries(named) });
}

/** What the peer steps on. */
function stepOf({ inputs }: MicroBatch, rate: number): string {
  const all = new Map(inputs);
  const listed = (name: string) => Array.from((all.get(name) as Tensor).data);
  const short = all.has(`${SHORT_ROUTE}dt`) ? listed(`${SHORT_ROUTE}dt`) : uniformTrajectory(size.loops);
  const shape = all.get("tokens")?.shape;
  return JSON.stringify({ tokens: listed("tokens"), targets: listed("targets"), shape, short, rate });
}

/** Both curves of every seed, and how far they are apart, as a report. */
export function overlayReport(result: OverlayResult): ReportOf<"lab"> {
  const { runs, steps, window, torch, provenance: made } = result;
  const place = (values: readonly number[]) => values.map((y, at) => ({ x: (at + 1) * window, y }));
  const subtitle = `LoopFormer 2 x 4, width 32, 8 windows of 32 bytes a step · PyTorch ${torch}`;
  const x = { title: "steps", kind: "linear" as const };
  const curves = runs.flatMap(({ seed, ours, pytorch }, group): Series[] => [
    {
      name: `PyTorch, seed ${seed}`,
      group,
      isUnnamed: true,
      line: "dashed",
      markers: "none",
      points: place(pytorch),
    },
    { name: `seed ${seed}`, group, markers: "none", points: place(ours) },
  ]);
  const gaps = runs.flatMap(({ seed, difference, reordered }, group): Series[] => [
    {
      name: `reordered, seed ${seed}`,
      group,
      isUnnamed: true,
      line: "dashed",
      markers: "none",
      points: place(reordered),
    },
    { name: `seed ${seed}`, group, markers: "none", points: place(difference) },
  ]);
  const loss: Chart = {
    title: `${steps} steps of one training, here and in PyTorch`,
    subtitle,
    x,
    y: { title: "nats per token", kind: "linear" },
    series: curves,
    notes: ["solid: gyre", "dashed: PyTorch from the same start, batches and trajectories"],
  };
  const apart: Chart = {
    title: "How far the two losses are apart",
    subtitle,
    x,
    y: { title: `largest difference in ${window} steps, nats`, kind: "log" },
    series: gaps,
    notes: [
      "solid: gyre from PyTorch",
      "dashed: PyTorch from itself, the rows of every batch in reverse order",
    ],
  };
  const { command, commit, date: createdAt, machine } = made;
  const hundred = Math.max(...runs.map(({ largestOf100 }) => largestOf100));
  return {
    version: 2,
    kind: "lab",
    provenance: {
      command,
      commit,
      createdAt,
      machine: `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
      seeds: runs.map(({ seed }) => seed),
    },
    findings: {
      title: loss.title,
      charts: [loss, apart],
      claims: [atMost("nats between the two losses in the first hundred steps", hundred, 1e-5)],
      settings: { size, training, steps, torch },
    },
  };
}

/** The result as a table for people. */
export function overlayTable({ runs, steps }: OverlayResult): string {
  const rows = runs.map(({ seed, ours, pytorch, largestOf100, largest, largestReordered }) => [
    `seed ${seed}`,
    ours.at(-1) ?? "-",
    pytorch.at(-1) ?? "-",
    largestOf100,
    largest,
    largestReordered,
  ]);
  return table([
    [`overlay, ${steps} steps`, "gyre", "PyTorch", "apart, 100 steps", "apart", "reordered"],
    ...rows,
  ]);
}
