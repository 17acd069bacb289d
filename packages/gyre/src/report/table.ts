import { escapeMarkdown } from "./markdown.ts";

/** One column of a table, and how a row's cell reads; `best` is what the smallest value is sought among. */
export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  /** What stands in the cell of a row. */
  readonly text: (row: Row) => string;
  /** What is compared: the smallest is marked. */
  readonly best?: (row: Row) => number;
}

/** The head of a table's column. */
export interface TableHeading {
  readonly title: string;
  readonly align: "left" | "right";
  /** Whether the best value of the column is marked. */
  readonly isCompared: boolean;
}

/** A cell of a table, in text. */
export interface TableCell {
  readonly text: string;
  readonly isBest: boolean;
}

/** A table before it is written as text or Markdown; a row is undefined where rows were left out. */
export interface Table {
  /** What it is of, where a page has several. */
  readonly title?: string;
  /** Whether its numbers, from 0 to 1, are shaded where a page can do that. */
  readonly isHeat?: boolean;
  readonly columns: readonly TableHeading[];
  readonly rows: readonly (readonly TableCell[] | undefined)[];
}

/** The cells of some rows; the best of a column is sought among `compared`, all rows by default. */
export function tableOf<Row>(
  columns: readonly Column<Row>[],
  rows: readonly (Row | undefined)[],
  compared: readonly Row[] = rows.filter((row) => row !== undefined),
): Table {
  const least = columns.map(({ best }) => (best ? Math.min(...compared.map(best)) : Number.NaN));
  const cells = (row: Row) =>
    columns.map(({ text, best }, index) => ({ text: text(row), isBest: best?.(row) === least[index] }));
  return {
    columns: columns.map(({ title, align = "right", best }) => ({
      title,
      align,
      isCompared: best !== undefined,
    })),
    rows: rows.map((row) => row && cells(row)),
  };
}

/** A table of texts: the first column, and those named, are aligned to the left. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
): Table {
  const columns = head.map(
    (title, index): Column<readonly string[]> => ({
      title,
      align: left.includes(index) ? "left" : "right",
      text: (row) => row[index] ?? "",
    }),
  );
  return tableOf(columns, rows);
}

/** A table as aligned text; `*` follows the best value of a column. */
export function tableText({ title, columns, rows }: Table): string {
  const texts = rows.map((row) =>
    columns.map(({ isCompared }, index) => {
      const cell = row?.[index];
      return cell ? `${cell.text}${cell.isBest ? "*" : isCompared ? " " : ""}` : "...";
    }),
  );
  const titles = columns.map(({ title, isCompared }) => (isCompared ? `${title} ` : title));
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...texts.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === "left" ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  const all = [
    ...(title === undefined ? [] : [title]),
    line(titles),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...texts.map(line),
  ];
  if (columns.some(({ isCompared }) => isCompared)) all.push("", "* best in its column");
  return all.join("\n");
}

/** A table as Markdown; the best value of a column is bold. */
export function tableMarkdown({ title, columns, rows }: Table): string {
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
  const head = line(columns.map((column) => escapeMarkdown(column.title)));
  const body = [head, line(rule), ...texts.map(line)].join("\n");
  return title === undefined ? body : `## ${escapeMarkdown(title)}\n\n${body}`;
}
