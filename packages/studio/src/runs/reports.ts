import { lossesOf } from "../train/session.ts";
import type { ServedRun } from "./served-run.ts";

/** A curve of a run: steps and losses, or loops and quality. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** What a report says, as far as a chart over loops can show it. */
export interface Quality {
  readonly title: string;
  readonly y: string;
  readonly curves: readonly Curve[];
}

/** The loss of each run step by step; a run without metrics has no points. */
export async function lossCurves(
  runs: readonly ServedRun[],
  read: (url: string) => Promise<string>,
): Promise<Curve[]> {
  return await Promise.all(
    runs.map(async ({ name, url }) => {
      const metrics = await read(`${url}metrics.jsonl`).catch(() => "");
      return { name, points: lossesOf(metrics).map(({ step, long }) => [step, long] as const) };
    }),
  );
}

interface Measured {
  readonly kind: string;
  readonly models: readonly { readonly name: string; readonly points: readonly Record<string, number>[] }[];
  /** Of a card, whose own quality it is. */
  readonly quality?: Measured;
}

/** Quality against loops, of a report of budgets or of answers, or of a card; undefined for other reports, and for what is none. */
export function qualityOf(json: string): Quality | undefined {
  try {
    const report = JSON.parse(json) as Measured;
    return curvesOf(report.kind === "card" ? report.quality : report);
  } catch {
    return undefined;
  }
}

function curvesOf(report: Measured | undefined): Quality | undefined {
  const field = { budgets: "bitsPerByte", answers: "accuracy" }[report?.kind ?? ""];
  if (!report || field === undefined) return undefined;
  const isOnTask = report.kind === "answers";
  return {
    title: isOnTask ? "Right answers at every depth" : "Bits per byte at every depth",
    y: isOnTask ? "percent right" : "bits per byte; lower is better",
    curves: report.models.map(({ name, points }) => ({
      name,
      points: points.map(
        (point) => [point["loops"] ?? 0, (isOnTask ? 100 : 1) * (point[field] ?? Number.NaN)] as const,
      ),
    })),
  };
}
