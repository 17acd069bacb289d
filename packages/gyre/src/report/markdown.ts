import { groupedText } from "./numbers.ts";
import type { Report } from "./report.ts";
import { metricNames } from "./report-chart.ts";
import { spreadContent, type TableContent, tableContent } from "./table.ts";

export interface MarkdownOptions {
  /** Where the figure lies, seen from the file; `report.svg` when left out. */
  readonly figure?: string;
}

/** The report as Markdown: its figure, its tables and where the numbers come from. Throws EVAL_REPORT_EMPTY. */
export function reportMarkdown(report: Report, { figure = "report.svg" }: MarkdownOptions = {}): string {
  const names = report.models.map(({ name }) => escapeMarkdown(name)).join(", ");
  const isBudget = report.kind === "budget";
  const subject = isBudget ? "quality at every budget" : "quality of schedules";
  const sections = [
    `# ${names}: ${subject}`,
    `![${metricNames.bitsPerByte} against ${isBudget ? "compute" : "schedule"}](${encodeURI(figure)})`,
    ...(isBudget ? [] : [markdownTable(spreadContent(report))]),
    markdownTable(tableContent(report)),
    "Bold: best in its column. Loss is in nats per token, with its standard error. FLOPs/token: one forward pass, " +
      "head included. Time: the forward passes over all tokens at that budget.",
    "## Where the numbers come from",
    provenanceList(report),
  ];
  return `${sections.join("\n\n")}\n`;
}

function markdownTable({ columns, rows }: TableContent): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const texts = rows.map((row) =>
    columns.map((_, index) => {
      const cell = row?.[index];
      if (!cell) return "…";
      const text = escapeMarkdown(cell.text);
      return cell.isBest ? `**${text}**` : text;
    }),
  );
  const rule = columns.map(({ align }) => (align === "right" ? "---:" : "---"));
  return [line(columns.map(({ title }) => title)), line(rule), ...texts.map(line)].join("\n");
}

function provenanceList({ command, createdAt, provenance, models }: Report): string {
  const { commit, machine, runtime, dataset, split, tokenizer, tokens, context, stride } = provenance;
  const entries = [
    ["command", codeSpan(command)],
    ["commit", commit ? codeSpan(commit) : "unknown"],
    ["date", createdAt],
    ["machine", escapeMarkdown(machine)],
    ["runtime", escapeMarkdown(runtime)],
    ["data", `${escapeMarkdown(dataset)}, ${escapeMarkdown(split)} split only`],
    ["tokenizer", escapeMarkdown(tokenizer)],
    [
      "protocol",
      `${groupedText(tokens)} tokens predicted at each budget, windows of ${groupedText(context)} tokens, ` +
        `stride ${groupedText(stride)}`,
    ],
    ...models.map(({ name, family, parameters, trainedLoops }) => [
      escapeMarkdown(name),
      `${family}, ${groupedText(parameters)} parameters, trained for ${trainedLoops} loop${trainedLoops === 1 ? "" : "s"}`,
    ]),
  ];
  return entries.map(([key, text]) => `- ${key}: ${text}`).join("\n");
}

/** Text in which nothing is markup, on one line. */
export function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_[\]<>|&~#]/g, (c) => `\\${c}`);
}

/** A code span fenced by more backticks than the text holds in a row. */
function codeSpan(text: string): string {
  const fence = "`".repeat(1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)));
  const pad = fence.length > 1 ? " " : "";
  return `${fence}${pad}${text.replace(/\s+/g, " ")}${pad}${fence}`;
}
