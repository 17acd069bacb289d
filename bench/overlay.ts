import { Buffer } from "node:buffer";
import { loadCorpus } from "../packages/gyre/src/data/corpus.node.ts";
import { bytesTokenizer } from "../packages/gyre/src/data/tokenizer.ts";
import { batch, memorySplit } from "../packages/gyre/src/data/windows.ts";
import { toOfficialNames } from "../packages/gyre/src/families/index.ts";
import { loopformer } from "../packages/gyre/src/models/presets.ts";
import { type Spec, uniformTrajectory } from "../packages/gyre/src/models/spec.ts";
import type { TrainState } from "../packages/gyre/src/optim/state.ts";
import type { Chart, Series } from "../packages/gyre/src/report/chart.ts";
import { atMost, type ReportOf } from "../packages/gyre/src/report/report.ts";
import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import type { Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { elasticSource } from "../packages/gyre/src/train/elastic-source.ts";
import { initialState } from "../packages/gyre/src/train/initial-state.ts";
import { SHORT_ROUTE } from "../packages/gyre/src/train/objectives/elastic.ts";
import { type MicroBatch, optimise, type Source } from "../packages/gyre/src/train/optimise.ts";
import { parseTraining, type TrainingOptions } from "../packages/gyre/src/train/options.ts";
import { median } from "../packages/gyre/src/util/statistics.ts";
import type { Tensor, Weights } from "../packages/gyre/src/util/tensor.ts";
import { peerMissing } from "./errors.ts";
import { type Provenance, round, table } from "./harness.ts";
import type { LineProcess } from "./line-process.ts";
import { findPython, startPeer } from "./peers/python.ts";

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
/** Steps between two at which gradients are compared. */
const STEPS_BETWEEN_GRADIENTS = 10;

export interface OverlayOptions {
  readonly steps: number;
  readonly seeds: number;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** One training three times over, from one start: in float32 here and in PyTorch, and in PyTorch's float64. */
interface Overlay {
  readonly seed: number;
  /** Means of windows of steps, of the long run's cross-entropy in nats. */
  readonly ours: readonly number[];
  readonly pytorch: readonly number[];
  readonly exact: readonly number[];
  /** The largest differences from float64 in windows of steps, in nats. */
  readonly oursApart: readonly number[];
  readonly pytorchApart: readonly number[];
  /** The largest difference between gyre and PyTorch's float32 in the first hundred steps. */
  readonly largestOf100: number;
  /** Distances of one step's gradients, both from gyre's weights, from those of float64, as shares of their norm. */
  readonly gradients: readonly {
    readonly step: number;
    readonly gyre: number;
    readonly pytorch: number;
    /** Loops of the short run. */
    readonly short: number;
  }[];
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
  const peer = () => startPeer(python, { script: "overlay", flags: [], threads: 1 });
  await using float32 = peer();
  await using float64 = peer();
  const { version } = await float32.ask<{ version: string }>("version");
  const runs: Overlay[] = [];
  for (let seed = 1; seed <= options.seeds; seed++)
    runs.push(await overlay(seed, { float32, float64 }, options));
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
  readonly float32: LineProcess;
  readonly float64: LineProcess;
}

async function overlay(
  seed: number,
  peers: Peers,
  { steps, threads, print }: OverlayOptions,
): Promise<Overlay> {
  const spec = loopformer(size);
  const options = parseTraining({ ...training, steps, seed }, spec);
  const state = initialState(spec, seed);
  for (const [dtype, peer] of Object.entries(peers))
    await peer.ask(`start ${startOf(spec, state.weights, { dtype })}`);
  const source = await sourceOf(spec, options);
  await using runtime = await openOnnxRuntime({ threads });
  const compare = gradientErrors({ spec, state, source, runtime, peer: peers.float64 });
  const losses: Losses[] = [];
  const gradients: Overlay["gradients"][number][] = [];
  for await (const event of optimise({ runtime, options, source, state })) {
    if (event.type !== "step") continue;
    const line = `step ${JSON.stringify(stepOf(source(event.step - 1, 0), event.learningRate))}`;
    const [pytorch = Number.NaN, exact = Number.NaN] = await Promise.all(
      [peers.float32, peers.float64].map(
        async (peer) => (await peer.ask<{ parts: number[] }>(line)).parts[0] as number,
      ),
    );
    losses.push({ ours: event.parts["long"] ?? Number.NaN, pytorch, exact });
    if (event.step % STEPS_BETWEEN_GRADIENTS === 0 && event.step < steps)
      gradients.push(await compare(event.step));
    if (event.step % 200 === 0) print(`seed ${seed}, step ${event.step}: ${JSON.stringify(losses.at(-1))}`);
  }
  return { ...summaryOf(seed, losses), gradients };
}

type Losses = Readonly<Record<"ours" | "pytorch" | "exact", number>>;

function summaryOf(seed: number, losses: readonly Losses[]): Omit<Overlay, "gradients"> {
  const windows = Array.from({ length: Math.ceil(losses.length / WINDOW) }, (_, at) =>
    losses.slice(at * WINDOW, (at + 1) * WINDOW),
  );
  const means = (side: keyof Losses) =>
    windows.map((own) =>
      round(
        own.reduce((sum, one) => sum + one[side] / own.length, 0),
        6,
      ),
    );
  const largest = (own: readonly Losses[], side: keyof Losses, from: keyof Losses) =>
    Number(Math.max(...own.map((one) => Math.abs(one[side] - one[from]))).toPrecision(3));
  return {
    seed,
    ours: means("ours"),
    pytorch: means("pytorch"),
    exact: means("exact"),
    oursApart: windows.map((own) => largest(own, "ours", "exact")),
    pytorchApart: windows.map((own) => largest(own, "pytorch", "exact")),
    largestOf100: largest(losses.slice(0, 100), "ours", "pytorch"),
  };
}

interface Compared {
  readonly spec: Spec;
  readonly state: TrainState;
  readonly source: Source;
  readonly runtime: Runtime;
  readonly peer: LineProcess;
}

/** How exact the gradients of the step after one are, here and in PyTorch, from the weights that training has there. */
function gradientErrors({ spec, state, source, runtime, peer }: Compared) {
  return async (step: number): Promise<Overlay["gradients"][number]> => {
    const pass = source(step, 0);
    const program = await runtime.compile(pass.graph, { buffers: 1 });
    const outputs = await program.run(new Map([...state.weights, ...pass.inputs]));
    const own = new Map(
      [...state.weights.keys()].map((name) => [name, outputs.get(`grad/${name}`) as Tensor]),
    );
    const gradients = Object.fromEntries(
      [...officialBytes(spec, own)].map(([name, [, bytes]]) => [name, bytes]),
    );
    const line = startOf(spec, state.weights, { ...stepOf(pass, 0), gradients });
    const errors = await peer.ask<{ gyre: number; pytorch: number }>(`errors ${line}`);
    const [gyre, pytorch] = [errors.gyre, errors.pytorch].map((one) => Number(one.toPrecision(3)));
    return { step: step + 1, gyre: gyre as number, pytorch: pytorch as number, short: shortOf(pass).length };
  };
}

/** Windows of the embedded corpus, as training draws them. */
async function sourceOf(spec: Spec, options: TrainingOptions): Promise<Source> {
  const split = await bytesOfCorpus();
  return elasticSource(spec, options, (step, micro) => {
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
}

/** The beginning of the embedded corpus, as bytes. */
async function bytesOfCorpus() {
  const { documents } = await loadCorpus({ source: "sotu" });
  const text = documents.map((one) => one.text).join("\n\n");
  const { encodeText } = bytesTokenizer();
  return memorySplit(Uint16Array.from(encodeText(text.slice(0, TEXT_BYTES))));
}

/** What the peer makes its model of, and what else it is told. */
function startOf(spec: Spec, weights: Weights, others: object): string {
  const { loops, ...sizes } = size;
  const { weightDecay } = training;
  const named = Object.fromEntries(officialBytes(spec, weights));
  return JSON.stringify({ sizes, loops, weightDecay, betas: [0.9, 0.95], weights: named, ...others });
}

/** Shapes and bytes in base64, by the names of the official code. */
function officialBytes(spec: Spec, tensors: ReadonlyMap<string, Tensor>) {
  return [...toOfficialNames(spec, tensors)].map(([name, { data, shape }]) => {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return [name.replace(/^gpt\./, ""), [shape, bytes.toString("base64")]] as const;
  });
}

/** What the peer steps on. */
function stepOf(pass: MicroBatch, rate: number) {
  const all = new Map(pass.inputs);
  const listed = (name: string) => Array.from((all.get(name) as Tensor).data);
  const shape = all.get("tokens")?.shape;
  return { tokens: listed("tokens"), targets: listed("targets"), shape, short: shortOf(pass), rate };
}

/** The trajectory of the short run; the long one's where there is none. */
function shortOf({ inputs }: MicroBatch): readonly number[] {
  const steps = new Map(inputs).get(`${SHORT_ROUTE}dt`);
  return steps ? Array.from(steps.data) : uniformTrajectory(size.loops);
}

/** The curves of every seed, and how far they and their gradients are from float64, as a report. */
export function overlayReport(result: OverlayResult): ReportOf<"lab"> {
  const { runs, steps, provenance: made } = result;
  const { command, commit, date: createdAt, machine } = made;
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
      title: `${steps} steps of one training, here and in PyTorch`,
      charts: chartsOf(result),
      claims: claimsOf(runs),
      settings: { size, training, steps, torch: result.torch },
    },
  };
}

function chartsOf({ runs, steps, window, torch }: OverlayResult): Chart[] {
  const place = (values: readonly number[]) => values.map((y, at) => ({ x: (at + 1) * window, y }));
  const points = (all: Overlay["gradients"], side: "gyre" | "pytorch") =>
    all.map((one) => ({ x: one.step, y: one[side] }));
  const both = (
    of: (run: Overlay) => { readonly gyre: Series["points"]; readonly pytorch: Series["points"] },
  ) =>
    runs.flatMap((run, group): Series[] => {
      const { gyre, pytorch } = of(run);
      return [
        {
          ...{ name: `PyTorch, seed ${run.seed}`, points: pytorch },
          ...{ group, line: "dashed", markers: "none", isUnnamed: true },
        },
        { name: `seed ${run.seed}`, points: gyre, group, markers: "none" },
      ];
    });
  const chart = (
    title: string,
    y: Chart["y"],
    series: Series[],
    dashed = "PyTorch from the same start, batches and trajectories",
  ): Chart => ({
    title,
    subtitle: `LoopFormer 2 x 4, width 32, 8 windows of 32 bytes a step · PyTorch ${torch}`,
    x: { title: "steps", kind: "linear" },
    y,
    series,
    notes: ["solid: gyre", `dashed: ${dashed}`],
  });
  return [
    chart(
      `${steps} steps of one training, here and in PyTorch`,
      { title: "nats per token", kind: "linear" },
      both(({ ours, pytorch }) => ({ gyre: place(ours), pytorch: place(pytorch) })),
    ),
    chart(
      "How far float32 losses are from float64's",
      { title: `largest difference in ${window} steps, nats`, kind: "log" },
      both(({ oursApart, pytorchApart }) => ({ gyre: place(oursApart), pytorch: place(pytorchApart) })),
    ),
    chart(
      "How far float32 gradients are from float64's",
      { title: "distance as a share of the gradient's norm", kind: "log" },
      both(({ gradients }) => ({ gyre: points(gradients, "gyre"), pytorch: points(gradients, "pytorch") })),
      "PyTorch from the same weights, gyre's of that step",
    ),
  ];
}

function claimsOf(runs: readonly Overlay[]) {
  const hundred = Math.max(...runs.map(({ largestOf100 }) => largestOf100));
  const all = runs.flatMap(({ gradients }) => gradients);
  if (all.length === 0)
    return [atMost("nats between the two losses in the first hundred steps", hundred, 1e-5)];
  const typical = round(median(all.map(({ gyre, pytorch }) => gyre / pytorch)), 2);
  const worst = Math.max(...all.map(({ gyre }) => gyre));
  const theirs = Math.max(...all.map(({ pytorch }) => pytorch));
  return [
    atMost("nats between the two losses in the first hundred steps", hundred, 1e-5),
    atMost(
      "distance of a gradient from float64's, gyre's over PyTorch's, median of all steps compared",
      typical,
      2,
    ),
    atMost("the largest distance of gyre's gradients, beside PyTorch's largest", worst, theirs),
  ];
}

/** The result as a table for people. */
export function overlayTable({ runs, steps }: OverlayResult): string {
  const rows = runs.map(({ seed, ours, pytorch, exact, largestOf100, oursApart, pytorchApart }) => [
    `seed ${seed}`,
    ours.at(-1) ?? "-",
    pytorch.at(-1) ?? "-",
    exact.at(-1) ?? "-",
    largestOf100,
    Math.max(...oursApart),
    Math.max(...pytorchApart),
  ]);
  return table([
    [
      `overlay, ${steps} steps`,
      "gyre",
      "PyTorch",
      "float64",
      "apart, 100 steps",
      "gyre apart",
      "PyTorch apart",
    ],
    ...rows,
  ]);
}
