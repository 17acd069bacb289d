import { describe, expect, test } from "vitest";
import * as z from "zod";
import { expectedOf, inWords, problemsOf } from "../../src/util/issues.ts";

const text = z.string().min(1).max(8);
const schema = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  share: z.number().positive().lt(1).optional(),
  layers: z.int().positive().optional(),
  kind: z.enum(["final", "elastic"]).optional(),
  stop: z.union([text, z.array(text).max(2)]).optional(),
  prompt: z.union([z.string(), z.array(z.int()), z.array(z.string())]).optional(),
  none: z.array(z.unknown()).max(0).optional(),
  one: z.literal(1).optional(),
  pair: z.tuple([z.string(), z.string()]).optional(),
  isOn: z.boolean().optional(),
  even: z.number().multipleOf(2).optional(),
  hash: z
    .string()
    .regex(/^[0-9a-f]+$/)
    .optional(),
  exit: z
    .discriminatedUnion("by", [
      z.strictObject({ by: z.literal("kl"), below: z.number() }),
      z.strictObject({ by: z.literal("margin"), above: z.number() }),
    ])
    .optional(),
  own: z.literal(0, { error: "only 0 is supported: there is no dropout" }).optional(),
});

const problems = (json: unknown): string[] => {
  const parsed = schema.safeParse(json, { error: inWords });
  return parsed.success ? [] : problemsOf(parsed.error, "spec");
};

describe("schema errors in plain words", () => {
  test.each([
    [{ temperature: 3 }, "temperature: must be a number of at most 2, not 3"],
    [{ temperature: -1 }, "temperature: must be a number of at least 0, not -1"],
    [{ temperature: "hot" }, 'temperature: must be a number, not "hot"'],
    [{ temperature: Number.NaN }, "temperature: must be a number, not NaN"],
    [{ temperature: null }, "temperature: must be a number, not null"],
    [{ share: 0 }, "share: must be a number above 0, not 0"],
    [{ share: 1 }, "share: must be a number below 1, not 1"],
    [{ layers: 1.5 }, "layers: must be a whole number, not 1.5"],
    [{ layers: 2 ** 60 }, `layers: must be a whole number of at most ${2 ** 53 - 1}, not ${2 ** 60}`],
    [{ kind: "elastik" }, 'kind: must be "final" or "elastic", not "elastik"'],
    [{ stop: "" }, 'stop: must be a string that is not empty, not ""'],
    [{ stop: "123456789" }, 'stop: must be a string of at most 8 characters, not "123456789"'],
    [{ stop: ["a", "b", "c"] }, "stop: must be a string or a list of at most 2 entries, not a list of 3"],
    [{ stop: 5 }, "stop: must be a string or a list, not 5"],
    [{ prompt: [1, {}] }, "prompt: must be a number at 1 or a string at 0, not a list of 2"],
    [{ none: [1] }, "none: must be an empty list, not a list of 1"],
    [{ one: 2 }, "one: must be 1, not 2"],
    [{ pair: ["a"] }, "pair: must be a list of at least 2 entries, not a list of 1"],
    [{ isOn: "yes" }, 'isOn: must be true or false, not "yes"'],
    [{ even: 3 }, "even: must be a multiple of 2, not 3"],
    [{ hash: "xyz" }, 'hash: must be like /^[0-9a-f]+$/, not "xyz"'],
    [{ exit: { by: "entropy" } }, 'exit.by: must be "kl" or "margin", not "entropy"'],
    [{ exit: { by: "kl" } }, "exit.below: is missing; it must be a number"],
    [{ own: 1 }, "own: only 0 is supported: there is no dropout"],
    [{ depth: 1 }, 'spec: unknown field "depth"'],
    [{ depth: 1, size: 2 }, 'spec: unknown fields "depth", "size"'],
    [null, "spec: must be an object, not null"],
    [[], "spec: must be an object, not an empty list"],
    [{ temperature: "x".repeat(99) }, `temperature: must be a number, not "${"x".repeat(57)}..."`],
  ])("%j", (json, expected) => {
    expect(problems(json)).toEqual([expected]);
  });

  test("nothing is said in the schema library's own words", () => {
    const all = problems({ temperature: 3, layers: 0, kind: 1, stop: {}, one: 2, isOn: 1, other: 1 });
    expect(all).toHaveLength(7);
    expect(all.join()).not.toMatch(/Invalid|Too (big|small)|expected|Unrecognized|received/);
  });

  test("what was expected can be had alone", () => {
    const { error } = schema.safeParse({ temperature: 3 });
    expect(error?.issues.map(expectedOf)).toEqual(["a number of at most 2"]);
  });
});
