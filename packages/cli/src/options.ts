import { InvalidArgumentError } from "commander";
import type { Draft } from "gyre";

const draftKinds: readonly Draft["kind"][] = ["prefix", "coarse"];

/** Options that do not go together. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A whole number of at least `least`. */
export const whole =
  (least: number) =>
  (text: string): number => {
    if (!/^\d+$/.test(text) || Number(text) < least)
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    return Number(text);
  };

/** A number from `least`, or above it when `isOpen`. */
export const number =
  (least: number, isOpen = false) =>
  (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const isLegal = Number.isFinite(value) && (isOpen ? value > least : value >= least);
    if (!isLegal)
      throw new InvalidArgumentError(`It must be a number ${isOpen ? "above" : "of at least"} ${least}.`);
    return value;
  };

/** One of some words. */
export const word =
  <Word extends string>(...words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find((candidate) => candidate === text);
    if (found === undefined) throw new InvalidArgumentError(`It must be ${words.join(" or ")}.`);
    return found;
  };

/** Numbers of loops: "4", "1,2,8" or "1..8"; "L" stands for the model's full depth. */
export type LoopsRange = (fullDepth: number) => number[];

/** Reads `LoopsRange`; the numbers come out in order and once each. */
export function loopsRange(text: string): LoopsRange {
  const parts = text.split(",").map((part) => /^(\d+|L)(?:\.\.(\d+|L))?$/.exec(part.trim()));
  if (parts.some((part) => part === null)) {
    throw new InvalidArgumentError('It must be like 4, 1,2,8 or 1..8; "L" is the full depth.');
  }
  const read = (bound: string, fullDepth: number) => (bound === "L" ? fullDepth : Number(bound));
  return (fullDepth) => {
    const all = parts.flatMap((part) => {
      const [, from = "L", to = from] = part as RegExpExecArray;
      const [low, high] = [read(from, fullDepth), read(to, fullDepth)];
      return Array.from({ length: Math.max(0, high - low + 1) }, (_, index) => low + index);
    });
    return [...new Set(all)].sort((a, b) => a - b);
  };
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
