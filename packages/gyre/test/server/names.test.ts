import { describe, expect, test } from "vitest";
import { bytesTokenizer, type Tokenizer } from "../../src/data/tokenizer.ts";
import { gpt, loopformer } from "../../src/models/presets.ts";
import { listedNames, modelNamed } from "../../src/server/names.ts";
import type { ServedModel } from "../../src/server/plan.ts";
import { idle } from "../../src/server/protocol.ts";
import { checkText, tokenizingModel } from "../../src/server/tokens.ts";

const size = { vocab: 257, context: 64, width: 16, heads: 2, mlp: 32, layers: 1, loops: 4 };
const engine = { failure: undefined, pending: 0, load: idle, start: () => () => undefined };
const tokenizer = bytesTokenizer();
const served = (id: string, spec = loopformer(size), words: Tokenizer = tokenizer): ServedModel => {
  return { id, spec, tokenizer: words, engine, created: 0, slots: 1 };
};
const models = [served("first"), served("first@2"), served("a@b")];

describe("a model's name", () => {
  test.each([
    ["first", "first", undefined],
    ["first@3", "first", { loops: 3 }],
    ["first@0.5:0.25:0.25", "first", { trajectory: [0.5, 0.25, 0.25] }],
    ["first@.5:5e-1", "first", { trajectory: [0.5, 0.5] }],
    ["first@1.0", "first", { trajectory: [1] }],
    ["first@kl<0.01", "first", { exit: "kl<0.01" }],
    ["first@margin>0.5", "first", { exit: "margin>0.5" }],
    ["first@2", "first@2", undefined],
    ["first@2@1", "first@2", { loops: 1 }],
    ["a@b@1", "a@b", { loops: 1 }],
  ])("%s", (name, id, depth) => {
    const named = modelNamed(models, name);
    expect([named.model.id, named.name, named.depth]).toEqual([id, name, depth]);
  });

  test.each([
    ["second", /MODEL_NOT_FOUND.*second/],
    ["second@2", /MODEL_NOT_FOUND/],
    ["a", /MODEL_NOT_FOUND/],
    ["first@", /INVALID_VALUE: the depth "" in the model's name/],
    ["first@deep", /INVALID_VALUE: the depth "deep"/],
    ["first@0.5,0.5", /INVALID_VALUE/],
    ["first@0.5:", /INVALID_VALUE/],
    ["first@0.5:-0.5", /INVALID_VALUE/],
    ["first@0.5:0", /INVALID_VALUE/],
  ])("%s is none", (name, message) => {
    expect(() => modelNamed(models, name)).toThrow(message);
  });

  test("is listed at each number of loops that may be asked for", () => {
    expect(listedNames(served("first"))).toEqual(["first", "first@1", "first@2", "first@3", "first@4"]);
    expect(listedNames(served("first"), 2)).toEqual(["first", "first@1", "first@2"]);
    expect(listedNames(served("flat", gpt({ ...size, loops: 1 })))).toEqual(["flat"]);
    expect(listedNames(served("deep", loopformer({ ...size, loops: 500 })))).toHaveLength(65);
  });
});

describe("the model whose tokenizer is meant", () => {
  test("may be left out where all have one", () => {
    expect(tokenizingModel(models, undefined).id).toBe("first");
    expect(tokenizingModel(models, "a@b@2").id).toBe("a@b");
    const mixed = [...models, served("other", loopformer(size), { ...tokenizer, vocab: 300 })];
    expect(tokenizingModel(mixed, "other").id).toBe("other");
    expect(() => tokenizingModel(mixed, null)).toThrow(/MODEL_NEEDED.*different tokenizers/);
  });
});

describe("texts that would take a tokenizer long", () => {
  test.each(["a", "é", "1", ".", " ", "\n"])("are refused where %j comes 2048 times in a row", (sign) => {
    expect(() => checkText("prompt", `words ${sign.repeat(2048)}`)).toThrow(
      /INVALID_VALUE: prompt with 2048/,
    );
    expect(() => checkText("prompt", `${sign.repeat(2000)}x1. `.repeat(50))).not.toThrow();
  });

  test("are refused where they are longer than 131072 characters", () => {
    expect(() => checkText("prompt", "x ".repeat(2 ** 16))).not.toThrow();
    expect(() => checkText("prompt", "x ".repeat(2 ** 16 + 1))).toThrow(/INVALID_VALUE: prompt of 131074/);
  });
});
