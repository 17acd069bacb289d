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

/** Three loops on words of up to four elements: `kl` saves one at no loss, `margin` loses. */
export function answerExits(): ReportOf<"answer-exits"> {
  const exit = (name: string, accuracy: number, loops: readonly number[]) => ({
    name,
    accuracy,
    meanLoops: loops.reduce((sum, one) => sum + one, 0) / loops.length,
    scores: loops.map((meanLoops, at) => ({
      difficulty: at + 1,
      problems: 100,
      right: Math.round(100 * accuracy),
      meanLoops,
    })),
  });
  return {
    version: 2,
    kind: "answer-exits",
    provenance: { ...provenance, command: "gyre exits runs/a" },
    model: { name: "a", step: 500 },
    task: {
      name: "words",
      variant: "S3",
      counts: "elements",
      answer: "read",
      scores: "prefixes",
      hasOneAnswer: true,
    },
    problems: 100,
    loops: 3,
    exits: [
      exit("first 1 of 3", 0.5, [1, 1, 1, 1]),
      exit("first 2 of 3", 0.7, [2, 2, 2, 2]),
      exit("first 3 of 3", 0.9, [3, 3, 3, 3]),
      exit("kl<0.1", 0.85, [1, 1, 1.5, 2]),
      exit("kl<0.01", 0.897, [1, 1.5, 2.5, 3]),
      exit("kl<0.001", 0.9, [2, 2.5, 3, 3]),
      exit("margin>0.5", 0.6, [1, 1, 1, 2]),
    ],
  };
}

/** Two loops that move a token from (0, 0) to (1, 1), and predict better with each. */
export function states(): ReportOf<"states"> {
  const spread = (median: number) => ({ low: median / 2, median, high: 2 * median });
  const step = (loops: number) => ({
    loops,
    norm: spread(3),
    ...(loops > 0 ? { change: spread(0.4 / loops), angle: spread(0.1) } : {}),
    curvature: Math.PI / 2,
    anisotropy: 0.25,
    promptEntropy: 2.5,
    effectiveRank: 12,
    ...(loops > 0
      ? {
          lens: { loss: 4 - loops / 2, kl: spread(0.2 * (2 - loops)), rank: spread(1), agreement: loops / 2 },
        }
      : {}),
  });
  const at = (loops: number) => ({
    loops,
    norm: 3,
    orbit: [loops / 2, loops / 2],
    ...(loops > 0 ? { top: [{ token: 1, text: "b|", probability: loops / 4 }] } : {}),
  });
  return {
    version: 2,
    kind: "states",
    provenance: { ...provenance, command: "gyre analyze runs/a" },
    model: { name: "a", step: 500 },
    analysis: {
      fullDepth: 2,
      texts: 2,
      tokens: 1024,
      runs: [
        {
          loops: 2,
          steps: [step(0), step(1), step(2)],
          cka: [
            [1, 0.5, 0.25],
            [0.5, 1, 0.75],
            [0.25, 0.75, 1],
          ],
          explained: [0.7, 0.2],
          tokens: [{ position: 0, token: 0, text: "a", loops: [at(0), at(1), at(2)] }],
          stability: { radius: 1.1, directionalRadius: 0.9, norm: 3, isExact: true, texts: 2 },
        },
      ],
      dial: [
        { loops: 1, loss: 3.5, worse: 0, stderr: 0 },
        { loops: 2, loss: 3, worse: 0, stderr: 0 },
      ],
      judged: 2,
      verdict: {
        tendency: "settling",
        fromChanges: "settling",
        fromRadius: "settling",
        trend: 0.5,
        safeLoops: 2,
        isLimited: false,
        text: ["Settling.", "Up to 2 loops are safe."],
      },
    },
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

/** Two models on the word problem of a group, at one, two and four loops. */
export function answers(): ReportOf<"answers"> {
  const difficulties = Array.from({ length: 60 }, (_, at) => at + 1);
  const point = (loops: number, most: number) => ({
    loops,
    trajectory: new Array<number>(loops).fill(1 / loops),
    scores: difficulties.map((difficulty) => ({
      difficulty,
      problems: 50,
      right: difficulty <= most ? 50 : 10,
    })),
    accuracy: 0.2 + (0.8 * most) / 60,
    ...(most > 0 ? { solved: most } : {}),
  });
  const model = (name: string, gain: number) => ({
    name,
    step: 3000,
    family: "loopformer",
    spec: {},
    parameters: 110_000,
    trainedLoops: 4,
    points: [point(1, 0), point(2, 2 * gain), point(4, 4 * gain)],
  });
  return {
    version: 2,
    kind: "answers",
    provenance: { ...provenance, command: "gyre eval runs/a runs/b", seeds: [1] },
    task: {
      name: "words",
      variant: "S3",
      counts: "elements",
      answer: "read",
      scores: "prefixes",
      hasOneAnswer: true,
    },
    problems: 50,
    difficulties,
    shared: [1, 2, 3],
    solvedAt: 0.95,
    models: [model("a", 1), model("b", 2)],
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
