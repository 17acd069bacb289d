import { claimsTable } from "./claims-table.ts";
import type { HeatMap } from "./heat-map.ts";
import { fullRun, type Movement, movementOf } from "./movement.ts";
import { counted, groupedText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { ReportOf } from "./report.ts";
import { degrees, stateCharts } from "./states-charts.ts";
import { type Column, tableOf } from "./table.ts";

type StatesReport = ReportOf<"states">;
type Looked = Pick<StatesReport, "model" | "analysis">;

const movementColumn = (title: string, text: (movement: Movement) => string): Column<Looked> => ({
  title,
  text: ({ analysis }) => text(movementOf(fullRun(analysis))),
});

const columns: readonly Column<Looked>[] = [
  { title: "model", align: "left", text: ({ model }) => model.name },
  { title: "loops", text: ({ analysis }) => String(fullRun(analysis).loops) },
  movementColumn("change", ({ change }) => change.toFixed(3)),
  movementColumn("angle", ({ angle }) => `${degrees(angle).toFixed(1)}°`),
  movementColumn("CKA", ({ cka }) => cka.toFixed(3)),
  movementColumn("curvature", ({ curvature }) => `${degrees(curvature).toFixed(1)}°`),
  movementColumn("entropy", ({ entropy }) => entropy.toFixed(3)),
  movementColumn("eff. rank", ({ effectiveRank }) => effectiveRank.toFixed(1)),
  { title: "trend", text: ({ analysis }) => analysis.verdict.trend.toFixed(2) },
  {
    title: "radius of directions",
    text: ({ analysis }) => fullRun(analysis).stability.directionalRadius.toFixed(2),
  },
  { title: "verdict", align: "left", text: ({ analysis }) => analysis.verdict.tendency },
  { title: "safe loops", text: ({ analysis }) => String(analysis.verdict.safeLoops) },
];

/** The page of several models on the same texts: what they claim, how much each moves, and each quantity loop by loop. */
export function comparedStatesPage(
  { model, analysis, claims, provenance }: StatesReport,
  others: readonly Looked[],
): Page {
  const models = [{ model, analysis }, ...others];
  const { texts, tokens } = analysis;
  const read = `${groupedText(tokens)} tokens in ${counted(texts, "text")}`;
  const subtitle = `${provenance.data?.name ?? ""} · ${groupedText(tokens)} tokens · runs at full depth`;
  return {
    title: `Inside the loops of ${counted(models.length, "model")}`,
    lead: `${models.map((one) => one.model.name).join(", ")}: runs at full depth on the same ${read}.`,
    ...heatMapOf(models, subtitle),
    charts: stateCharts(
      models.map((one) => ({ name: one.model.name, run: fullRun(one.analysis) })),
      models.map((one) => ({ name: one.model.name, dial: one.analysis.dial })),
      { title: (what) => `${what[0]?.toUpperCase()}${what.slice(1)}`, subtitle, withBands: false },
    ),
    tables: [
      ...(claims && claims.length > 0 ? [claimsTable(claims)] : []),
      { title: "How much the states move, and what follows", ...tableOf(columns, models) },
    ],
    notes: [
      "`change` and `angle`: what a loop of the second half does to a state, the mean over these loops of the median over tokens. " +
        "`CKA`: the mean over every two loops, 1 where all loops are alike. `curvature`, `entropy` and `eff. rank`: the largest " +
        "value of any loop less the smallest. A stagnant model has a small change, a large CKA and small ranges. " +
        "`trend`, `verdict` and `safe loops` are those of `gyre analyze` of the one model.",
      "Lines are medians over tokens, or means over texts. States are taken before coda and final norm; 0 loops is what enters the " +
        "first. docs/analysis.md defines every number.",
    ],
    sources: [
      ...models.map((one) => ({ name: "model", text: `${one.model.name}${stepText(one.model)}` })),
      { name: "protocol", text: `${read}, from all over the ${provenance.data?.split ?? "data"}` },
    ],
  };
}

/** How alike every two loops are, a panel for each model; none where their numbers of loops differ. */
function heatMapOf(models: readonly Looked[], subtitle: string): Pick<Page, "heatMap"> {
  const runs = models.map(({ model, analysis }) => ({ name: model.name, ...fullRun(analysis) }));
  const loopsOf = ({ steps }: (typeof runs)[number]) => steps.map(({ loops }) => String(loops));
  const columns = loopsOf(runs[0] as (typeof runs)[number]);
  if (runs.some((run) => loopsOf(run).join() !== columns.join())) return {};
  const heatMap: HeatMap = {
    title: "How alike the states of every two loops are",
    subtitle: `linear CKA in per cent · ${subtitle}`,
    rowTitle: "after loop",
    columnTitle: "loop",
    columns,
    panels: runs.map(({ name, cka }) => ({
      name,
      detail: "",
      rows: cka.map((shares, at) => ({ label: columns[at] ?? "", shares })),
    })),
    notes: ["100: the same, but for a turn and a scale"],
  };
  return { heatMap };
}
