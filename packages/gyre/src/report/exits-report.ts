import { axisOf, chart, frame } from "./chart.ts";
import { escapeMarkdown } from "./markdown.ts";
import { groupedText } from "./numbers.ts";
import { type Scale, scaleFor } from "./scale.ts";
import { element, type SeriesStyle, seriesStyle, svgMarker } from "./svg.ts";

/** How well a text is predicted when its tokens leave their loops in one way. */
export interface ExitOutcome {
  readonly name: string;
  /** Nats per token. */
  readonly loss: number;
  readonly meanLoops: number;
  /** Passes of the core for each token, those made up for later included. */
  readonly passesPerToken: number;
}

/** A rule at several limits, each beside a random exit with the same numbers of loops; empty for fixed depths. */
export interface ExitCurve {
  readonly name: string;
  readonly points: readonly ExitOutcome[];
  readonly random: readonly ExitOutcome[];
}

/** What exits are worth for one model, and where the numbers come from. */
export interface ExitsReport {
  readonly version: 1;
  readonly kind: "exits";
  readonly createdAt: string;
  readonly command: string;
  readonly model: string;
  readonly commit: string | undefined;
  readonly machine: string;
  readonly dataset: string;
  /** What later tokens attend to in loops that an earlier one never ran. */
  readonly cachePolicy: string;
  /** Tokens whose prediction was scored for each point. */
  readonly tokens: number;
  readonly series: readonly ExitCurve[];
}

/** An SVG of loss against passes of the core: a line for each rule, a thin broken one for chance in its place. */
export function exitsFigure(report: ExitsReport): string {
  const all = report.series.flatMap(({ points, random }) => [...points, ...random]);
  const xs = scaleFor(
    all.map(({ passesPerToken }) => passesPerToken),
    frame.left,
    frame.right,
  );
  const ys = scaleFor(
    all.map(({ loss }) => loss),
    frame.bottom,
    frame.top,
  );
  const title = `${report.model}: what leaving loops early costs`;
  const subtitle = `${report.dataset}, validation split · ${groupedText(report.tokens)} tokens a point · ${report.cachePolicy}`;
  return chart({
    title,
    subtitle,
    x: axisOf("passes of the core per token", xs),
    y: axisOf("nats per token (lower is better)", ys),
    legend: report.series.map(({ name }, index) => ({
      name,
      style: seriesStyle(index),
      line: "solid",
      hasMarker: true,
    })),
    notes: ["broken: a random exit with", "the same numbers of loops"],
    body: report.series.flatMap((curve, index) => drawn(curve, seriesStyle(index), xs, ys)),
  });
}

function drawn({ points, random }: ExitCurve, style: SeriesStyle, xs: Scale, ys: Scale): string[] {
  const line = (outcomes: readonly ExitOutcome[], dash: Record<string, string | number>) => {
    const places = outcomes
      .toSorted((a, b) => a.passesPerToken - b.passesPerToken)
      .map(({ passesPerToken, loss }) => `${xs.at(passesPerToken).toFixed(1)} ${ys.at(loss).toFixed(1)}`);
    if (places.length < 2) return [];
    return [element("path", { d: `M${places.join("L")}`, fill: "none", stroke: style.color, ...dash })];
  };
  return [
    ...line(random, { "stroke-width": 1.1, "stroke-dasharray": "4 4" }),
    ...line(points, { "stroke-width": 2, "stroke-linejoin": "round" }),
    ...points.map(({ passesPerToken, loss }) => svgMarker(xs.at(passesPerToken), ys.at(loss), style)),
  ];
}

/** Titles of the columns of `exitsRows`. */
export const exitsColumns: readonly string[] = [
  ...["rule", "loss", "mean loops"],
  ...["passes/token", "random exit", "gain"],
];

/** A row for each point: how it exits, what it costs, and what chance makes of the same numbers of loops. */
export function exitsRows({ series }: ExitsReport): string[][] {
  return series.flatMap(({ points, random }) =>
    points.map((point, index) => {
      const chance = random[index];
      return [
        point.name,
        point.loss.toFixed(4),
        point.meanLoops.toFixed(2),
        point.passesPerToken.toFixed(2),
        chance ? chance.loss.toFixed(4) : "",
        chance ? (chance.loss - point.loss).toFixed(4) : "",
      ];
    }),
  );
}

/** The report as Markdown: the figure, a table of all points, and where the numbers come from. */
export function exitsMarkdown(report: ExitsReport, figure = "exits.svg"): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  const { command, commit, machine, dataset, tokens, cachePolicy, createdAt } = report;
  return [
    `# ${escapeMarkdown(report.model)}: exits`,
    `![loss against passes of the core](${figure})`,
    [line(exitsColumns), "| --- | ---: | ---: | ---: | ---: | ---: |", ...exitsRows(report).map(line)].join(
      "\n",
    ),
    "Loss in nats per token. `passes/token`: passes of the core, those made up for later included. `random exit`: the loss when " +
      "tokens leave at random with the same histogram of loops; `gain` is what the rule saves over it.",
    "## Where the numbers come from",
    [
      `- command: \`${command}\``,
      `- commit: ${commit ? `\`${commit}\`` : "unknown"}`,
      `- date: ${createdAt}`,
      `- machine: ${escapeMarkdown(machine)}`,
      `- data: ${escapeMarkdown(dataset)}, validation split only, ${groupedText(tokens)} tokens a point`,
      `- cache policy: ${cachePolicy}`,
    ].join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}
