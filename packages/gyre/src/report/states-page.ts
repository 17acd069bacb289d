import { type Chart, MOST_COLORS } from "./chart.ts";
import { groupedText, numberText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { ReportOf } from "./report.ts";
import type { LoopMeasures, RunAnalysis, TokenTrace } from "./states.ts";
import { degrees, stateCharts } from "./states-charts.ts";
import { comparedStatesPage } from "./states-compare-page.ts";
import { type Column, type Table, tableOf, textTable } from "./table.ts";

const digits = (value: number | undefined, places: number): string => value?.toFixed(places) ?? "";

const driftColumn: Column<LoopMeasures> = {
  title: "att. drift",
  text: ({ attentionDrift }) => digits(attentionDrift?.median, 4),
};
const hasDrift = ({ steps }: RunAnalysis) => steps.some(({ attentionDrift }) => attentionDrift);

const columns: readonly Column<LoopMeasures>[] = [
  { title: "loops", text: ({ loops }) => String(loops) },
  { title: "loss", text: ({ lens }) => digits(lens?.loss, 4) },
  { title: "KL to last", text: ({ lens }) => digits(lens?.kl.median, 4) },
  { title: "agrees", text: ({ lens }) => (lens ? `${(100 * lens.agreement).toFixed(0)} %` : "") },
  { title: "rank", text: ({ lens }) => digits(lens?.rank.median, 0) },
  { title: "norm", text: ({ norm }) => numberText(norm.median) },
  { title: "change", text: ({ change }) => digits(change?.median, 4) },
  { title: "2nd diff.", text: ({ secondDifference }) => digits(secondDifference?.median, 4) },
  { title: "angle", text: ({ angle }) => (angle ? `${degrees(angle.median).toFixed(1)}°` : "") },
  driftColumn,
  { title: "curvature", text: ({ curvature }) => `${degrees(curvature).toFixed(1)}°` },
  { title: "anisotropy", text: ({ anisotropy }) => digits(anisotropy, 3) },
  { title: "entropy", text: ({ promptEntropy }) => digits(promptEntropy, 3) },
  { title: "eff. rank", text: ({ effectiveRank }) => digits(effectiveRank, 1) },
];

/** Reports of earlier versions have no attention drift. */
const columnsOf = (run: RunAnalysis) => columns.filter((column) => column !== driftColumn || hasDrift(run));

/** The page of a look inside the loops: the verdict first, then what it rests on; of several models what tells them apart. */
export function statesPage(report: ReportOf<"states">): Page {
  return report.others ? comparedStatesPage(report, report.others) : onePage(report);
}

function onePage(report: ReportOf<"states">): Page {
  const { model, analysis, provenance } = report;
  const { runs, verdict, tokens, texts, judged } = analysis;
  const run = judgedOf(report);
  return {
    title: `${model.name}: inside its loops`,
    lead: verdict.text.join(" "),
    charts: [...charts(report), orbitChart(report, run)],
    tables: [
      stabilityTable(runs),
      ...runs.map((one) => ({
        ...tableOf(columnsOf(one), one.steps),
        title: `States in a run of ${one.loops} loops`,
      })),
      ...runs.map(ckaTable),
      lensTable(run),
    ],
    notes: [
      "`loss`, `KL to last`, `agrees` and `rank` are what the head would read after each loop (the logit lens): nats per token, nats " +
        "from the last loop's prediction, the share of tokens whose best next token is the last loop's already, and the place of that " +
        "token. `change`, `2nd diff.` and `angle` are what a loop does to a token's state; `norm` is its length; " +
        "`att. drift` is how much of its attention went elsewhere than in the loop before, from 0 to 1. These are medians over " +
        "tokens. `curvature`, `anisotropy`, `entropy` and `eff. rank` describe the states of a text together, and are means over texts.",
      "States are taken before coda and final norm; 0 loops is what enters the first. docs/analysis.md defines every number, and says " +
        "where the lines of the verdict are.",
    ],
    sources: [
      { name: "model", text: `${model.name}${stepText(model)}` },
      {
        name: "protocol",
        text: `${groupedText(tokens)} tokens in ${texts} texts, from all over the ${provenance.data?.split ?? "data"}`,
      },
      { name: "verdict", text: `about the run of ${judged} loops` },
    ],
  };
}

function judgedOf({ analysis: { runs, judged } }: ReportOf<"states">): RunAnalysis {
  return (runs.find(({ loops }) => loops === judged) ?? runs[0]) as RunAnalysis;
}

const stabilityColumns: readonly Column<RunAnalysis>[] = [
  { title: "loops", text: ({ loops }) => String(loops) },
  { title: "radius of directions", text: ({ stability }) => digits(stability.directionalRadius, 3) },
  { title: "radius of states", text: ({ stability }) => digits(stability.radius, 3) },
  { title: "norm", text: ({ stability }) => digits(stability.norm, 2) },
  {
    title: "found",
    align: "left",
    text: ({ stability }) => (stability.isExact ? "eigenvalues" : "rates of growth"),
  },
];

const stabilityTable = (runs: readonly RunAnalysis[]): Table => ({
  ...tableOf(stabilityColumns, runs),
  title: "What the last loop does to small disturbances",
});

function ckaTable({ loops, steps, cka }: RunAnalysis): Table {
  const names = steps.map((step) => String(step.loops));
  const rows = cka.map((row, index) => [names[index] ?? "", ...row.map((value) => digits(value, 3))]);
  return {
    ...textTable(["CKA", ...names], rows),
    isHeat: true,
    title: `How alike the states are in a run of ${loops} loops`,
  };
}

/** What each token's state would predict, loop by loop: the best next token and its probability. */
function lensTable({ tokens, loops }: RunAnalysis): Table {
  const after = tokens[0]?.loops.filter(({ top }) => top !== undefined) ?? [];
  const rows = tokens.map((token) => [
    JSON.stringify(token.text),
    ...token.loops.flatMap(({ top }) => (top ? [guessText(top)] : [])),
  ]);
  const head = ["after", ...after.map((one) => `${one.loops} loop${one.loops === 1 ? "" : "s"}`)];
  const left = head.map((_, index) => index);
  return {
    ...textTable(head, rows, left),
    title: `What would be predicted next, in a run of ${loops} loops`,
  };
}

const guessText = ([best]: NonNullable<TokenTrace["loops"][number]["top"]>): string =>
  best ? `${JSON.stringify(best.text)} ${(100 * best.probability).toFixed(0)} %` : "";

function charts({ model, analysis, provenance }: ReportOf<"states">): Chart[] {
  const { fullDepth, dial, tokens } = analysis;
  const runs = analysis.runs.slice(0, MOST_COLORS);
  return stateCharts(
    runs.map((run) => ({ name: `${run.loops} loops`, run })),
    [{ name: "loss", dial }],
    {
      title: (what) => `${model.name}: ${what}`,
      subtitle: `${provenance.data?.name ?? ""} · ${groupedText(tokens)} tokens · trained at ${fullDepth} loops`,
      withBands: true,
    },
  );
}

/** Paths of a few tokens in the plane of the two leading directions. */
function orbitChart({ model }: ReportOf<"states">, { tokens, explained, loops }: RunAnalysis): Chart {
  const step = Math.max(1, Math.floor(tokens.length / MOST_COLORS));
  const shown = tokens.filter((_, index) => index % step === 0).slice(0, MOST_COLORS);
  const share = (index: number) => `${(100 * (explained[index] ?? 0)).toFixed(0)} % of the variance`;
  return {
    title: `${model.name}: orbits of single tokens`,
    subtitle: `a run of ${loops} loops; labels count them`,
    x: { title: `first direction, ${share(0)}`, kind: "linear" },
    y: { title: `second direction, ${share(1)}`, kind: "linear" },
    series: shown.map(({ text, position, loops: path }) => ({
      name: `${JSON.stringify(text)} at ${position}`,
      points: path.map(({ orbit: [x = 0, y = 0], loops: after }, index) => ({
        x,
        y,
        ...(index === 0 || index === path.length - 1 ? { label: String(after) } : {}),
      })),
    })),
  };
}
