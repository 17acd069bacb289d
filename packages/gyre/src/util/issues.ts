import type * as z from "zod";
import { listOf } from "./errors.ts";

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/**
 * The words of every schema error: `schema.safeParse(json, { error: inWords })` gives messages such as
 * "must be a number of at most 2, not 3". A schema's own message goes before it.
 */
export const inWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === "unrecognized_keys") return unknownFields(issue.keys);
  const input = givenIn(issue);
  if (input === undefined) return `is missing; it must be ${expectedOf(issue)}`;
  return `must be ${expectedOf(issue)}, not ${shown(input)}`;
};

/** A line for each issue, "field: message"; `root` stands for the whole value. */
export const problemsOf = ({ issues }: { readonly issues: readonly Issue[] }, root: string): string[] =>
  issues.map(({ path, message }) => `${path.map(String).join(".") || root}: ${message}`);

interface UnionIssue {
  readonly errors?: readonly (readonly Issue[])[];
  readonly options?: readonly unknown[];
}

/** What the value at an issue's path should have been, in plain words: "a number of at most 2". */
export function expectedOf(issue: Issue | RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeWords[issue.expected] ?? `of type ${issue.expected}`;
    case "too_big":
      return bounded(issue, Number(issue.maximum), issue.inclusive === false ? "below" : "of at most");
    case "too_small":
      return bounded(issue, Number(issue.minimum), issue.inclusive === false ? "above" : "of at least");
    case "invalid_value":
      return wordsOf(issue.values);
    case "invalid_format":
      return issue.pattern === undefined ? `a string of form ${issue.format}` : `like ${issue.pattern}`;
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return `an object without ${listOf(issue.keys)}`;
    case "invalid_union":
      return oneOf(issue as UnionIssue);
    case "invalid_key":
    case "invalid_element":
      return "a legal entry";
    default:
      return issue.message ?? "something else";
  }
}

/** A value for a message; lists and objects only by name, for they may be deep or large. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return value === undefined ? "nothing" : String(value);
}

const typeWords: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "a string",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
};

const unknownFields = (keys: readonly string[]): string =>
  `unknown field${keys.length > 1 ? "s" : ""} ${keys.map((key) => JSON.stringify(key)).join(", ")}`;

/** A number, a text or a list on the right side of a limit. */
function bounded(
  { origin, exact }: { origin: string; exact?: boolean },
  limit: number,
  side: string,
): string {
  if (origin === "number" || origin === "int") return `${typeWords[origin]} ${side} ${limit}`;
  const [thing, part, parts] =
    origin === "string" ? ["a string", "character", "characters"] : ["a list", "entry", "entries"];
  if (limit === 0 && side === "of at most") return `${thing.replace("a ", "an empty ")}`;
  if (limit === 1 && side === "of at least") return `${thing} that is not empty`;
  return `${thing} ${exact ? "of" : side} ${limit} ${limit === 1 ? part : parts}`;
}

/** The value at fault; of a union that a field tells apart, that field's. */
function givenIn(issue: RawIssue): unknown {
  const { input } = issue;
  if (issue.code !== "invalid_union" || typeof issue["discriminator"] !== "string") return input;
  return (input as Record<string, unknown> | undefined)?.[issue["discriminator"]];
}

const wordsOf = (values: readonly unknown[]): string =>
  listOf(values.map((value) => (typeof value === "number" ? value : String(value))));

/** The forms of a union: all of them, or what the form lacks that fits best. */
function oneOf({ errors, options }: UnionIssue): string {
  if (options) return wordsOf(options);
  const first = (errors ?? []).flatMap(([issue]) => issue ?? []);
  const deepest = Math.max(0, ...first.map(({ path }) => path.length));
  const best = first.filter(({ path }) => path.length === deepest);
  const words = best.map((issue) =>
    deepest === 0 ? expectedOf(issue) : `${expectedOf(issue)} at ${issue.path.map(String).join(".")}`,
  );
  return [...new Set(words)].join(" or ") || "one of its forms";
}
