import { InvalidArgumentError } from "commander";
import type { Draft } from "gyre";

const draftKinds: readonly Draft["kind"][] = ["prefix", "coarse"];

/** Options that do not go together. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A whole number of at least `least`, and at most `most`. */
export const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    if (!/^\d+$/.test(text) || Number(text) < least || Number(text) > most)
      throw new InvalidArgumentError(`It must be a whole number of ${bounds(`at least ${least}`, most)}.`);
    return Number(text);
  };

/** A number from `least`, or above it when `isOpen`, and at most `most`. */
export const number =
  (least: number, isOpen = false, most = Number.POSITIVE_INFINITY) =>
  (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const isLegal = Number.isFinite(value) && (isOpen ? value > least : value >= least) && value <= most;
    if (!isLegal)
      throw new InvalidArgumentError(
        `It must be a number ${bounds(`${isOpen ? "above" : "of at least"} ${least}`, most)}.`,
      );
    return value;
  };

/** The values of an option that may be given several times. */
export const repeated = (text: string, earlier: readonly string[] = []): string[] => [...earlier, text];

const bounds = (from: string, most: number): string =>
  most === Number.MAX_SAFE_INTEGER || most === Number.POSITIVE_INFINITY
    ? from
    : `${from} and at most ${most}`;

/** One of some words. */
export const word =
  <Word extends string>(...words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find((candidate) => candidate === text);
    if (found === undefined) throw new InvalidArgumentError(`It must be ${words.join(" or ")}.`);
    return found;
  };

/** The name of a file without its ending. */
export function fileName(text: string): string {
  if (/^[A-Za-z0-9][\w.-]*$/.test(text)) return text;
  throw new InvalidArgumentError("It must be letters, digits, dots, hyphens and underscores.");
}

/** Numbers of loops: "4", "1,2,8" or "1..8"; "L" stands for the model's full depth. */
export type LoopsRange = (fullDepth: number) => number[];

/** Reads `LoopsRange`; the numbers come out in order and once each. */
export function loopsRange(text: string): LoopsRange {
  const all = ranges(text, {
    form: /^(\d+|L)(?:\.\.(\d+|L))?$/,
    message: 'It must be like 4, 1,2,8 or 1..8; "L" is the full depth.',
    most: mostLoops,
  });
  return (fullDepth) => spread(all, (bound) => (bound === "L" ? fullDepth : Number(bound)));
}

/** Whole numbers: "8", "8,16,32" or "1..8"; they come out in order and once each. */
export function wholes(text: string): number[] {
  const form = /^(\d+)(?:\.\.(\d+))?$/;
  const message = "It must be like 8, 8,16,32 or 1..8.";
  const found = spread(ranges(text, { form, message, most: mostWhole }), Number);
  if (found.length > 0) return found;
  throw new InvalidArgumentError("It must go from the smaller number to the larger one.");
}

/** A difficulty, or a range of them: "24" or "2..24". */
export function difficultyRange(text: string): { readonly from: number; readonly to: number } {
  const [, from, to = from] = /^(\d{1,7})(?:\.\.(\d{1,7}))?$/.exec(text.trim()) ?? [];
  if (from === undefined || Number(from) > Number(to))
    throw new InvalidArgumentError("It must be like 24 or 2..24.");
  return { from: Number(from), to: Number(to) };
}

type Bounds = readonly [from: string, to: string];

/** The library's limits, which bound what a list can ask for; a test holds them equal. */
export const mostLoops = 1024;
const mostWhole = 2 ** 20;

function ranges(text: string, { form, message, most }: ListForm): Bounds[] {
  return text.split(",").map((part) => {
    const [, from, to = from] = form.exec(part.trim()) ?? [];
    if (from === undefined || to === undefined) throw new InvalidArgumentError(message);
    if (Number(from) > most || Number(to) > most)
      throw new InvalidArgumentError(`It must hold numbers of at most ${most}.`);
    return [from, to];
  });
}

interface ListForm {
  readonly form: RegExp;
  readonly message: string;
  readonly most: number;
}

function spread(all: readonly Bounds[], read: (bound: string) => number): number[] {
  const numbers = all.flatMap(([from, to]) =>
    Array.from({ length: Math.max(0, read(to) - read(from) + 1) }, (_, index) => read(from) + index),
  );
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** A draft, "prefix:1:4" or "coarse:2:3" (kind, loops, tokens), or "auto" or "none". */
export function draft(text: string): Draft | "auto" | "none" {
  if (text === "auto" || text === "none") return text;
  const [, kind, loops, tokens] = /^(prefix|coarse):(\d+):(\d+)$/.exec(text) ?? [];
  const known = draftKinds.find((name) => name === kind);
  if (!known) throw new InvalidArgumentError("It must be auto, none, or like prefix:1:4 or coarse:2:3.");
  return { kind: known, loops: Number(loops), tokens: Number(tokens) };
}

/** Standard deviations: "0,0.1,0.5". */
export function deviations(text: string): number[] {
  return text.split(",").map(number(0));
}

/** Step sizes: "0.5,0.25,0.25". */
export function trajectory(text: string): number[] {
  const steps = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (steps.some((step) => !Number.isFinite(step)))
    throw new InvalidArgumentError("It must be step sizes that sum to 1, like 0.5,0.25,0.25.");
  return steps;
}
