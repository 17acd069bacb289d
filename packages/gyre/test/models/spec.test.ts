import { describe, expect, test } from "vitest";
import { officialShape, specFromOfficial } from "../../src/families/loopformer.ts";
import { familyNames, presets, tmlt } from "../../src/models/presets.ts";
import { conditions, parseSpec, type Spec, uniformTrajectory } from "../../src/models/spec.ts";
import { most } from "../../src/util/limits.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { changed, tinySize } from "./tiny.ts";

const { gpt, baseLoop, loopformer } = presets;
const specs = familyNames.map((name) =>
  presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize, { bias: true }),
);

describe("parseSpec", () => {
  test.each(specs)("a $family spec survives JSON", (spec) => {
    expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  test("lists every problem at once: of single fields and between fields", () => {
    const changes = { vocab: 0, loops: 4, attention: { heads: 3 }, conditioning: { init: "zero" }, depth: 2 };
    const spec = changed(gpt({ ...tinySize, loops: 1 }), { ...changes, mlp: { width: 1.5, kind: "dense" } });
    expect(errorOf(() => parseSpec(spec)).message).toMatchInlineSnapshot(`
      "SPEC_INVALID: a model spec with problems:
          mlp.width: must be a whole number, not 1.5
          mlp: unknown field "kind"
          spec: unknown field "depth"
          attention.heads: 3 does not divide width 8
          loops: a gpt runs its layers once; use layers
          vocab: must be above 0 where tokens come from one
          conditioning.init: only a conditioned model has modulation weights
          attention.keyValueHeads: 2 does not divide heads 3
        expected: a spec as docs/architecture.md describes it
        fix: correct the fields named above"
    `);
  });

  test("a field that is wrong by itself is not compared with others", () => {
    const { message } = errorOf(() =>
      parseSpec(changed(loopformer(tinySize), { attention: { heads: "two" } })),
    );
    expect(message).toContain('attention.heads: must be a number, not "two"');
    expect(message).not.toContain("does not divide");
  });

  test.each([
    [{ attention: { heads: 3 } }, "attention.heads: 3 does not divide width 8"],
    [{ layers: { core: 0 } }, "layers.core: must be a number above 0, not 0"],
    [{ layers: 2 }, "layers: must be an object, not 2"],
    [{ mlp: { width: 1.5 } }, "mlp.width: must be a whole number, not 1.5"],
    [
      { conditioning: { kind: "none", init: "zero" } },
      "conditioning.init: only a conditioned model has modulation weights",
    ],
    [{ family: "gpt" }, "loops: a gpt runs its layers once; use layers"],
    [
      { mlp: { activation: "swish" } },
      'mlp.activation: must be "gelu", "relu", "silu" or "geluTanh", not "swish"',
    ],
    [{ norm: { bias: true } }, "norm.bias: only LayerNorm has a bias"],
    [{ norm: { epsilon: 0 } }, "norm.epsilon: must be a number above 0, not 0"],
    [{ norm: { epsilon: 1e-60 } }, "norm.epsilon: 1e-60 is zero in float32"],
    [{ norm: { placement: "post" } }, "norm.placement: post, where conditioning scales what blocks read"],
    [{ attention: { heads: 4, keyValueHeads: 3 } }, "attention.keyValueHeads: 3 does not divide heads 4"],
    [
      { attention: { heads: 8 }, positions: { kind: "rotary" } },
      "positions.kind: rotary positions turn pairs, and a head has 1 coordinates",
    ],
    [{ positions: { kind: "rotary", base: 0.5 } }, "positions.base: must be a number of at least 1, not 0.5"],
    [{ positions: { kind: "learned", base: 10 } }, 'positions: unknown field "base"'],
  ])("%j is refused", (change, problem) => {
    const error = errorOf(() => parseSpec(changed(loopformer(tinySize), change)));
    expect(error.code).toBe("SPEC_INVALID");
    expect(error.message).toContain(problem);
  });

  test.each([
    [{ width: 2 ** 32 }, "width: must be a number of at most 65536, not 4294967296"],
    [{ mlp: { width: 2 ** 53 - 1 } }, "mlp.width: must be a number of at most 262144, not 9007199254740991"],
    [{ layers: { core: 2_000_000 } }, "layers.core: must be a number of at most 1024, not 2000000"],
    [{ layers: { coda: 1e300 } }, "layers.coda: must be a number of at most 1024, not 1e+300"],
    [{ attention: { heads: 1e6 } }, "attention.heads: must be a number of at most 1024, not 1000000"],
    [{ loops: 1_000_000 }, "loops: must be a number of at most 1024, not 1000000"],
    [{ context: 2 ** 32 }, "context: must be a number of at most 1048576, not 4294967296"],
    [{ vocab: 20e9 }, "vocab: must be a number of at most 4194304, not 20000000000"],
    [
      { width: 65536, mlp: { width: 262144 } },
      "mlp.width: feed-forward network of 17179869184 values; a tensor has at most 1073741824",
    ],
    [{ width: 16386 }, "width: modulation of 1074003984 values; a tensor has at most 1073741824"],
    [
      { width: 65536, vocab: 4194304 },
      "vocab: embedding of 274877906944 values; a tensor has at most 1073741824",
    ],
  ])("%j is refused before anything is allocated", (change, problem) => {
    const spec = changed(loopformer(tinySize), change);
    expect(errorOf(() => parseSpec(spec)).message).toContain(problem);
  });

  test.each([null, undefined, 3, "loopformer", []])("%j is no spec", (json) => {
    expect(errorOf(() => parseSpec(json)).code).toBe("SPEC_INVALID");
  });
});

describe("presets", () => {
  test("each is a row of the table", () => {
    const row = ({ family, conditioning: { kind, init }, norm, mlp, loops }: Spec) =>
      `${family}: ${kind}, gain ${norm.gain}, adaLN ${init}, ${mlp.activation}, ${loops} loops`;
    const { loops: _, ...size } = tinySize;
    expect(familyNames.map((name) => row(presets[name](size)))).toEqual([
      "gpt: none, gain true, adaLN official, gelu, 1 loops",
      "baseLoop: none, gain true, adaLN official, gelu, 6 loops",
      "tmlt: loop, gain false, adaLN official, gelu, 6 loops",
      "loopformer: time, gain false, adaLN official, gelu, 6 loops",
    ]);
  });

  test("options are honoured or refused", () => {
    const spec = tmlt(tinySize, { bias: true, activation: "relu", adalnInit: "zero" });
    expect(spec).toMatchObject({
      attention: { bias: true },
      mlp: { bias: true, activation: "relu" },
      conditioning: { init: "zero" },
    });
    expect(errorOf(() => baseLoop(tinySize, { adalnInit: "zero" })).code).toBe("SPEC_INVALID");
    expect(errorOf(() => gpt(tinySize)).message).toContain("use layers");
  });
});

describe("conditions", () => {
  test("LoopFormer is told time and step size, raw in [0, 1]", () => {
    const { loops, t, dt } = conditions(loopformer(tinySize), [0.5, 0.25, 0.25]);
    expect({ loops, t: [...t], dt: [...dt] }).toEqual({ loops: 3, t: [0, 0.5, 0.75], dt: [0.5, 0.25, 0.25] });
  });

  test("a number of loops is the uniform trajectory", () => {
    const spec = loopformer(tinySize);
    for (const loops of [1, 3, 8]) {
      expect(conditions(spec, loops)).toEqual(conditions(spec, uniformTrajectory(loops)));
    }
    expect([...conditions(spec, 4).t]).toEqual([0, 0.25, 0.5, 0.75]);
  });

  test("TMLT is told the index of the loop", () => {
    expect([...conditions(tmlt(tinySize), 6).t]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test.each([
    ["a sum below 1", [0.5, 0.25], /step sizes that sum to 1 \(these sum to 0.75\)/],
    ["a sum above 1", [0.5, 0.5, 0.5], /these sum to 1.5/],
    ["a zero step", [0.5, 0, 0.5], /positive step sizes/],
    ["a negative step", [1.5, -0.5], /positive step sizes/],
    ["not a number", [0.5, Number.NaN], /positive step sizes/],
    ["a step that is zero in float32", [0.5, 0.5, 1e-320], /positive step sizes, in float32 too/],
  ])("%s is refused", (_, trajectory, message) => {
    const error = errorOf(() => conditions(loopformer(tinySize), trajectory));
    expect(error.code).toBe("TRAJECTORY");
    expect(error.message).toMatch(message);
  });

  test.each([baseLoop(tinySize), tmlt(tinySize)])("$family has no step sizes", (spec) => {
    const error = errorOf(() => conditions(spec, [0.5, 0.5]));
    expect(error.code).toBe("TRAJECTORY");
    expect(error.message).toContain("a number of loops: only loopformer has step sizes");
  });

  test("as many loops as there may be, and no more", () => {
    const { t, dt } = conditions(loopformer(tinySize), most.loops);
    expect([t.length, dt.length, t[1]]).toEqual([1024, 1024, dt[0]]);
    expect(errorOf(() => conditions(loopformer(tinySize), 1e9)).message).toContain("at most 1024");
    expect(errorOf(() => conditions(tmlt(tinySize), 1025)).code).toBe("LOOPS");
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("%d loops are refused", (loops) => {
    const error = errorOf(() => conditions(baseLoop(tinySize), loops));
    expect(error.code).toBe("LOOPS");
    expect(error.message).toContain("a whole number of at least 1");
  });

  test("an empty trajectory is refused, and so is a looped gpt", () => {
    expect(errorOf(() => conditions(loopformer(tinySize), [])).code).toBe("LOOPS");
    expect(errorOf(() => conditions(gpt({ ...tinySize, loops: 1 }), 2)).message).toContain(
      "1: its layers run once",
    );
  });
});

describe("official shapes", () => {
  test.each(specs)("a $family spec comes back from its official fields", (spec) => {
    expect(specFromOfficial(officialShape(spec), spec.loops)).toEqual(spec);
  });

  test("their names are those of config.json", () => {
    expect(officialShape(loopformer(tinySize))).toEqual({
      model_type: "loopformer",
      vocab_size: 11,
      block_size: 6,
      n_embd: 8,
      n_head: 2,
      n_layer: 2,
      intermediate_dim: 12,
      bias: false,
      tie_word_embeddings: true,
    });
    expect(specs.map((spec) => officialShape(spec).model_type)).toEqual([
      "base",
      "base_loop",
      "tmlt",
      "loopformer",
    ]);
  });

  test("a model that they cannot express is refused, with every reason", () => {
    const spec = parseSpec(
      changed(loopformer(tinySize), { mlp: { activation: "relu" }, norm: { gain: true } }),
    );
    const error = errorOf(() => officialShape(spec));
    expect(error.code).toBe("SPEC_NOT_OFFICIAL");
    expect(error.message).toContain("mlp.activation: relu, where loopformer has gelu");
    expect(error.message).toContain("norm.gain: true, where loopformer has false");
  });

  test("the initial distribution is no part of a model that has weights", () => {
    expect(officialShape(loopformer(tinySize, { adalnInit: "zero" })).model_type).toBe("loopformer");
  });
});
