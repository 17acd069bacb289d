import { escapeMarkdown } from "./markdown.ts";
import { groupedText } from "./numbers.ts";
import { type Scale, scaleFor, tickTexts } from "./scale.ts";
import {
  element,
  fitText,
  ink,
  type SeriesStyle,
  seriesStyle,
  svgDocument,
  svgMarker,
  svgText,
} from "./svg.ts";

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

const width = 900;
const frame = { left: 78, top: 92, right: 660, bottom: 452 };

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
  return svgDocument(width, frame.bottom + 62, title, [
    svgText(28, 38, fitText(title, 19, width - 56), { size: 19, weight: 650, color: ink.strong }),
    svgText(28, 61, fitText(subtitle, 13, width - 56), { size: 13 }),
    ...axes(xs, ys),
    ...report.series.flatMap((curve, index) => drawn(curve, seriesStyle(index), xs, ys)),
    ...legend(report.series),
  ]);
}

function axes(xs: Scale, ys: Scale): string[] {
  const { left, right, top, bottom } = frame;
  const [across, up] = [tickTexts(xs.ticks), tickTexts(ys.ticks)];
  return [
    ...ys.ticks.flatMap((tick, index) => {
      const y = ys.at(tick);
      return [
        element("line", { x1: left, x2: right, y1: y, y2: y, stroke: ink.grid }),
        svgText(left - 10, y + 4, up[index] ?? "", { anchor: "end" }),
      ];
    }),
    ...xs.ticks.flatMap((tick, index) => [
      element("line", { x1: xs.at(tick), x2: xs.at(tick), y1: bottom, y2: bottom + 5, stroke: ink.axis }),
      svgText(xs.at(tick), bottom + 20, across[index] ?? "", { anchor: "middle" }),
    ]),
    element("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: ink.axis }),
    svgText((left + right) / 2, bottom + 44, "passes of the core per token", { anchor: "middle" }),
    svgText(24, (top + bottom) / 2, "nats per token (lower is better)", { anchor: "middle", rotate: -90 }),
  ];
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

function legend(series: readonly ExitCurve[]): string[] {
  const left = frame.right + 34;
  const rows = series.flatMap(({ name }, index) => {
    const y = frame.top + 8 + index * 26;
    const style = seriesStyle(index);
    const dash = { x1: left, x2: left + 26, y1: y, y2: y, stroke: style.color, "stroke-width": 2 };
    const text = svgText(left + 36, y + 4, name, { size: 13, color: ink.strong });
    return [element("line", dash), svgMarker(left + 13, y, style), text];
  });
  const notes = ["broken: a random exit with", "the same numbers of loops"];
  const top = frame.top + 20 + series.length * 26;
  return [...rows, ...notes.map((note, index) => svgText(left, top + index * 16, note, { size: 11 }))];
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
