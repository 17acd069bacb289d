import { answerExitsPage } from "./answer-exits-page.ts";
import { answersPage } from "./answers-page.ts";
import { benchmarksPage } from "./benchmarks-page.ts";
import { budgetsPage } from "./budgets-page.ts";
import { cardPage } from "./card-page.ts";
import { panelsOf } from "./chart.ts";
import { draftsPage } from "./drafts-page.ts";
import { drawChart } from "./draw.ts";
import { exitsPage } from "./exits-page.ts";
import { drawHeatMap } from "./heat-map.ts";
import { pageHtml } from "./html.ts";
import { labPage } from "./lab-page.ts";
import { type Page, pageMarkdown, sourcesOf } from "./page.ts";
import type { Report } from "./report.ts";
import { statesPage } from "./states-page.ts";
import { sweepPage } from "./sweep-page.ts";
import { trajectoriesPage } from "./trajectories-page.ts";

/** What a report shows. A chart of more than six colours comes in panels. Throws EVAL_REPORT_EMPTY. */
export function pageOf(report: Report): Page {
  const page = wholePage(report);
  return { ...page, charts: page.charts.flatMap((chart) => ("others" in chart ? [chart] : panelsOf(chart))) };
}

function wholePage(report: Report): Page {
  switch (report.kind) {
    case "budgets":
      return budgetsPage(report);
    case "trajectories":
      return trajectoriesPage(report);
    case "exits":
      return exitsPage(report);
    case "drafts":
      return draftsPage(report);
    case "benchmarks":
      return benchmarksPage(report);
    case "states":
      return statesPage(report);
    case "answers":
      return answersPage(report);
    case "sweep":
      return sweepPage(report);
    case "answer-exits":
      return answerExitsPage(report);
    case "lab":
      return labPage(report);
    case "card":
      return cardPage(report);
  }
}

/**
 * A report as files: NAME.json with its numbers, NAME.svg (NAME-2.svg, ...) with its charts, NAME-heat.svg with its heat map,
 * and NAME.md with everything; a look inside the loops, which has many charts, and a card, which travels, also as one NAME.html.
 * Throws EVAL_REPORT_EMPTY.
 *
 * @example
 * const report = readReport(JSON.parse(text));
 * for (const [file, content] of reportFiles(report, "budgets")) console.log(file, content.length);
 */
export function reportFiles(report: Report, name: string): ReadonlyMap<string, string> {
  const page = pageOf(report);
  const drawings = page.charts.map(drawChart);
  const { heatMap } = page;
  const figures = [
    ...(heatMap ? [{ title: heatMap.title, file: `${name}-heat.svg`, drawing: drawHeatMap(heatMap) }] : []),
    ...page.charts.map(({ title }, index) => ({
      title,
      file: `${name}${index === 0 ? "" : `-${index + 1}`}.svg`,
      drawing: drawings[index] ?? "",
    })),
  ];
  const sources = [...sourcesOf(report.provenance), ...page.sources];
  return new Map([
    [`${name}.json`, `${JSON.stringify(report, null, 1)}\n`],
    ...figures.map(({ file, drawing }) => [file, drawing] as const),
    ...(isOnePage(report) ? [[`${name}.html`, pageHtml(page, figures, sources)] as const] : []),
    [`${name}.md`, pageMarkdown(page, report.provenance, figures)],
  ]);
}

const isOnePage = ({ kind }: Report): boolean => kind === "states" || kind === "card";
