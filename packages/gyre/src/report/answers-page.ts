import type { AnswerPoint } from "./answers.ts";
import type { Chart } from "./chart.ts";
import { claimsTable } from "./claims-table.ts";
import type { HeatMap } from "./heat-map.ts";
import { counted, groupedText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { AnswerModel, ReportOf } from "./report.ts";
import { type Table, textTable } from "./table.ts";
import { isUniform, trajectoryText } from "./trajectory.ts";

type AnswersReport = ReportOf<"answers">;

/** Difficulties that a table and a heat map show at most; the JSON file has them all. */
const MOST_ROWS = 40;
const MOST_COLUMNS = 24;
/** Models of which each has a table of its own; the heat map shows those of more. */
const MOST_TABLES = 4;

/** The page of answers: what each number of loops solves, right answers by difficulty and budget, and what was claimed. */
export function answersPage(report: AnswersReport): Page {
  const { task, models, problems } = report;
  const names = models.map(({ name }) => name).join(", ");
  const kinds = { prefixes: "every prefix of a row is a problem", problems: "an answer is right as a whole" };
  return {
    title: `${names}: ${taskTitle(task)} at every budget`,
    lead: `${groupedText(problems)} held-out problems; ${kinds[task.scores]}.`,
    charts: isGraded(report) ? solvedChart(report) : rightChart(report),
    ...(isGraded(report) ? { heatMap: heatMapOf(report) } : {}),
    tables: [
      ...(report.claims ? [claimsTable(report.claims)] : []),
      ...(models.length > 1 || !isGraded(report) ? [meansTable(report)] : []),
      ...(report.baselines ? [baselinesTable(report.baselines)] : []),
      ...(models.length > MOST_TABLES
        ? []
        : models.flatMap((model) => [
            ...(isGraded(report) ? [sharesTable(report, model)] : []),
            ...exampleTable(report, model),
          ])),
    ],
    notes: [...(isGraded(report) ? [howAnswered(report)] : []), ...seenText(report)],
    sources: models.map((model) => ({ name: "model", text: `${model.name}${stepText(model)}` })),
  };
}

const taskTitle = ({ name, variant }: AnswersReport["task"]): string =>
  variant === undefined ? name : `${name} ${variant}`;

/** Whether there is more than one difficulty, so that there is something to climb. */
const isGraded = ({ difficulties }: AnswersReport): boolean => difficulties.length > 1;

/** Right answers against loops, where all problems are equally hard; nothing for one number of loops. */
function rightChart({ task, models, problems }: AnswersReport): Chart[] {
  const series = models.map(({ name, points }) => ({
    name,
    points: points
      .filter(({ trajectory }) => isUniform(trajectory))
      .map(({ loops, accuracy }) => ({ x: loops, y: accuracy })),
  }));
  if (series.every(({ points }) => points.length < 2)) return [];
  return [
    {
      title: `${taskTitle(task)}: right answers by loops`,
      subtitle: `${groupedText(problems)} held-out problems`,
      x: { title: "loops", kind: "linear" },
      y: { title: "share right", kind: "linear" },
      series: series.filter(({ points }) => points.length > 0),
    },
  ];
}

/** The staircase: the hardest difficulty solved against loops; nothing for one number of loops. */
function solvedChart({ task, models, solvedAt, problems }: AnswersReport): Chart[] {
  const series = models.map(({ name, points }) => ({
    name,
    points: points
      .filter(({ trajectory }) => isUniform(trajectory))
      .map(({ loops, solved }) => ({ x: loops, y: solved ?? 0 })),
  }));
  if (series.every(({ points }) => points.length < 2)) return [];
  return [
    {
      title: `${taskTitle(task)}: what each number of loops solves`,
      subtitle: `${groupedText(problems)} held-out problems, ${Math.round(100 * solvedAt)} % right`,
      x: { title: "loops", kind: "linear" },
      y: { title: `most ${task.counts} solved`, kind: "linear" },
      series: series.filter(({ points }) => points.length > 0),
    },
  ];
}

/** Right answers by difficulty and budget, a panel for each model. */
function heatMapOf({ task, models, problems, solvedAt }: AnswersReport): HeatMap {
  const difficulties = models[0]?.points[0]?.scores.map(({ difficulty }) => difficulty) ?? [];
  const shown = thinned(difficulties, MOST_COLUMNS);
  const marks = marksOf(models);
  return {
    title: `${taskTitle(task)}: right answers by ${task.counts} and loops`,
    subtitle: `per cent of ${groupedText(problems)} held-out problems`,
    rowTitle: "loops",
    columnTitle: task.counts,
    columns: shown.map(String),
    panels: models.map((model) => ({
      name: model.name,
      detail: `${model.family}, ${groupedText(model.parameters)} parameters`,
      rows: model.points.map((point) => ({
        label: `${point.loops} ${marks.get(String(point.trajectory)) ?? ""}`.trimEnd(),
        shares: shown.map((difficulty) => shareAt(point, difficulty) ?? 0),
        solved: shown.filter((difficulty) => difficulty <= (point.solved ?? -1)).length,
        isBeyond: point.loops > model.trainedLoops,
      })),
    })),
    notes: [
      `orange: what is solved, ${Math.round(100 * solvedAt)} % right there and at all that is easier`,
      "below the dashed line: more loops than in training",
      ...[...marks].map(([trajectory, mark]) => `${mark}: steps ${trajectory.replaceAll(",", " ")}`),
    ],
  };
}

/** A letter for each trajectory that is not uniform, too long for the name of a row. */
function marksOf(models: readonly AnswerModel[]): Map<string, string> {
  const all = models.flatMap(({ points }) => points.map(({ trajectory }) => trajectory));
  const others = new Set(all.filter((trajectory) => !isUniform(trajectory)).map(String));
  return new Map([...others].map((trajectory, at) => [trajectory, String.fromCharCode(0x61 + (at % 26))]));
}

/** At most so many of the values, at even distances, with the last one. */
function thinned(values: readonly number[], most: number): number[] {
  const every = Math.ceil(values.length / most);
  return values.filter((_, at) => at % every === 0 || at === values.length - 1);
}

function shareAt({ scores }: AnswerPoint, difficulty: number): number | undefined {
  const found = scores.find((score) => score.difficulty === difficulty);
  return found && found.right / found.problems;
}

/** A row for each model, a column for each number of loops: the mean over all difficulties, and what is solved. */
function meansTable(report: AnswersReport): Table {
  const { models } = report;
  const withSolved = isGraded(report);
  const all = models.flatMap(({ points }) => points.filter(({ trajectory }) => isUniform(trajectory)));
  const budgets = [...new Set(all.map(({ loops }) => loops))].sort((a, b) => a - b);
  const rows = models.map(({ name, parameters, points }) => [
    name,
    groupedText(parameters),
    ...budgets.map((loops) => {
      const point = points.find((one) => one.loops === loops && isUniform(one.trajectory));
      if (!point) return "";
      return `${point.accuracy.toFixed(3)}${withSolved ? ` (${point.solved ?? 0})` : ""}`;
    }),
  ]);
  const head = ["model", "parameters", ...budgets.map((loops) => counted(loops, "loop"))];
  const title = withSolved ? "Share of right answers, mean (and what is solved)" : "Share of right answers";
  return { title, ...textTable(head, rows) };
}

/** A row for each baseline: how much it answers rightly of all that is held out. */
function baselinesTable(baselines: NonNullable<AnswersReport["baselines"]>): Table {
  const rows = baselines.map(({ name, accuracy }) => [name, accuracy.toFixed(3)]);
  return { title: "Without a model, of all that is held out", ...textTable(["", "right"], rows, [0]) };
}

/** A row for each difficulty, a column for each budget; the mean and what is solved below. */
function sharesTable({ task, models, solvedAt }: AnswersReport, model: AnswerModel): Table {
  const { name, points, trainedLoops } = model;
  const difficulties = points[0]?.scores.map(({ difficulty }) => difficulty) ?? [];
  const shown = thinned(difficulties, MOST_ROWS);
  const table = textTable(
    [task.counts, ...points.map((point) => budgetText(point, trainedLoops))],
    [
      ...shown.map((difficulty) => [
        String(difficulty),
        ...points.map((point) => shareAt(point, difficulty)?.toFixed(3) ?? ""),
      ]),
      ["mean", ...points.map(({ accuracy }) => accuracy.toFixed(3))],
      [`solved (${Math.round(100 * solvedAt)} %)`, ...points.map(({ solved }) => String(solved ?? "none"))],
    ],
  );
  return models.length > 1 ? { title: name, ...table } : table;
}

/** The first problem, and what each budget answers: a row for each position, wrong answers marked. */
function exampleTable(
  { example, models }: AnswersReport,
  { name, points, trainedLoops }: AnswerModel,
): Table[] {
  const told = points.filter((point) => point.example !== undefined);
  if (!example || told.length === 0) return [];
  const { read, right } = example;
  const marked = (point: AnswerPoint, at: number) => {
    const answer = point.example?.[at] ?? "";
    return answer === right[at] ? answer : `${wrong} ${answer}`;
  };
  const table = textTable(
    ["", "read", "right", ...told.map((point) => budgetText(point, trainedLoops))],
    right.slice(0, MOST_ROWS).map((answer, at) => {
      return [String(at + 1), read[at] ?? "", answer, ...told.map((point) => marked(point, at))];
    }),
  );
  return [
    { title: `${models.length > 1 ? `${name}: o` : "O"}ne problem, wrong answers marked ${wrong}`, ...table },
  ];
}

const wrong = "✗";
const budgetText = ({ loops, trajectory }: AnswerPoint, grid: number): string =>
  isUniform(trajectory) ? counted(loops, "loop") : trajectoryText(trajectory, grid);

function howAnswered({ task, solvedAt }: AnswersReport): string {
  const solved =
    `Share of right answers. \`solved\`: the hardest difficulty at which ${Math.round(100 * solvedAt)} % are right, ` +
    "and at all easier ones that were asked.";
  if (task.scores === "prefixes")
    return `${solved} Whole rows are held out; their short prefixes begin rows of training as well.`;
  if (task.answer === "read") return `${solved} One pass reads every answer.`;
  return task.hasOneAnswer
    ? `${solved} An answer counts where greedy decoding writes all of it.`
    : `${solved} Answers are decoded greedily; any right one counts.`;
}

/** A note about difficulties that cannot be held out. */
function seenText({ task, shared }: AnswersReport): string[] {
  if (task.scores === "prefixes" || shared.length === 0) return [];
  return [
    `Too few problems to hold any out at ${shared.join(", ")} ${task.counts}: training draws them as well.`,
  ];
}
