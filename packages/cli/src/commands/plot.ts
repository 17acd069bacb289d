import { join } from "node:path";
import { type Chart, curveCharts, drawChart, panelsOf } from "gyre";
import { readCurves, writeEvents, writeFileAtomic } from "gyre/node";
import { chartText, makeOutput } from "../reports.ts";

export interface PlotFlags {
  /** Folder of the drawings; none is written when left out. */
  readonly out?: string;
  /** Folder of TensorBoard's event files; none are written when left out. */
  readonly tensorboard?: string;
}

/** `gyre plot RUN...`: the curves of training and of held-out data, in the terminal and as SVG. */
export async function plotCommand(
  paths: readonly string[],
  { out, tensorboard }: PlotFlags,
): Promise<number> {
  const charts = curveCharts(await readCurves(paths)).flatMap(panelsOf);
  await makeOutput(out);
  console.log(
    charts.map((chart) => [chart.title, subtitleOf(chart), chartText(chart)].join("\n")).join("\n\n"),
  );
  if (tensorboard !== undefined) console.log(`\n${(await writeEvents(paths, tensorboard)).join("\n")}`);
  if (out === undefined) return 0;
  console.log("");
  for (const [index, chart] of charts.entries()) {
    const path = join(out, `curves${index === 0 ? "" : `-${index + 1}`}.svg`);
    await writeFileAtomic(path, drawChart(chart));
    console.log(path);
  }
  return 0;
}

const subtitleOf = ({ subtitle }: Chart) => (subtitle === "" ? "" : `${subtitle}\n`);
