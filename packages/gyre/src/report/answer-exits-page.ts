import type { AnswerExit } from "./answers.ts";
import { type Chart, MOST_COLORS, type Series } from "./chart.ts";
import { groupedText } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { ReportOf } from "./report.ts";
import { type Column, type Table, tableOf } from "./table.ts";

type ExitsReport = ReportOf<"answer-exits">;

/** So much accuracy may be lost by leaving early before it counts as a loss. */
const NO_LOSS = 0.005;

/** `kl` of `kl<0.01`; nothing for a fixed depth. */
const kindOf = ({ name }: AnswerExit): string | undefined => /^([a-z-]+)[<>]/.exec(name)?.[1];

const isFixed = (exit: AnswerExit): boolean => kindOf(exit) === undefined;

/** The whole trajectory: the last of the fixed depths. */
const whole = ({ exits }: ExitsReport): AnswerExit =>
  exits.filter(isFixed).at(-1) ?? (exits[0] as AnswerExit);

/**
 * Of each kind of rule the limit that saves most loops at no loss of accuracy against the whole trajectory; the
 * most saving kinds first. Kinds that always lose something are not among them.
 */
export function savingExits(report: ExitsReport): AnswerExit[] {
  const full = whole(report);
  const safe = report.exits.filter((exit) => !isFixed(exit) && exit.accuracy >= full.accuracy - NO_LOSS);
  const sorted = safe.sort((a, b) => a.meanLoops - b.meanLoops);
  return sorted.filter((exit, at) => sorted.findIndex((other) => kindOf(other) === kindOf(exit)) === at);
}

const columns: readonly Column<AnswerExit>[] = [
  { title: "rule", align: "left", text: ({ name }) => name },
  { title: "right", text: ({ accuracy }) => accuracy.toFixed(3) },
  { title: "mean loops", text: ({ meanLoops }) => meanLoops.toFixed(2) },
  { title: "easiest", text: ({ scores }) => scores[0]?.meanLoops.toFixed(2) ?? "" },
  { title: "hardest", text: ({ scores }) => scores.at(-1)?.meanLoops.toFixed(2) ?? "" },
];

/** The page of exits on answers: loops by difficulty, and right answers by loops. */
export function answerExitsPage(report: ExitsReport): Page {
  const { model, task, problems, loops, exits } = report;
  const title = [task.name, task.variant].filter(Boolean).join(" ");
  return {
    title: `${model.name}: exits on ${title}`,
    lead: `${groupedText(problems)} held-out problems; each answer leaves the trajectory of ${loops} loops by itself.`,
    charts: [...loopsChart(report), accuracyChart(report)],
    tables: [tableOf(columns, exits)],
    notes: [
      "`right`: share of right answers, the mean over difficulties. `easiest` and `hardest`: mean loops of answers at the least " +
        `and the greatest number of ${task.counts}. \`first 2 of ${loops}\`: every answer leaves after two loops of the same trajectory.`,
    ],
    sources: [{ name: "model", text: `${model.name}${stepText(model)}` }],
  };
}

/** The whole trajectory, and of each kind of rule the limit that saves most loops at no loss. */
export const savingTable = (report: ExitsReport): Table =>
  tableOf(columns, [whole(report), ...savingExits(report)]);

/** Mean loops against difficulty, of the rules that lose nothing; nothing where every rule does. */
export function loopsChart(report: ExitsReport): Chart[] {
  const shown = savingExits(report).slice(0, MOST_COLORS);
  if (shown.length === 0) return [];
  return [
    {
      title: `${report.model.name}: loops that each difficulty takes`,
      subtitle: `rules that lose at most ${100 * NO_LOSS} points of ${(100 * whole(report).accuracy).toFixed(1)} % right`,
      x: { title: report.task.counts, kind: "linear" },
      y: { title: "mean loops", kind: "linear" },
      series: shown.map(({ name, scores }) => ({
        name,
        points: scores.map(({ difficulty, meanLoops }) => ({ x: difficulty, y: meanLoops })),
      })),
    },
  ];
}

/** Right answers against loops: fixed depths, and the kinds of rules. */
function accuracyChart(report: ExitsReport): Chart {
  const kinds = [...new Set(report.exits.map((exit) => kindOf(exit) ?? "fixed depth"))].slice(0, MOST_COLORS);
  const seriesOf = (kind: string): Series => ({
    name: kind,
    points: report.exits
      .filter((exit) => (kindOf(exit) ?? "fixed depth") === kind)
      .map(({ meanLoops, accuracy }) => ({ x: meanLoops, y: 100 * accuracy }))
      .sort((a, b) => a.x - b.x),
  });
  return {
    title: `${report.model.name}: right answers by mean loops`,
    subtitle: "fixed depths of one trajectory, and rules by which each answer leaves it",
    x: { title: "mean loops", kind: "linear" },
    y: { title: "% right", kind: "linear" },
    series: kinds.map(seriesOf),
  };
}
