import { type Chart, MOST_COLORS, type Panel, type Series } from "./chart.ts";
import { groupedText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { ExitCurve, ExitOutcome, ReportOf } from "./report.ts";
import { type Column, tableOf } from "./table.ts";

interface Row {
  readonly point: ExitOutcome;
  readonly random: ExitOutcome | undefined;
}

const columns: readonly Column<Row>[] = [
  { title: "rule", align: "left", text: ({ point }) => point.name },
  {
    title: "loss",
    text: ({ point: { loss, stderr } }) =>
      stderr === undefined ? loss.toFixed(4) : `${loss.toFixed(4)} ± ${stderr.toFixed(4)}`,
  },
  { title: "mean loops", text: ({ point }) => point.meanLoops.toFixed(2) },
  { title: "passes/token", text: ({ point }) => point.passesPerToken.toFixed(2) },
  { title: "random exit", text: ({ random }) => random?.loss.toFixed(4) ?? "" },
  { title: "gain", text: ({ point, random }) => (random ? (random.loss - point.loss).toFixed(4) : "") },
];

/** Data, size and cache policy of a study, in one line. */
const protocolText = ({ provenance: { data }, tokens, cachePolicy }: ReportOf<"exits">): string =>
  `${data?.name}, ${data?.split} split · ${groupedText(tokens)} tokens a point · cache policy ${cachePolicy}`;

/** The page of exits: loss against passes of the core, each rule beside chance. */
export function exitsPage(report: ReportOf<"exits">): Page {
  const { model, series, tokens, cachePolicy } = report;
  const rows = series.flatMap(({ points, random }) =>
    points.map((point, index) => ({ point, random: random[index] })),
  );
  return {
    title: `${model.name}: exits`,
    lead: protocolText(report),
    charts: exitsCharts(report),
    tables: [tableOf(columns, rows)],
    notes: [
      "Loss in nats per token. `passes/token`: passes of the core, those made up for later included. `random exit`: the loss " +
        "when tokens leave at random with the same histogram of loops; `gain` is what the rule saves over it.",
    ],
    sources: [
      { name: "model", text: `${model.name}${stepText(model)}` },
      { name: "protocol", text: `${groupedText(tokens)} tokens a point` },
      { name: "cache policy", text: cachePolicy },
    ],
  };
}

/** Fixed depths beside a few rules at a time, all on the same axes. */
function exitsCharts(report: ReportOf<"exits">): Panel[] {
  const { model, series } = report;
  const fixed = series.filter(({ random }) => random.length === 0);
  const rules = series.filter(({ random }) => random.length > 0);
  const count = Math.max(1, Math.ceil(rules.length / (MOST_COLORS - fixed.length)));
  const size = Math.ceil(rules.length / count);
  const chart: Chart = {
    title: `${model.name}: what leaving loops early costs`,
    subtitle: protocolText(report),
    x: { title: "passes of the core per token" },
    y: { title: "nats per token (lower is better)" },
    series: [],
    notes: ["thin and dashed: a random exit with the same numbers of loops"],
  };
  return Array.from({ length: count }, (_, index) => {
    const shown = [...fixed, ...rules.slice(index * size, (index + 1) * size)];
    const others = rules.filter((rule) => !shown.includes(rule));
    return {
      ...chart,
      title: count === 1 ? chart.title : `${chart.title} (${index + 1} of ${count})`,
      series: shown.flatMap(seriesOf),
      others: others.flatMap(seriesOf).filter(({ isUnnamed }) => !isUnnamed),
    };
  });
}

function seriesOf({ name, points, random }: ExitCurve, group: number): Series[] {
  const place = ({ passesPerToken, loss, stderr }: ExitOutcome) => ({
    x: passesPerToken,
    y: loss,
    ...(stderr === undefined ? {} : { low: loss - stderr, high: loss + stderr }),
  });
  const byCost = (outcomes: readonly ExitOutcome[]) => outcomes.map(place).sort((a, b) => a.x - b.x);
  const chance = byCost(random).map(({ x, y }) => ({ x, y }));
  return [
    { name: `random, as ${name}`, group, isUnnamed: true, line: "dashed", markers: "none", points: chance },
    { name, group, spread: "bars", points: byCost(points) },
  ];
}
