/** An axis that covers some values, with round ticks. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** The axis of these values with about `count` ticks, each 1, 2 or 5 times a power of ten apart. */
export function axisOf(values: readonly number[], count = 4): Axis {
  const finite = values.filter(Number.isFinite);
  const [least, most] = [
    Math.min(...finite, Number.POSITIVE_INFINITY),
    Math.max(...finite, Number.NEGATIVE_INFINITY),
  ];
  if (finite.length === 0) return { from: 0, to: 1, ticks: [0, 1] };
  const span = most > least ? most - least : Math.max(1e-9, Math.abs(most)) / 2;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10) * power;
  const from = Math.floor(least / step) * step;
  const to = Math.max(from + step, Math.ceil(most / step) * step);
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, index) => from + index * step);
  return { from, to, ticks };
}

/** A number as a figure shows it: short, and without noise of the arithmetic. */
export function tidy(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–";
}

/** At most so many of the points of a curve, evenly, with the last one. */
export function thinned<Point>(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points;
  const step = (points.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => points[Math.round(index * step)] as Point);
}
