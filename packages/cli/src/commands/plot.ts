import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Chart, curveCharts, drawChart, panelsOf } from "gyre";
import { type RunCurve, readCurves, requireWritable, writeEvents, writeFileAtomic } from "gyre/node";
import { chartText, requireOutput } from "../reports.ts";
import { samplesLines } from "../samples.ts";

export interface PlotFlags {
  /** Folder of the drawings; none is written when left out. */
  readonly out?: string;
  /** Folder of TensorBoard's event files; none are written when left out. */
  readonly tensorboard?: string;
  /** All samples, and not the newest alone. */
  readonly samples?: boolean;
}

/** `gyre plot RUN...`: the curves of training and of held-out data, in the terminal and as SVG. */
export async function plotCommand(
  paths: readonly string[],
  { out, tensorboard, samples }: PlotFlags,
): Promise<number> {
  const curves = await readCurves(paths);
  const charts = curveCharts(curves).flatMap(panelsOf);
  await requireOutput(out);
  if (tensorboard !== undefined) await requireWritable(tensorboard);
  console.log(
    charts.map((chart) => [chart.title, subtitleOf(chart), chartText(chart)].join("\n")).join("\n\n"),
  );
  for (const line of curves.flatMap((curve) => writtenBy(curve, samples ?? false))) console.log(line);
  if (tensorboard !== undefined) console.log(`\n${(await writeEvents(paths, tensorboard)).join("\n")}`);
  if (out === undefined) return 0;
  console.log("");
  await mkdir(out, { recursive: true });
  for (const [index, chart] of charts.entries()) {
    const path = join(out, `curves${index === 0 ? "" : `-${index + 1}`}.svg`);
    await writeFileAtomic(path, drawChart(chart));
    console.log(path);
  }
  return 0;
}

/** What a run wrote while it trained: the newest samples, or all. */
const writtenBy = ({ name, samples }: RunCurve, isAll: boolean): string[] =>
  (isAll ? samples : samples.slice(-1)).flatMap(({ step, ...written }) => {
    const [first, ...rest] = samplesLines(written);
    return [`\n${name}, step ${step}: ${first}`, ...rest];
  });

const subtitleOf = ({ subtitle }: Chart) => (subtitle === "" ? "" : `${subtitle}\n`);
