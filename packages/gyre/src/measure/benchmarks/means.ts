import type { BenchmarkEntry, BenchmarkMean } from "../../report/report.ts";
import { mean } from "../../util/statistics.ts";

const averaged: readonly string[] = ["acc", "acc_norm", "exact_match"];

/** The mean of each accuracy over the benchmarks that have it, where at least two do. */
export function benchmarkMeans(entries: readonly BenchmarkEntry[]): BenchmarkMean[] {
  return averaged.flatMap((metric) => {
    const of = entries.filter((entry) => entry.metric === metric);
    if (of.length < 2) return [];
    const squares = of.reduce((sum, { stderr = Number.NaN }) => sum + stderr ** 2, 0);
    const stderr = Math.sqrt(squares) / of.length;
    const value = mean(of.map((entry) => entry.value));
    return [{ metric, value, ...(Number.isNaN(stderr) ? {} : { stderr }), benchmarks: of.length }];
  });
}
