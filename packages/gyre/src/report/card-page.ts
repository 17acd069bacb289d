import { loopsChart, savingTable } from "./answer-exits-page.ts";
import type { AnswerPoint } from "./answers.ts";
import { answersPage } from "./answers-page.ts";
import { budgetsPage } from "./budgets-page.ts";
import type { Chart, Panel } from "./chart.ts";
import type { ModelCost, Speed } from "./cost.ts";
import { draftsPage, draftText, speedup } from "./drafts-page.ts";
import { exitsPage } from "./exits-page.ts";
import { counted, groupedText, milliseconds, siText } from "./numbers.ts";
import { type Page, type Source, stepText } from "./page.ts";
import type { BudgetPoint, ExitOutcome, ReportOf } from "./report.ts";
import { statesPage } from "./states-page.ts";
import { type Column, type Table, tableOf, textTable } from "./table.ts";
import { isUniform, trajectoryText } from "./trajectory.ts";

type Card = ReportOf<"card">;

/** Budgets that a table shows at most. */
const MOST_BUDGETS = 12;

/** The page of a checkpoint: what it is worth at every budget, what else was measured of it, and what was not. */
export function cardPage(card: Card): Page {
  const { model, cost, quality, trajectories, exits, answerExits, drafts, states, speed, missing } = card;
  const answers = quality?.kind === "answers" ? answersPage(quality) : undefined;
  return {
    title: `${model.name}: report card`,
    lead: [sizeText(cost, model.trainedLoops), ...(states ? [verdictOf(states)] : [])].join(" "),
    charts: chartsOf(card),
    ...(answers?.heatMap ? { heatMap: answers.heatMap } : {}),
    tables: [
      ...(quality ? [qualityTable(card, quality)] : []),
      sizesTable(card),
      ...(trajectories ? [trajectoriesTable(trajectories, model.trainedLoops)] : []),
      ...(exits.length > 0 ? [exitsTable(exits)] : []),
      ...(answerExits ? [{ title: "Exits that lose nothing", ...savingTable(answerExits) }] : []),
      ...(drafts ? [draftsTable(drafts)] : []),
      ...(states ? statesPage(states).tables.slice(0, 1) : []),
      ...(speed ? [speedTable(speed)] : []),
      pairsTable("How it was trained", card.training),
      pairsTable(
        "What was not measured",
        missing.map(({ part, why }) => ({ name: part, text: why })),
      ),
    ].filter(({ rows }) => rows.length > 0),
    notes: notesOf(card),
    sources: [{ name: "model", text: `${model.name}${stepText(model)}` }, ...partSources(card)],
  };
}

const sizeText = ({ family, blocks, parameters, flopsPerToken }: ModelCost, loops: number): string =>
  `${family} of ${groupedText(parameters)} parameters: ${counted(blocks, "layer")}, ${counted(loops, "loop")}, ` +
  `${siText(flopsPerToken)} FLOPs a token at full depth.`;

const verdictOf = ({ analysis: { verdict } }: ReportOf<"states">): string => verdict.text.join(" ");

/** What carries most: quality, then loss along exits, then what turning the dial costs. */
function chartsOf({ quality, exits, answerExits, states }: Card): (Chart | Panel)[] {
  return [
    ...(quality ? (quality.kind === "budgets" ? budgetsPage(quality) : answersPage(quality)).charts : []),
    ...exits.slice(0, 1).flatMap((report) => exitsPage(report).charts),
    ...(answerExits ? loopsChart(answerExits) : []),
    ...(states ? statesPage(states).charts.slice(1, 2) : []),
  ];
}

/** How a baseline compares, as the papers say it: as many layers with weights, or as many applied to a token. */
function roleOf(own: ModelCost, { blocks, blockPasses }: ModelCost): string {
  const names = [
    ...(blocks === own.blocks ? ["iso-parameter"] : []),
    ...(blockPasses === own.blockPasses ? ["iso-FLOP"] : []),
  ];
  return names.join(", ") || "neither";
}

function sizesTable({ cost, baselines }: Card): Table {
  const ratio = (value: number, own: number) => `${(value / own).toFixed(2)}x`;
  const columns: Column<ModelCost>[] = [
    { title: "model", align: "left", text: ({ name }) => name },
    { title: "baseline", align: "left", text: (one) => (one === cost ? "" : roleOf(cost, one)) },
    { title: "layers", text: ({ blocks }) => String(blocks) },
    { title: "parameters", text: ({ parameters }) => groupedText(parameters) },
    { title: "of its", text: ({ parameters }) => ratio(parameters, cost.parameters) },
    { title: "block passes", text: ({ blockPasses }) => String(blockPasses) },
    { title: "FLOPs/token", text: ({ flopsPerToken }) => siText(flopsPerToken) },
    { title: "of its", text: ({ flopsPerToken }) => ratio(flopsPerToken, cost.flopsPerToken) },
  ];
  return { title: "Size, at full depth", ...tableOf(columns, [cost, ...baselines]) };
}

/** A row for each model, a column for each number of loops. */
function qualityTable({ cost, baselines }: Card, quality: NonNullable<Card["quality"]>): Table {
  const isText = quality.kind === "budgets";
  const models = quality.models.map(({ name, points }) => ({
    name,
    points: (points as readonly (AnswerPoint | BudgetPoint)[]).filter((one) => isUniform(one.trajectory)),
  }));
  const all = [...new Set(models.flatMap(({ points }) => points.map(({ loops }) => loops)))].sort(byValue);
  const budgets = thinned(all, MOST_BUDGETS);
  const rows = models.map(({ name, points }, index) => [
    name,
    index === 0 ? "" : roleOf(cost, baselines[index - 1] ?? cost),
    ...budgets.map((loops) => valueText(points.find((one) => one.loops === loops))),
  ]);
  const head = ["model", "baseline", ...budgets.map((loops) => counted(loops, "loop"))];
  return {
    title: isText ? "Bits per byte at each number of loops" : "Share of right answers (and what is solved)",
    ...textTable(head, rows, [0, 1]),
  };
}

function valueText(point: AnswerPoint | BudgetPoint | undefined): string {
  if (!point) return "";
  return "accuracy" in point
    ? `${point.accuracy.toFixed(3)} (${point.solved ?? 0})`
    : point.bitsPerByte.toFixed(4);
}

/** A row for each number of loops: the best trajectory, the worst, and the uniform one. */
function trajectoriesTable({ models }: NonNullable<Card["trajectories"]>, grid: number): Table {
  const points: readonly (AnswerPoint | BudgetPoint)[] = models[0]?.points ?? [];
  const counts = [...new Set(points.map(({ loops }) => loops))].sort(byValue);
  const loss = (point: AnswerPoint | BudgetPoint) =>
    "accuracy" in point ? -point.accuracy : point.bitsPerByte;
  const rows = counts.flatMap((loops) => {
    const own = points.filter((point) => point.loops === loops).sort((a, b) => loss(a) - loss(b));
    const [best, worst] = [own[0], own.at(-1)];
    if (!best || !worst || own.length < 2) return [];
    const uniform = own.find(({ trajectory }) => isUniform(trajectory));
    return [
      [
        String(loops),
        String(own.length),
        stepsText(best, grid),
        valueText(best),
        stepsText(worst, grid),
        valueText(worst),
        valueText(uniform),
      ],
    ];
  });
  const head = ["loops", "trajectories", "best", "", "worst", "", "uniform"];
  return { title: "Trajectories", ...textTable(head, rows, [2, 4]) };
}

const stepsText = ({ trajectory }: AnswerPoint | BudgetPoint, grid: number): string =>
  isUniform(trajectory) ? "uniform" : trajectoryText(trajectory, grid);

/** A row for each rule and cache policy: its best gain over chance, and what a fixed number of loops costs beside it. */
function exitsTable(reports: Card["exits"]): Table {
  const rows = reports.flatMap(({ cachePolicy, series }) => {
    const [fixed, ...others] = series;
    return others
      .filter(({ random }) => random.length > 0)
      .map(({ points, random }) => {
        const gains = points.map((point, index) => (random[index]?.loss ?? point.loss) - point.loss);
        const at = gains.indexOf(Math.max(...gains));
        const best = points[at] as ExitOutcome;
        return [
          cachePolicy,
          best.name,
          best.loss.toFixed(4),
          best.meanLoops.toFixed(2),
          best.passesPerToken.toFixed(2),
          (gains[at] ?? 0).toFixed(4),
          lossAt(fixed?.points ?? [], best.passesPerToken)?.toFixed(4) ?? "",
        ];
      });
  });
  const head = [
    "cache policy",
    "rule",
    "loss",
    "mean loops",
    "passes/token",
    "gain over chance",
    "fixed loops",
  ];
  return { title: "Exits: each rule at its best limit", ...textTable(head, rows, [0, 1]) };
}

/** The loss of fixed depths at a number of passes, between the two depths around it; none beyond them. */
function lossAt(fixed: readonly ExitOutcome[], passes: number): number | undefined {
  const sorted = fixed.toSorted((a, b) => a.passesPerToken - b.passesPerToken);
  const above = sorted.find((one) => one.passesPerToken >= passes);
  const below = sorted.findLast((one) => one.passesPerToken <= passes);
  if (!above || !below) return undefined;
  const span = above.passesPerToken - below.passesPerToken;
  const share = span === 0 ? 0 : (passes - below.passesPerToken) / span;
  return below.loss + share * (above.loss - below.loss);
}

function draftsTable(report: ReportOf<"drafts">): Table {
  const { drafts } = report.calibration;
  const fastest = drafts.toSorted((a, b) => speedup(b) - speedup(a)).slice(0, 3);
  const rows = fastest.map((one) => [
    draftText(one.draft),
    `${speedup(one).toFixed(2)}x`,
    `${(100 * one.acceptance).toFixed(0)} %`,
  ]);
  return { title: "Drafts: the three fastest", ...textTable(["draft", "speed-up", "kept"], rows) };
}

function speedTable({ points, promptTokens, tokens }: Speed): Table {
  const rows = points.map(({ loops, firstTokenMs, tokensPerSecond }) => [
    String(loops),
    milliseconds(firstTokenMs),
    siText(tokensPerSecond),
  ]);
  return {
    title: `Speed of one text: ${counted(promptTokens, "token")} read, ${counted(tokens, "token")} written`,
    ...textTable(["loops", "first token", "tokens/s"], rows, []),
  };
}

const pairsTable = (
  title: string,
  rows: readonly { readonly name: string; readonly text: string }[],
): Table => ({
  title,
  ...textTable(
    ["", ""],
    rows.map(({ name, text }) => [name, text]),
    [0, 1],
  ),
});

function notesOf({ quality, exits, drafts, speed }: Card): string[] {
  return [
    "`iso-parameter`: as many layers with weights of their own as this model; `iso-FLOP`: as many layers applied to a token at " +
      "full depth. The ratios say how far that holds.",
    ...(quality?.kind === "answers" ? answersPage(quality).notes : []),
    ...(exits.length > 0
      ? [
          "Loss of exits in nats per token. `passes/token`: passes of the core, those made up for later included. `fixed loops`: the " +
            "loss of a fixed number of loops at as many passes, on the line between two numbers.",
        ]
      : []),
    ...(drafts ? [draftsPage(drafts).lead ?? ""] : []),
    ...(speed
      ? [
          `Measured on ${speed.machine}, ${speed.runtime}; the process took ${siText(speed.residentBytes)}B of memory.`,
        ]
      : []),
  ];
}

/** Which report each part is from. */
function partSources({ quality, trajectories, exits, answerExits, drafts, states }: Card): Source[] {
  const [first = answerExits, second] = exits;
  const parts = { quality, trajectories, exits: first, "more exits": second, drafts, states };
  return Object.entries(parts).flatMap(([name, report]) =>
    report === undefined ? [] : [{ name, text: report.provenance.command, isCode: true }],
  );
}

const byValue = (a: number, b: number): number => a - b;

/** At most so many of the values, at even distances, with the first and the last one. */
function thinned(values: readonly number[], most: number): number[] {
  if (values.length <= most) return [...values];
  return Array.from(
    { length: most },
    (_, at) => values[Math.round((at * (values.length - 1)) / (most - 1))] as number,
  );
}
