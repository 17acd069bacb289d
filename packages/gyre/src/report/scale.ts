import type { Axis } from "./chart.ts";
import { siText } from "./numbers.ts";

/** A mark on an axis and its label. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** Maps values to pixels, or to cells of a terminal, with the ticks of its axis. */
export interface Scale {
  /** Values at the ends. */
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly Tick[];
  /** Pixels of a value. */
  readonly at: (value: number) => number;
}

/** Where an axis lies, and how much of its values is noise. */
export interface ScaleOptions {
  /** Pixels of the ends. */
  readonly from: number;
  readonly to: number;
  /** The largest standard error among the values; 0 by default. */
  readonly noise?: number;
}

/** A linear axis spans at least this share of its largest value, a logarithmic one this factor. */
const LEAST_SHARE = 0.05;
const LEAST_FACTOR = 2;
/** So many standard errors at least fill an axis. */
const LEAST_ERRORS = 10;
const MARGIN = 0.06;

/**
 * The scale of an axis over its values: logarithmic where the axis says so, or, where it says nothing, when they span more
 * than a factor of 4. It never spans so little that noise or a difference of a few per cent would fill it. Ticks of
 * whole numbers are whole.
 */
export function scaleFor(axis: Axis, values: readonly number[], options: ScaleOptions): Scale {
  const { from, to, noise = 0 } = options;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const isLog = axis.kind ? axis.kind === "log" : least > 0 && most / least > 4;
  const bend = isLog ? Math.log : (value: number) => value;
  const unbend = isLog ? Math.exp : (value: number) => value;
  const span = isLog
    ? Math.log(LEAST_FACTOR)
    : Math.max(LEAST_SHARE * Math.max(Math.abs(least), Math.abs(most)), LEAST_ERRORS * noise) || 1;
  const widened = Math.max(bend(most) - bend(least), span);
  const middle = (bend(least) + bend(most)) / 2;
  const [start, end] = [middle - (0.5 + MARGIN) * widened, middle + (0.5 + MARGIN) * widened];
  // a logarithm's inverse can leave the numbers that there are
  const low = isLog ? Math.max(unbend(start), Number.MIN_VALUE) : unbend(start);
  const high = isLog ? Math.min(unbend(end), Number.MAX_VALUE) : unbend(end);
  const isWhole = values.every(Number.isInteger);
  return {
    low,
    high,
    ticks: axis.ticks ?? ticksOf(low, high, { isLog, isWhole, hasPrefixes: axis.hasPrefixes ?? false }),
    at: (value) => from + ((bend(value) - start) / (end - start)) * (to - from),
  };
}

interface TickOptions {
  readonly isLog: boolean;
  readonly isWhole: boolean;
  readonly hasPrefixes: boolean;
}

function ticksOf(low: number, high: number, { isLog, isWhole, hasPrefixes }: TickOptions): Tick[] {
  const values = isLog ? logTicks(low, high, isWhole) : linearTicks(low, high, isWhole);
  const texts = hasPrefixes ? values.map(siText) : isLog ? values.map(logText) : linearTexts(values);
  return values.map((at, index) => ({ at, text: texts[index] ?? "" }));
}

/** So many ticks at least, where whole numbers allow it. */
const LEAST_TICKS = 4;

/** Round numbers between the ends, as far apart as leaves four of them or more; whole ones where `isWhole`. */
export function linearTicks(low: number, high: number, isWhole = false): number[] {
  const power = 10 ** Math.floor(Math.log10(high - low));
  const steps = [2.5, 2, 1, 0.5, 0.25, 0.2].map((unit) => tidy(unit * power));
  const legal = isWhole ? [...steps.filter((step) => step > 1 && Number.isInteger(step)), 1] : steps;
  const first = (step: number) => Math.ceil(low / step - 1e-9);
  const countOf = (step: number) => Math.floor(high / step + 1e-9) - first(step) + 1;
  const step = legal.find((one) => countOf(one) >= LEAST_TICKS) ?? legal.at(-1) ?? 1;
  return Array.from({ length: countOf(step) }, (_, index) => tidy((first(step) + index) * step));
}

/** At most so many decades are ticked one by one. */
const MOST_DECADES = 8;

/** Powers of ten between the ends, with as many digits between them as are needed for four ticks. */
export function logTicks(low: number, high: number, isWhole = false): number[] {
  const first = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.floor(Math.log10(high)) - first + 1 }, (_, at) => first + at);
  const every = Math.ceil(decades.length / MOST_DECADES);
  const digitSets = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]];
  const tickSets = digitSets.map((digits) =>
    decades
      .filter((exponent) => exponent % every === 0)
      .flatMap((exponent) => digits.map((digit) => tidy(digit * 10 ** exponent)))
      .filter((tick) => tick >= low && tick <= high && (!isWhole || Number.isInteger(tick))),
  );
  return tickSets.find((ticks) => ticks.length >= 4) ?? linearTicks(low, high, isWhole);
}

/** Texts with the same number of decimals, as few as tell them apart; powers of ten where that would be long. */
function linearTexts(ticks: readonly number[]): string[] {
  const decimals = Math.max(0, ...ticks.map(decimalsOf));
  const isLong = decimals > 5 || ticks.some((tick) => Math.abs(tick) >= 1e6);
  return ticks.map((tick) => (isLong ? powerText(tick) : tick.toFixed(decimals)));
}

function decimalsOf(tick: number): number {
  const [digits = "", exponent] = tick.toExponential().split("e");
  return (digits.split(".")[1]?.length ?? 0) - Number(exponent);
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A plain number, or a power of ten where that would be long. */
const logText = (tick: number): string => (tick >= 0.01 && tick < 1e5 ? String(tick) : powerText(tick));

/** A number as a power of ten: 10⁻⁶, 2·10⁻⁶. */
function powerText(tick: number): string {
  const [digits, exponent = ""] = Number(tick.toPrecision(3)).toExponential().split("e");
  const power = [...exponent].map((c) => (c === "-" ? "⁻" : (superscripts[Number(c)] ?? ""))).join("");
  if (tick === 0) return "0";
  return `${digits === "1" ? "" : `${digits}·`}10${power}`;
}

function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
