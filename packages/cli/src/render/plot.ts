import { type Chart, type Fitted, fitChart, type Panel, type Series } from "gyre";
import { createColors } from "picocolors";

export interface PlotOptions {
  /** Width of the whole plot in characters; 72 by default. */
  readonly width?: number;
  /** Height of the field in lines; 14 by default. */
  readonly height?: number;
  readonly isColored?: boolean;
}

interface Cell {
  /** Braille dots, as offsets from U+2800. */
  dots: number;
  symbol?: string;
  /** Group of the series that was drawn last; undefined for guides. */
  group?: number;
}

const symbols = ["●", "■", "▲", "◆", "▼", "✚"] as const;
const hollow = ["○", "□", "△", "◇", "▽", "✛"] as const;
const paints = ["cyan", "yellow", "green", "magenta", "red", "blue"] as const;
/** Braille bits of a cell, by row and column of its 4 x 2 dots. */
const brailleBits = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];
/** Series with more points are lines without symbols. */
const mostSymbols = 24;

/**
 * A chart in a terminal: lines and symbols on a field of braille characters, with axes, a legend and notes. Error bars, bands
 * and the labels of points are left to its drawing. Throws EVAL_REPORT_EMPTY.
 */
export function plotChart(chart: Chart | Panel, options: PlotOptions = {}): string {
  const { width = 72, height = 14, isColored = false } = options;
  const field = { left: 0, right: 2 * width, top: 0, bottom: 4 * height - 1 };
  const labels = fitChart(chart, field).ys.ticks.map(({ text }) => text);
  const margin = Math.max(...labels.map((label) => label.length)) + 2;
  const columns = Math.max(20, width - margin);
  const fitted = fitChart(chart, { ...field, right: 2 * columns - 1 });
  const shown = fitted.series.filter(
    (one) => one.points.length > 0 && !(one.isUnnamed && one.line === "dashed"),
  );
  const cells = blankCells(height, columns);
  for (const { at } of chart.guides ?? []) drawGuide(cells, Math.round(fitted.ys.at(at)));
  for (const [index, series] of shown.entries()) drawLine(cells, series, groupOf(series, index), fitted);
  for (const [index, series] of shown.entries()) drawSymbols(cells, series, groupOf(series, index), fitted);

  const colors = createColors(isColored);
  const paint = (text: string, group: number | undefined) =>
    group === undefined ? colors.dim(text) : colors[paints[group % paints.length] ?? "white"](text);
  const legend = shown.flatMap((series, index) => {
    const group = groupOf(series, index);
    const symbol = symbols[group % symbols.length] ?? "●";
    return series.isUnnamed ? [] : [`${paint(symbol, group)} ${series.name}`];
  });
  const notes = [
    ...(chart.guides ?? []).map(({ text }) => `dotted: ${text}`),
    ...(chart.notes ?? []).filter((note) => !note.startsWith("numbers:")),
    ...fitted.edges,
  ];
  return [
    chart.y.title,
    ...rowsOf(cells, fitted, margin, paint),
    ...horizontalAxis(fitted, margin, columns),
    `${" ".repeat(margin)}${chart.x.title}`,
    ...(legend.length > 1 ? ["", ...legend] : []),
    ...(notes.length > 0 ? ["", notes.join("; ")] : []),
  ].join("\n");
}

const groupOf = ({ group }: Series, index: number) => group ?? index;

const blankCells = (height: number, columns: number): Cell[][] =>
  Array.from({ length: height }, () => Array.from({ length: columns }, (): Cell => ({ dots: 0 })));

const cellAt = (cells: Cell[][], x: number, y: number) => cells[Math.floor(y / 4)]?.[Math.floor(x / 2)];

function dot(cells: Cell[][], x: number, y: number, group?: number): void {
  const cell = cellAt(cells, x, y);
  if (!cell) return;
  cell.dots |= brailleBits[2 * (y % 4) + (x % 2)] ?? 0;
  if (group !== undefined) cell.group = group;
}

function drawGuide(cells: Cell[][], y: number): void {
  for (let x = 0; x < 2 * (cells[0]?.length ?? 0); x += 4) dot(cells, x, y);
}

function placesOf({ points }: Series, { xs, ys }: Fitted) {
  return points.map(({ x, y }) => [Math.round(xs.at(x)), Math.round(ys.at(y))] as const);
}

function drawLine(cells: Cell[][], series: Series, group: number, fitted: Fitted): void {
  const places = placesOf(series, fitted);
  const isLine = series.line !== "none";
  const all = isLine ? places.flatMap((end, next) => between(places[next - 1] ?? end, end)) : places;
  for (const [x, y] of all) dot(cells, x, y, group);
}

function drawSymbols(cells: Cell[][], series: Series, group: number, fitted: Fitted): void {
  const { markers = "auto", points, line } = series;
  if (markers !== "auto" || points.length > mostSymbols) return;
  for (const [index, [x, y]] of placesOf(series, fitted).entries()) {
    const set = (points[index]?.isHollow ?? line === "dashed") ? hollow : symbols;
    const cell = cellAt(cells, x, y);
    if (cell) Object.assign(cell, { symbol: set[group % set.length], group });
  }
}

function between(
  [fromX, fromY]: readonly [number, number],
  [toX, toY]: readonly [number, number],
): [number, number][] {
  const pieces = Math.max(1, Math.abs(toX - fromX), Math.abs(toY - fromY));
  return Array.from({ length: pieces + 1 }, (_, piece) => [
    Math.round(fromX + ((toX - fromX) * piece) / pieces),
    Math.round(fromY + ((toY - fromY) * piece) / pieces),
  ]);
}

type Paint = (text: string, group: number | undefined) => string;

function rowsOf(cells: readonly (readonly Cell[])[], { ys }: Fitted, margin: number, paint: Paint): string[] {
  const rowLabels = new Map(ys.ticks.map(({ at, text }) => [Math.floor(ys.at(at) / 4), text]));
  return cells.map((row, index) => {
    const label = rowLabels.get(index);
    const axis = `${(label ?? "").padStart(margin - 2)} ${label === undefined ? "│" : "┤"}`;
    const field = row.map(({ symbol, dots, group }) =>
      symbol || dots > 0 ? paint(symbol ?? String.fromCharCode(0x2800 + dots), group) : " ",
    );
    return `${axis}${field.join("")}`.trimEnd();
  });
}

/** The axis and, below it, the labels that leave room for one another. */
function horizontalAxis({ xs }: Fitted, margin: number, columns: number): string[] {
  const rule = Array.from({ length: columns }, () => "─");
  let texts = "";
  for (const { at, text } of xs.ticks) {
    const column = Math.floor(xs.at(at) / 2);
    const middle = margin + column - Math.floor(text.length / 2);
    const start = Math.max(0, Math.min(middle, margin + columns - text.length));
    if (texts !== "" && start < texts.length + 2) continue;
    rule[column] = "┬";
    texts = texts.padEnd(start) + text;
  }
  return [`${" ".repeat(margin - 1)}└${rule.join("")}`, ...(texts === "" ? [] : [texts])];
}
