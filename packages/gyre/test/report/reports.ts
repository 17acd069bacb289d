import { allTrajectories } from "../../src/models/trajectories.ts";
import type { Chart } from "../../src/report/chart.ts";
import type {
  BudgetPoint,
  ModelReport,
  Provenance,
  QualityReport,
  ReportOf,
} from "../../src/report/report.ts";

const provenance: Provenance = {
  command: "gyre eval runs/a --loops 1,2,4,8",
  commit: "0123abc",
  createdAt: "2026-01-02T03:04:05.000Z",
  machine: "2 cores, Linux x64",
  runtime: "onnxruntime-node 1.30.0, cpu",
  data: { name: "sotu", split: "validation" },
};

const protocol = { tokenizer: "bpe, 4,096 entries", tokens: 65_536, context: 256, stride: 128 };

export function point(loops: number, loss: number, more: Partial<BudgetPoint> = {}): BudgetPoint {
  return {
    loops,
    trajectory: Array.from({ length: loops }, () => 1 / loops),
    loss,
    perplexity: Math.exp(loss),
    bitsPerByte: loss / Math.LN2 / 4,
    flopsPerToken: 4e6 + loops * 3.2e6,
    elapsedMs: 400 + 250 * loops,
    tokens: 65_536,
    ...more,
  };
}

export function model(name: string, points: BudgetPoint[], more: Partial<ModelReport> = {}): ModelReport {
  return { name, family: "loopformer", spec: {}, parameters: 2_700_000, trainedLoops: 8, points, ...more };
}

export function report(models: ModelReport[], kind: QualityReport["kind"] = "budgets"): QualityReport {
  return { version: 2, kind, provenance, protocol, models };
}

/** A report of every trajectory of `loops` steps on the 1/`grid` grid, and the uniform one; coarse first is best. */
export function trajectories(grid: number, loops: number): QualityReport {
  const all = allTrajectories(grid, loops);
  if (grid % loops !== 0) all.push(point(loops, 1).trajectory);
  const points = all.map((trajectory) => {
    const centre = trajectory.reduce((sum, step, index) => sum + step * index, 0);
    return point(loops, 3.3 + 0.1 * centre + 0.01 * (trajectory[1] ?? 0), { trajectory });
  });
  return report([model("looped", points, { trainedLoops: grid })], "trajectories");
}

/** Two fixed depths and seven rules of two limits, each beside chance. */
export function exits(): ReportOf<"exits"> {
  const outcome = (name: string, passes: number, loss: number) => ({
    name,
    loss,
    stderr: 0.02,
    meanLoops: passes,
    passesPerToken: passes,
  });
  const rule = (name: string, at: number) => ({
    name,
    points: [outcome(`${name}<0.4`, 2 + at, 4.5 - at / 10), outcome(`${name}<0.2`, 3 + at / 10, 4.3)],
    random: [outcome(`random, as ${name}<0.4`, 2 + at, 4.55), outcome(`random, as ${name}<0.2`, 3.1, 4.32)],
  });
  const rules = ["change", "kl", "entropy", "margin", "probability", "second difference", "other"];
  const fixed = [outcome("1 loop", 1, 4.8), outcome("4 loops", 4, 4.3)];
  return {
    version: 2,
    kind: "exits",
    provenance: { ...provenance, command: "gyre exits runs/a" },
    model: { name: "a", step: 500 },
    cachePolicy: "recompute",
    tokens: 4165,
    series: [
      { name: "fixed loops", points: fixed, random: [] },
      ...rules.map((name, index) => rule(name, index / 10)),
    ],
  };
}

export function drafts(): ReportOf<"drafts"> {
  const timed = (tokens: number, tokensPerSecond: number, plainTokensPerSecond: number) => ({
    draft: { kind: "prefix" as const, loops: 1, tokens },
    tokensPerSecond,
    plainTokensPerSecond,
    acceptance: 0.75,
    blockPassesPerToken: 8,
  });
  const all = [timed(1, 1194.2, 1270.4), timed(2, 1100, 1200)];
  return {
    version: 2,
    kind: "drafts",
    provenance: { ...provenance, command: "gyre calibrate runs/a" },
    model: { name: "a", step: 500 },
    calibration: { loops: 4, tokens: 192, drafts: all, best: null },
  };
}

export function lab(chart: Partial<Chart> = {}): ReportOf<"lab"> {
  const charts = [
    {
      title: "Errors fall",
      subtitle: "20 prompts",
      x: { title: "examples before the query", kind: "linear" as const },
      y: { title: "squared error", kind: "log" as const },
      series: [
        {
          name: "model",
          points: [0, 5, 10].map((x) => ({
            x,
            y: 10 ** (-x / 5),
            low: 0.5 * 10 ** (-x / 5),
            high: 2 * 10 ** (-x / 5),
          })),
        },
      ],
      ...chart,
    },
  ];
  const claims = [
    { text: "|w* - w| at most", measured: 0.05, limit: 0.1, holds: true },
    { text: "falls by half", measured: Number.NaN, limit: 0.5, holds: false },
  ];
  return {
    version: 2,
    kind: "lab",
    provenance: { command: "gyre lab reproduce x", machine: "2 cores", seeds: [1, 2] },
    findings: {
      title: "Errors fall",
      charts,
      claims,
      table: { head: ["", "best"], rows: [["model | 1", "0.1"]] },
      settings: { prompts: 20 },
    },
  };
}

export function benchmarks(): ReportOf<"benchmarks"> {
  const at = (loops: number, value: number) => ({
    loops,
    budget: String(loops),
    elapsedMs: 1000 * loops,
    entries: [
      { benchmark: "piqa", metric: "acc", value, stderr: 0.05, cut: 0 },
      { benchmark: "piqa", metric: "acc_norm", value: value + 0.1, stderr: 0.05, cut: 0 },
      { benchmark: "lambada", metric: "perplexity", value: 1234 / loops, stderr: 10, cut: 3 },
    ],
    means: [{ metric: "acc", value, stderr: 0.05, benchmarks: 2 }],
  });
  return {
    version: 2,
    kind: "benchmarks",
    provenance: { command: "gyre eval runs/a --tasks tasks", machine: "2 cores", runtime: "cpu, 2 threads" },
    benchmarks: [{ name: "piqa", kind: "choices", file: "piqa.jsonl", questions: 1838 }],
    models: [{ name: "a", source: "loopformer, 1,000 parameters", points: [at(1, 0.5), at(2, 0.6)] }],
  };
}
