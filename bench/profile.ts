import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchConfig, type ConfigName, configs } from "./configs.ts";
import { sideFailed } from "./errors.ts";
import { type Provenance, repositoryRoot, round, table } from "./harness.ts";

export interface ProfileOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** What the operations of a step are for. */
const kinds = {
  layers: "products of layers and head",
  attention: "products of attention",
  softmax: "softmax, masks and layout of attention",
  loss: "cross-entropy",
  elementwise: "norms, activations, modulation, look-ups",
  between: "onnxruntime between operations",
  optimizer: "clipping, AdamW and copies, on the host",
} as const;
type Kind = keyof typeof kinds;

interface Part {
  readonly ms: number;
  readonly share: number;
  /** Of products. */
  readonly gflops?: number;
}

/** Where the time of a LoopFormer's training step goes: of the fastest step, profiler included. */
export interface ProfileResult {
  readonly bench: "profile";
  readonly config: ConfigName;
  readonly msBest: number;
  readonly parts: Readonly<Record<Kind, Part>>;
  /** GFLOP/s of square products in the same runtime: what `share` of it the step's products reach, and the step as a whole. */
  readonly peakGflops: number;
  readonly ofPeak: { readonly products: number; readonly step: number };
  /** Processes that wanted a core in the last minute. */
  readonly load: number;
  readonly size: BenchConfig;
  readonly threads: number;
  readonly rounds: number;
  readonly provenance: Provenance;
}

/** Runs steps under onnxruntime's profiler in a process of their own, and adds up what each kind of operation took. Throws BENCH_SIDE_FAILED. */
export function benchProfile({ config, rounds, threads, provenance, print }: ProfileOptions): ProfileResult {
  const folder = mkdtempSync(join(tmpdir(), "gyre-bench-"));
  try {
    const size = configs[config];
    print(`${rounds} steps under the profiler`);
    const words = [
      "--import",
      "tsx",
      "--conditions",
      "@gyre/source",
      join(repositoryRoot, "bench/ours/profile-step.ts"),
    ];
    const given = [JSON.stringify(size), `${threads}`, `${rounds}`, join(folder, "step")];
    const answer = execFileSync(process.execPath, [...words, ...given]).toString("utf8");
    const { ms, peakGflops } = JSON.parse(answer) as {
      readonly ms: readonly number[];
      readonly peakGflops: number;
    };
    const [file = ""] = readdirSync(folder);
    const events = JSON.parse(readFileSync(join(folder, file), "utf8")) as ProfileEvent[];
    const [fastest, step] = ms
      .map((one, at) => [one, stepsOf(events, size)[at]] as const)
      .reduce((best, one) => (one[0] < best[0] ? one : best));
    if (!step) throw sideFailed("profile", `${file} has no run of the graph`);
    const part = (time: number, flops?: number): Part => ({
      ms: round(time),
      share: round(time / fastest, 3),
      ...(flops === undefined ? {} : { gflops: round(flops / time / 1e6) }),
    });
    const of = (kind: Exclude<Kind, "optimizer">, flops?: number) => part(step.us[kind] / 1e3, flops);
    const { layers, attention } = step.flops;
    const rate = (layers + attention) / (step.us.layers + step.us.attention) / 1e3;
    return {
      bench: "profile",
      config,
      msBest: round(fastest),
      parts: {
        layers: of("layers", layers),
        attention: of("attention", attention),
        softmax: of("softmax"),
        loss: of("loss"),
        elementwise: of("elementwise"),
        between: of("between"),
        optimizer: part(fastest - step.wholeUs / 1e3),
      },
      peakGflops: round(peakGflops),
      ofPeak: {
        products: round(rate / peakGflops, 3),
        step: round((layers + attention) / fastest / 1e6 / peakGflops, 3),
      },
      load: round(loadavg()[0] as number),
      ...{ size, threads, rounds, provenance },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

interface StepTimes {
  /** Microseconds: of the whole graph, and of each kind. */
  readonly wholeUs: number;
  readonly us: Record<Exclude<Kind, "optimizer">, number>;
  readonly flops: { layers: number; attention: number };
}

/** The runs of the graph, each with the operations within it. */
function stepsOf(events: readonly ProfileEvent[], size: BenchConfig): StepTimes[] {
  const nodes = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"));
  return events
    .filter(({ name }) => name === "model_run")
    .sort((a, b) => a.ts - b.ts)
    .map(({ ts, dur }) => {
      const us = { layers: 0, attention: 0, softmax: 0, loss: 0, elementwise: 0, between: dur };
      const flops = { layers: 0, attention: 0 };
      for (const node of nodes) {
        if (node.ts < ts || node.ts >= ts + dur) continue;
        const kind = kindOf(node, size);
        us[kind] += node.dur;
        us.between -= node.dur;
        if (kind === "layers" || kind === "attention") flops[kind] += flopsOf(node);
      }
      return { wholeUs: dur, us, flops };
    });
}

const shapesIn = (all: readonly Readonly<Record<string, readonly number[]>>[] = []) =>
  all.flatMap((one) => Object.values(one));
const inputsOf = ({ args }: ProfileEvent) => shapesIn(args?.input_type_shape);
const outputsOf = ({ args }: ProfileEvent) => shapesIn(args?.output_type_shape);

/** Only attention has tensors of four dimensions, and only the loss others as wide as the vocabulary. */
function kindOf(node: ProfileEvent, { vocab, width }: BenchConfig): Exclude<Kind, "optimizer" | "between"> {
  const all = [...inputsOf(node), ...outputsOf(node)];
  const isProduct = ["Gemm", "MatMul"].includes(node.args?.op_name ?? "");
  if (all.some((shape) => shape.length >= 4)) return isProduct ? "attention" : "softmax";
  if (isProduct) return "layers";
  return all.some((shape) => shape.at(-1) === vocab && vocab !== width) ? "loss" : "elementwise";
}

/** Two for each multiply-add: of a product its result's numbers by the length of what they sum. */
function flopsOf(node: ProfileEvent): number {
  const count = (shape: readonly number[] = []) => shape.reduce((product, length) => product * length, 1);
  const [a, b] = inputsOf(node);
  const results = count(outputsOf(node)[0]);
  // a: [.., m, k], b: [.., k, n]; of both and the result k follows, whichever is transposed
  const rest = count(a?.slice(-2)) * count(b?.slice(-2));
  const last = count(outputsOf(node)[0]?.slice(-2));
  return 2 * results * Math.sqrt(rest / last);
}

/** The result as a table for people. */
export function profileTable({ config, msBest, parts, peakGflops, ofPeak, load }: ProfileResult): string {
  const rows = Object.entries(kinds).map(([kind, title]) => {
    const { ms, share, gflops } = parts[kind as Kind];
    return [title, ms, `${(100 * share).toFixed(1)} %`, gflops ?? ""];
  });
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return [
    table([[`profile ${config}, fastest step ${msBest} ms`, "ms", "of the step", "GFLOP/s"], ...rows]),
    `square products: ${peakGflops} GFLOP/s; the step's products reach ${percent(ofPeak.products)} of it, the step ${percent(ofPeak.step)}`,
    `load of the machine: ${load}`,
  ].join("\n");
}
