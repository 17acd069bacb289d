import type { Chart, Panel } from "./chart.ts";
import type { HeatMap } from "./heat-map.ts";
import { codeSpan, escapeMarkdown } from "./markdown.ts";
import type { MeasuredModel, Provenance } from "./report.ts";
import { type Table, tableMarkdown } from "./table.ts";

/** One line on where numbers come from. */
export interface Source {
  readonly name: string;
  readonly text: string;
  readonly isCode?: boolean;
}

/** What a report shows, before it is written as Markdown or printed. */
export interface Page {
  readonly title: string;
  /** What was measured, or what follows, in one line. */
  readonly lead?: string;
  readonly charts: readonly (Chart | Panel)[];
  /** Drawn before the charts. */
  readonly heatMap?: HeatMap;
  readonly tables: readonly Table[];
  /** What the columns mean, a paragraph each. */
  readonly notes: readonly string[];
  /** What was measured and how, besides what every report says. */
  readonly sources: readonly Source[];
}

/** A drawing in a file beside its page. */
export interface Figure {
  readonly title: string;
  readonly file: string;
}

/** A page as Markdown: its figures, its tables, and where the numbers come from. */
export function pageMarkdown(
  { title, lead, tables, notes, sources }: Page,
  provenance: Provenance,
  figures: readonly Figure[],
): string {
  const images = figures.map((figure) => `![${escapeMarkdown(figure.title)}](${encodeURI(figure.file)})`);
  const sections = [
    `# ${escapeMarkdown(title)}`,
    ...(lead === undefined ? [] : [escapeMarkdown(lead)]),
    ...images,
    ...tables.map(tableMarkdown),
    ...notes,
    "## Where the numbers come from",
    [...sourcesOf(provenance), ...sources].map(sourceLine).join("\n"),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** What every report says of itself. */
export function sourcesOf({
  command,
  commit,
  createdAt,
  machine,
  runtime,
  data,
  seeds,
}: Provenance): Source[] {
  const split = data?.split === undefined ? "" : `, ${data.split} split only`;
  return [
    { name: "command", text: command, isCode: true },
    { name: "commit", text: commit ?? "unknown", isCode: commit !== undefined },
    { name: "date", text: createdAt ?? "unknown" },
    { name: "machine", text: machine },
    ...(runtime === undefined ? [] : [{ name: "runtime", text: runtime }]),
    ...(data === undefined ? [] : [{ name: "data", text: `${data.name}${split}` }]),
    ...(seeds === undefined ? [] : [{ name: "seeds", text: seeds.join(", ") }]),
  ];
}

const sourceLine = ({ name, text, isCode }: Source) =>
  `- ${escapeMarkdown(name)}: ${isCode ? codeSpan(text) : escapeMarkdown(text)}`;

/** Which of a run's weights were measured, in words: ", after 500 steps". */
export const stepText = ({ step }: MeasuredModel): string =>
  step === undefined ? "" : `, after ${step} steps`;
