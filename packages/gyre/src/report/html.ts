import type { Page, Source } from "./page.ts";
import { escapeXml } from "./svg.ts";
import type { Table } from "./table.ts";

const style = `
:root { color-scheme: light dark; font: 15px/1.55 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 0.75rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 0.5rem; }
.lead { font-size: 1.1rem; }
img { width: 100%; margin: 1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.87rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8883; }
th { font-weight: 600; border-bottom-color: #888; }
.left { text-align: left; }
.sources { font-size: 0.87rem; }
`;

/** A chart or heat map as SVG. */
export interface Drawing {
  readonly title: string;
  readonly drawing: string;
}

/**
 * A page as one HTML file that needs no other and runs no script: the lead, then drawings (SVG), tables, notes and where the
 * numbers come from. Text is escaped, code between backticks too.
 */
export function pageHtml(page: Page, drawings: readonly Drawing[], sources: readonly Source[]): string {
  const { title, lead, tables, notes } = page;
  return [
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title>\n<style>${style}</style>`,
    `<h1>${escapeXml(title)}</h1>`,
    ...(lead === undefined ? [] : [`<p class="lead">${escapeXml(lead)}</p>`]),
    ...drawings.map(({ title, drawing }) => {
      const source = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
      return `<img alt="${escapeXml(title)}" src="${source}">`;
    }),
    ...tables.map(tableHtml),
    ...notes.map((note) => `<p>${withCode(note)}</p>`),
    "<h2>Where the numbers come from</h2>",
    `<ul class="sources">${sources.map(({ name, text }) => `\n<li>${escapeXml(name)}: ${escapeXml(text)}</li>`).join("")}\n</ul>`,
    "</html>\n",
  ].join("\n");
}

const withCode = (text: string): string => escapeXml(text).replace(/`([^`]+)`/g, "<code>$1</code>");

/** A table; the cells of a heat map, numbers from 0 to 1, are shaded by their value. */
function tableHtml({ title, columns, rows, isHeat = false }: Table): string {
  const side = (index: number) => (columns[index]?.align === "left" ? ' class="left"' : "");
  const head = columns.map((column, index) => `<th${side(index)}>${escapeXml(column.title)}</th>`).join("");
  const body = rows.map((row) => {
    const cells = columns.map((_, index) => {
      const { text, isBest } = row?.[index] ?? { text: "…", isBest: false };
      const share = isHeat && index > 0 ? Math.min(1, Math.max(0, Number(text) || 0)) : 0;
      const shade =
        share > 0 ? ` style="background: rgb(42 120 214 / ${(0.75 * share ** 4).toFixed(3)})"` : "";
      return `<td${side(index)}${shade}>${isBest ? `<strong>${escapeXml(text)}</strong>` : escapeXml(text)}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  const heading = title === undefined ? "" : `<h2>${escapeXml(title)}</h2>\n`;
  return `${heading}<div class="wide"><table>\n<tr>${head}</tr>\n${body.join("\n")}\n</table></div>`;
}
