/** A measured statement: `measured` is to satisfy the inequality that `text` states. */
export interface Claim {
  readonly text: string;
  readonly measured: number;
  readonly limit: number;
  readonly holds: boolean;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Band around y, where there is one. */
  readonly low?: number;
  readonly high?: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Series of one group share a colour. */
  readonly group?: number;
  readonly isDashed?: boolean;
}

export interface Axis {
  readonly title: string;
  readonly kind: "log" | "linear";
}

/** An axis of values that may lie beyond what is drawn. */
export interface BoundedAxis extends Axis {
  /** Larger values are drawn here, where a few would hide all others. */
  readonly most?: number;
  /** Smaller values are drawn here: what is exact would flatten all others. */
  readonly least?: number;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a figure measured: the numbers behind the drawing and the claims that they decide. */
export interface FigureResult {
  readonly title: string;
  readonly subtitle: string;
  readonly x: Axis;
  readonly y: BoundedAxis;
  readonly series: readonly Series[];
  readonly claims: readonly Claim[];
  readonly table?: Table;
  /** Settings by name, for whoever wants to redo it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What REPORT.json holds. */
export interface LabReport extends FigureResult {
  readonly version: 1;
  readonly figure: string;
  readonly createdAt: string;
  readonly command: string;
  readonly commit?: string;
  readonly machine: string;
  readonly seeds: readonly number[];
}

/** measured <= limit. */
export const atMost = (text: string, measured: number, limit: number): Claim => ({
  text,
  measured,
  limit,
  holds: measured <= limit,
});

export const numberText = (value: number): string =>
  value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e5)
    ? String(Number(value.toPrecision(3)))
    : value.toExponential(1);

/** The report as Markdown, with its drawing beside it as NAME.svg. */
export function labMarkdown(report: LabReport): string {
  const rows = report.claims.map(
    ({ text, measured, limit, holds }) =>
      `| ${cell(text)} | ${numberText(measured)} | ${numberText(limit)} | ${holds ? "holds" : "**does not hold**"} |`,
  );
  const lines = [
    `# ${report.title}`,
    "",
    `![${report.title}](${report.figure}.svg)`,
    "",
    ...(rows.length > 0
      ? ["| claim | measured | at most | |", "| --- | ---: | ---: | --- |", ...rows, ""]
      : []),
    ...(report.table ? [...tableLines(report.table), ""] : []),
    "## Where the numbers come from",
    "",
    `- command: \`${report.command}\``,
    `- commit: ${report.commit ? `\`${report.commit}\`` : "unknown"}`,
    `- date: ${report.createdAt}`,
    `- machine: ${report.machine}`,
    `- seeds: ${report.seeds.join(", ")}`,
    `- settings: \`${JSON.stringify(report.settings)}\``,
  ];
  return `${lines.join("\n")}\n`;
}

/** Text within a table, whose own bars would end the cell. */
const cell = (text: string) => text.replaceAll("|", "\\|");

function tableLines({ head, rows }: Table): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)];
}
