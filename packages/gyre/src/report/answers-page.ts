import type { Chart } from "./chart.ts";
import { counted, groupedText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { AnswerModel, AnswerPoint, ReportOf } from "./report.ts";
import { type Table, textTable } from "./table.ts";
import { isUniform, trajectoryText } from "./trajectory.ts";

type AnswersReport = ReportOf<"answers">;

/** Difficulties that a table shows at most; the JSON file has them all. */
const MOST_ROWS = 40;

/** The page of answers: what each number of loops solves, and right answers by difficulty, a table for each model. */
export function answersPage(report: AnswersReport): Page {
  const { task, models, problems } = report;
  const names = models.map(({ name }) => name).join(", ");
  const kinds = { prefixes: "every prefix of a row is a problem", problems: "an answer is right as a whole" };
  return {
    title: `${names}: ${taskTitle(task)} at every budget`,
    lead: `${groupedText(problems)} held-out problems; ${kinds[task.scores]}.`,
    charts: [...solvedChart(report), ...models.map((model) => shareChart(report, model))],
    tables: models.map((model) => sharesTable(report, model)),
    notes: [howAnswered(report), ...seenText(report)],
    sources: models.map((model) => ({ name: "model", text: `${model.name}${stepText(model)}` })),
  };
}

const taskTitle = ({ name, variant }: AnswersReport["task"]): string =>
  variant === undefined ? name : `${name} ${variant}`;

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

function shareChart({ task, problems }: AnswersReport, { name, trainedLoops, points }: AnswerModel): Chart {
  return {
    title: `${name}: right answers by difficulty`,
    subtitle: `${taskTitle(task)}, ${groupedText(problems)} held-out problems`,
    x: { title: task.counts, kind: "linear" },
    y: { title: "share of right answers", kind: "linear" },
    series: points.map((point) => ({
      name: budgetText(point, trainedLoops),
      markers: "none",
      points: point.scores.map(({ difficulty, right, problems: count }) => ({
        x: difficulty,
        y: right / count,
      })),
    })),
  };
}

/** A row for each difficulty, a column for each budget; the mean and what is solved below. */
function sharesTable({ task, models, solvedAt }: AnswersReport, model: AnswerModel): Table {
  const { name, points, trainedLoops } = model;
  const difficulties = points[0]?.scores.map(({ difficulty }) => difficulty) ?? [];
  const every = Math.ceil(difficulties.length / MOST_ROWS);
  const shown = difficulties.filter((_, at) => at % every === 0 || at === difficulties.length - 1);
  const shareAt = ({ scores }: AnswerPoint, difficulty: number) => {
    const found = scores.find((score) => score.difficulty === difficulty);
    return found ? (found.right / found.problems).toFixed(3) : "";
  };
  const table = textTable(
    [task.counts, ...points.map((point) => budgetText(point, trainedLoops))],
    [
      ...shown.map((difficulty) => [
        String(difficulty),
        ...points.map((point) => shareAt(point, difficulty)),
      ]),
      ["mean", ...points.map(({ accuracy }) => accuracy.toFixed(3))],
      [`solved (${Math.round(100 * solvedAt)} %)`, ...points.map(({ solved }) => String(solved ?? "none"))],
    ],
  );
  return models.length > 1 ? { title: name, ...table } : table;
}

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
