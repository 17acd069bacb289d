/** Maps values to pixels, with the ticks of its axis. */
export interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

/**
 * A scale over the values, logarithmic when they span more than a factor of 4, linear otherwise, with a margin on
 * both sides. `from` and `to` are the pixels of its ends.
 */
export function scaleFor(values: readonly number[], from: number, to: number): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const isLog = low > 0 && high / low > 4;
  const bend = isLog ? Math.log : (value: number) => value;
  const unbend = isLog ? Math.exp : (value: number) => value;
  const range = bend(high) - bend(low);
  const margin = range > 0 ? 0.07 * range : Math.abs(low) * 0.1 || 1;
  const start = bend(low) - margin;
  const end = bend(high) + margin;
  const at = (value: number) => from + ((bend(value) - start) / (end - start)) * (to - from);
  const ticks = (isLog ? logTicks : linearTicks)(unbend(start), unbend(end));
  return { ticks, at };
}

/** Round numbers between the ends, four to eight of them. */
export function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((unit) => unit * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => tidy((first + index) * step));
}

/** Powers of ten between the ends, with as many digits between them as are needed for four ticks. */
export function logTicks(low: number, high: number): number[] {
  const decades: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)); 10 ** exponent <= high; exponent++) decades.push(exponent);
  const digitSets = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]];
  const tickSets = digitSets.map((digits) =>
    decades
      .flatMap((exponent) => digits.map((digit) => tidy(digit * 10 ** exponent)))
      .filter((tick) => tick >= low && tick <= high),
  );
  return tickSets.find((ticks) => ticks.length >= 4) ?? linearTicks(low, high);
}

/** Tick labels with the same number of decimals, as few as tell them apart. */
export function tickTexts(ticks: readonly number[]): string[] {
  const decimals = Math.max(0, ...ticks.map((tick) => String(tick).split(".")[1]?.length ?? 0));
  return ticks.map((tick) => tick.toFixed(decimals));
}

function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
