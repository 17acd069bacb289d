import { describe, expect, test } from "vitest";
import { algoformer, loopedTransformer, loopformer, tmlt, transformer } from "../../src/models/presets.ts";
import { parseSpec } from "../../src/models/spec.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { tinySize } from "./tiny.ts";

// specs as runs and reports of the first form hold them, copied from such files

const flatLoopformer = {
  family: "loopformer",
  vocab: 11,
  context: 6,
  width: 8,
  heads: 2,
  mlp: 12,
  prelude: 0,
  layers: 2,
  coda: 0,
  loops: 4,
  conditioning: "time",
  start: "embedding",
  inject: "none",
  frame: "run",
  norm: "rms",
  normGain: false,
  bias: true,
  activation: "gelu",
  adalnInit: "zero",
};
const flatAlgoformer = {
  family: "algoformer",
  vocab: 0,
  vectors: { inputs: 5, outputs: 1 },
  context: 23,
  width: 64,
  heads: 4,
  mlp: 256,
  prelude: 1,
  layers: 1,
  coda: 1,
  loops: 12,
  conditioning: "none",
  start: "zeros",
  inject: "add",
  frame: "loop",
  norm: "layer",
  normGain: true,
  bias: true,
  activation: "geluTanh",
  adalnInit: "official",
};
const once = { ...flatAlgoformer, prelude: 0, coda: 0, loops: 1, start: "embedding" };
const multiplied = { ...flatAlgoformer, family: "loopedTransformer", prelude: 0, coda: 0, start: "ones" };
const prompts = { inputs: 5, context: 23, width: 64, heads: 4 };

describe("the first form of a spec", () => {
  test.each([
    [flatLoopformer, loopformer(tinySize, { bias: true, adalnInit: "zero" })],
    [flatAlgoformer, algoformer(prompts)],
    [
      { ...once, family: "transformer", layers: 12, inject: "everyLayer" },
      transformer(prompts, { inject: "everyLayer" }),
    ],
    [
      { ...multiplied, inject: "multiply", bias: false },
      loopedTransformer(prompts, { inject: "multiply", bias: false }),
    ],
  ])("is read: $family", (flat, spec) => {
    expect(parseSpec(JSON.parse(JSON.stringify(flat)))).toEqual(spec);
  });

  test("fields that it may leave out have the values that they had then", () => {
    const { prelude: _, coda: _c, start: _s, inject: _i, frame: _f, norm: _n, ...rest } = flatLoopformer;
    const least = { ...rest, family: "tmlt", conditioning: "loop" };
    expect(parseSpec(least)).toEqual(tmlt(tinySize, { bias: true, adalnInit: "zero" }));
  });

  test("its problems are told in its own names, all at once", () => {
    const { bias: _, ...rest } = flatLoopformer;
    const error = errorOf(() => parseSpec({ ...rest, mlp: "wide", depth: 2 }));
    expect([error.code, error.detail.given]).toMatchInlineSnapshot(`
      [
        "SPEC_INVALID",
        "a model spec with problems:
          mlp: must be a number, not "wide"
          bias: is missing; it must be true or false
          spec: unknown field "depth"",
      ]
    `);
  });

  test("it keeps the rules between fields", () => {
    expect(errorOf(() => parseSpec({ ...flatLoopformer, heads: 3 })).message).toContain(
      "attention.heads: 3 does not divide width 8",
    );
  });
});
