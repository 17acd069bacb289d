import { allTrajectories } from "../../src/models/trajectories.ts";
import type { BudgetPoint, ModelReport, Report } from "../../src/report/report.ts";

const provenance: Report["provenance"] = {
  commit: "0123abc",
  machine: "2 cores, Linux x64",
  runtime: "onnxruntime-node 1.30.0, cpu",
  dataset: "sotu",
  split: "validation",
  tokenizer: "bpe, 4,096 entries",
  tokens: 65_536,
  context: 256,
  stride: 128,
};

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

export function report(models: ModelReport[], kind: Report["kind"] = "budget"): Report {
  const createdAt = "2026-01-02T03:04:05.000Z";
  return { version: 1, kind, createdAt, command: "gyre eval runs/a --loops 1,2,4,8", provenance, models };
}

/** A report of every schedule of `loops` steps on the 1/`grid` grid, and the uniform one; coarse first is best. */
export function schedules(grid: number, loops: number): Report {
  const all = allTrajectories(grid, loops);
  if (grid % loops !== 0) all.push(point(loops, 1).trajectory);
  const points = all.map((trajectory) => {
    const centre = trajectory.reduce((sum, step, index) => sum + step * index, 0);
    return point(loops, 3.3 + 0.1 * centre + 0.01 * (trajectory[1] ?? 0), { trajectory });
  });
  return report([model("looped", points, { trainedLoops: grid })], "trajectories");
}
