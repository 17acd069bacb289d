import { element, ink, palette, svgDocument, svgText, wrapText } from "./svg.ts";

/** A row of a heat map: shares from 0 to 1, one a column. */
export interface HeatRow {
  readonly label: string;
  readonly shares: readonly number[];
  /** Columns from the left that are solved: the staircase passes behind them. None is drawn where this is left out. */
  readonly solved?: number;
  /** Whether it lies beyond training, as do all rows after it. */
  readonly isBeyond?: boolean;
}

/** The rows of one model. */
export interface HeatPanel {
  readonly name: string;
  readonly detail: string;
  readonly rows: readonly HeatRow[];
}

/** Shares by row and column for some models, before they are drawn: darker is more. */
export interface HeatMap {
  readonly title: string;
  readonly subtitle: string;
  readonly rowTitle: string;
  readonly columnTitle: string;
  readonly columns: readonly string[];
  readonly panels: readonly HeatPanel[];
  /** What the marks mean. */
  readonly notes: readonly string[];
}

const width = 900;
const margin = 28;
const left = 112;
const cell = { most: 62, height: 19 };
const heading = 42;
const gap = 22;
/** What a share of one is painted with; the rest is the background, so that dark pages need no other scale. */
const [color, stair] = palette;
const mostOpacity = 0.9;
/** From this opacity on numbers are white, on light and on dark pages. */
const whiteFrom = 0.62;
const white = "#fefefe";

/** How a cell is painted: its colour's opacity, and the colour of its number. */
export function heatOf(share: number): { readonly opacity: number; readonly text: string } {
  const opacity = mostOpacity * Math.min(1, Math.max(0, share));
  return { opacity, text: opacity < whiteFrom ? ink.strong : white };
}

/**
 * A heat map as SVG: a panel for each model, per cent in every cell, and a line behind what is solved in each row: the
 * staircase.
 */
export function drawHeatMap(map: HeatMap): string {
  const { title, subtitle, columns, panels, notes } = map;
  const titles = wrapText(title, 19, width - 2 * margin);
  const subtitles = wrapText(subtitle, 13, width - 2 * margin);
  const step = Math.min(cell.most, (width - left - margin) / columns.length);
  let top = 40 + 24 * (titles.length - 1) + 18 * subtitles.length + 22;
  const drawn = panels.flatMap((panel) => {
    const parts = drawPanel(panel, map, { top, step });
    top += heading + cell.height * panel.rows.length + gap;
    return parts;
  });
  const lines = wrapText(notes.join(" · "), 11, width - 2 * margin);
  const height = top + 16 * lines.length + 14;
  return svgDocument(width, height, title, [
    ...titles.map((line, at) =>
      svgText(margin, 38 + 24 * at, line, { size: 19, weight: 650, color: ink.strong }),
    ),
    ...subtitles.map((line, at) => svgText(margin, 37 + 24 * titles.length + 18 * at, line, { size: 13 })),
    ...drawn,
    ...lines.map((line, at) => svgText(margin, top + 10 + 16 * at, line, { size: 11 })),
  ]);
}

interface Place {
  readonly top: number;
  /** Width of a cell. */
  readonly step: number;
}

function drawPanel({ name, detail, rows }: HeatPanel, map: HeatMap, { top, step }: Place): string[] {
  const first = top + heading;
  const at = (column: number) => left + step * column;
  const end = at(map.columns.length);
  const yOf = (row: number) => first + cell.height * row;
  const cells = rows.flatMap(({ shares }, row) =>
    shares.map((share, column) => ({ share, x: at(column), y: yOf(row) })),
  );
  const beyond = rows.findIndex(({ isBeyond }) => isBeyond);
  return [
    svgText(margin, top + 16, name, { size: 13, weight: 650, color: ink.strong }),
    svgText(end, top + 16, detail, { size: 12, anchor: "end" }),
    svgText(left - 12, top + 36, `${map.rowTitle} \\ ${map.columnTitle}`, { size: 10, anchor: "end" }),
    ...map.columns.map((text, column) =>
      svgText(at(column) + step / 2, top + 36, text, { size: 10, anchor: "middle" }),
    ),
    ...rows.map(({ label }, row) =>
      svgText(left - 12, yOf(row) + 13.5, label, { size: 11, anchor: "end", color: ink.strong }),
    ),
    // what all cells have in common is said once
    element("g", { fill: color }, ...cells.map(({ share, x, y }) => drawBox(share, x, y, step))),
    element(
      "g",
      { "font-size": 10, "text-anchor": "middle" },
      ...cells.map(({ share, x, y }) => drawNumber(share, x + step / 2, y)),
    ),
    ...(beyond > 0
      ? [
          element("line", {
            x1: margin,
            x2: end,
            y1: yOf(beyond),
            y2: yOf(beyond),
            stroke: ink.axis,
            "stroke-dasharray": "4 3",
          }),
        ]
      : []),
    ...drawStairs(rows, at, yOf),
  ];
}

/** The line behind what is solved in each row. */
function drawStairs(
  rows: readonly HeatRow[],
  at: (column: number) => number,
  yOf: (row: number) => number,
): string[] {
  const steps = rows.flatMap(({ solved }, row) =>
    solved === undefined ? [] : [stepAt(at(solved), yOf(row), row === 0)],
  );
  if (steps.length === 0) return [];
  return [element("path", { d: steps.join(""), fill: "none", stroke: stair, "stroke-width": 3 })];
}

/** Down the right side of what is solved in a row, from where the row before left off. */
const stepAt = (x: number, y: number, isFirst: boolean): string =>
  `${isFirst ? "M" : "L"}${x.toFixed(1)} ${y}V${y + cell.height}`;

const drawBox = (share: number, x: number, y: number, step: number): string =>
  element("rect", {
    x: x + 0.5,
    y: y + 0.5,
    width: step - 1,
    height: cell.height - 1,
    "fill-opacity": heatOf(share).opacity.toFixed(3),
  });

const drawNumber = (share: number, x: number, y: number): string =>
  element("text", { x, y: y + 13, fill: heatOf(share).text }, String(Math.round(100 * share)));
