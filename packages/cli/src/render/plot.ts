import { isUniform, type Report, scaleFor, siText, spreads, tickTexts } from "gyre";
import { createColors } from "picocolors";

interface PlotPoint {
  readonly x: number;
  readonly y: number;
  /** Drawn as the symbol of its series, over the line. */
  readonly isMarked: boolean;
}

export interface PlotSeries {
  readonly name: string;
  /** In the order in which a line joins them. */
  readonly points: readonly PlotPoint[];
}

export interface PlotOptions {
  readonly xTitle: string;
  readonly yTitle: string;
  /** Width of the whole plot in characters. */
  readonly width?: number;
  /** Height of the field in lines. */
  readonly height?: number;
  readonly isColored?: boolean;
  /** Labels under the field; left out, the axis has its name only. */
  readonly xText?: (value: number) => string;
}

interface Cell {
  /** Braille dots, as offsets from U+2800. */
  dots: number;
  symbol?: string;
  series: number;
}

const symbols = ["●", "■", "▲", "◆", "▼", "○", "□", "△", "◇", "▽"] as const;
const paints = ["cyan", "yellow", "green", "magenta", "red", "blue"] as const;
/** Braille bits of a cell, by row and column of its 4 x 2 dots. */
const brailleBits = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];

/** Lines and symbols on a field of braille characters, with axes and a legend. Series without points are left out. */
export function plot(all: readonly PlotSeries[], options: PlotOptions): string {
  const { xTitle, yTitle, width = 72, height = 14, isColored = false, xText } = options;
  const colors = createColors(isColored);
  const series = all.filter(({ points }) => points.length > 0);
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return "";
  const ys = scaleFor(
    points.map(({ y }) => y),
    4 * height - 1,
    0,
  );
  const labels = tickTexts(ys.ticks);
  const margin = Math.max(...labels.map((label) => label.length)) + 2;
  const columns = Math.max(20, width - margin);
  const xs = scaleFor(
    points.map(({ x }) => x),
    0,
    2 * columns - 1,
  );
  const cells = draw(series, height, columns, ({ x, y }) => [Math.round(xs.at(x)), Math.round(ys.at(y))]);

  const paint = (text: string, index: number) => colors[paints[index % paints.length] ?? "white"](text);
  const rowLabels = new Map(
    ys.ticks.map((tick, index) => [Math.floor(ys.at(tick) / 4), labels[index] ?? ""]),
  );
  const rows = cells.map((row, index) => {
    const label = rowLabels.get(index);
    const axis = `${(label ?? "").padStart(margin - 2)} ${label === undefined ? "│" : "┤"}`;
    const field = row.map((cell) => {
      const character = cell.symbol ?? String.fromCharCode(0x2800 + cell.dots);
      return cell.symbol || cell.dots > 0 ? paint(character, cell.series) : " ";
    });
    return `${axis}${field.join("")}`.trimEnd();
  });
  const ticks = xText ? xs.ticks.map((tick) => ({ at: Math.floor(xs.at(tick) / 2), text: xText(tick) })) : [];
  const legend = series.map(
    ({ name }, index) => `${paint(symbols[index % symbols.length] ?? "●", index)} ${name}`,
  );
  return [
    yTitle,
    ...rows,
    ...horizontalAxis(ticks, margin, columns),
    `${" ".repeat(margin)}${xTitle}`,
    ...(series.length > 1 ? ["", ...legend] : []),
  ].join("\n");
}

/**
 * The plot of a report: bits per byte against FLOPs per token, one line a model; or, for trajectories, every
 * schedule from best to worst, the uniform one as a symbol.
 */
export function reportPlot(report: Report, options: { width?: number; isColored?: boolean } = {}): string {
  const yTitle = "bits per byte (lower is better)";
  if (report.kind === "budget") {
    const series = report.models.map(({ name, points }) => {
      const sorted = points.toSorted((a, b) => a.flopsPerToken - b.flopsPerToken);
      return {
        name,
        points: sorted.map(({ flopsPerToken, bitsPerByte }) => ({
          x: flopsPerToken,
          y: bitsPerByte,
          isMarked: true,
        })),
      };
    });
    return plot(series, { ...options, yTitle, xTitle: "FLOPs per token, head included", xText: siText });
  }
  const series = spreads(report).map(({ model, loops, points }) => ({
    name: `${model.name}, ${loops} loops`,
    points: points.map((point, rank) => ({
      x: (rank + 0.5) / points.length,
      y: point.bitsPerByte,
      isMarked: isUniform(point.trajectory),
    })),
  }));
  return plot(series, { ...options, yTitle, xTitle: "schedules, best to worst; symbol: the uniform one" });
}

function draw(
  series: readonly PlotSeries[],
  height: number,
  columns: number,
  at: (point: PlotPoint) => readonly [number, number],
): Cell[][] {
  const cells = Array.from({ length: height }, () =>
    Array.from({ length: columns }, (): Cell => ({ dots: 0, series: 0 })),
  );
  const cellAt = (x: number, y: number) => cells[Math.floor(y / 4)]?.[Math.floor(x / 2)];
  for (const [index, { points }] of series.entries()) {
    const places = points.map(at);
    for (const [x, y] of places.flatMap((end, next) => line(places[next - 1] ?? end, end))) {
      const cell = cellAt(x, y);
      if (!cell) continue;
      cell.dots |= brailleBits[2 * (y % 4) + (x % 2)] ?? 0;
      cell.series = index;
    }
  }
  for (const [index, { points }] of series.entries()) {
    for (const point of points.filter(({ isMarked }) => isMarked)) {
      const cell = cellAt(...at(point));
      if (cell) Object.assign(cell, { symbol: symbols[index % symbols.length], series: index });
    }
  }
  return cells;
}

function line(
  [fromX, fromY]: readonly [number, number],
  [toX, toY]: readonly [number, number],
): [number, number][] {
  const pieces = Math.max(1, Math.abs(toX - fromX), Math.abs(toY - fromY));
  return Array.from({ length: pieces + 1 }, (_, piece) => [
    Math.round(fromX + ((toX - fromX) * piece) / pieces),
    Math.round(fromY + ((toY - fromY) * piece) / pieces),
  ]);
}

/** The axis and, below it, the labels that leave room for one another. */
function horizontalAxis(
  ticks: readonly { readonly at: number; readonly text: string }[],
  margin: number,
  columns: number,
): string[] {
  const rule = Array.from({ length: columns }, () => "─");
  let texts = "";
  for (const { at, text } of ticks) {
    const start = Math.max(0, margin + at - Math.floor(text.length / 2));
    if (texts !== "" && start < texts.length + 2) continue;
    rule[at] = "┬";
    texts = texts.padEnd(start) + text;
  }
  return [`${" ".repeat(margin - 1)}└${rule.join("")}`, ...(texts === "" ? [] : [texts])];
}
