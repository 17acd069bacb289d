import { expect, test } from "vitest";
import { fromFloat32, type StoredTensor } from "../../src/checkpoint/safetensors.ts";
import { matchTensors } from "../../src/families/match.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const expected = new Map<string, readonly number[]>([
  ["transformer.wte.weight", [3, 2]],
  ["transformer.h.blocks.0.attn.c_attn.weight", [2, 2]],
  ["time_embedder.mlp.0.bias", [2]],
]);
const tensor = (shape: readonly number[], first = 1) => {
  const length = shape.reduce((product, dim) => product * dim, 1);
  return fromFloat32(
    Float32Array.from({ length }, (_, at) => first + at),
    shape,
    "F32",
  );
};
const official = () => new Map([...expected].map(([name, shape], at) => [name, tensor(shape, at)] as const));
const prefixed = (prefix: string) =>
  new Map([...official()].map(([name, stored]) => [prefix + name, stored]));
const mask = tensor([1, 1, 4, 4]);
const withMore = (...more: [string, StoredTensor][]) => new Map([...official(), ...more]);
const mismatch = (given: ReadonlyMap<string, StoredTensor>, optional?: Set<string>) =>
  errorOf(() => matchTensors(expected, given, optional === undefined ? {} : { optional }));

test.each(["", "gpt.", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.gpt."])(
  "names with the prefix %j are found",
  (prefix) => {
    const matched = matchTensors(expected, prefixed(prefix));
    expect([...matched.keys()]).toEqual([...expected.keys()]);
    expect([...(matched.get("time_embedder.mlp.0.bias") ?? [])]).toEqual([2, 3]);
  },
);

test("a prefix that belongs to the model's own name stays", () => {
  const own = new Map([["gpt.weight", [2]]]);
  expect([...matchTensors(own, new Map([["module.gpt.weight", tensor([2])]])).keys()]).toEqual([
    "gpt.weight",
  ]);
});

test("half and bfloat16 weights come as float32", () => {
  const one = new Map([["w", [2]]]);
  for (const dtype of ["F16", "BF16"] as const) {
    const given = new Map([["w", fromFloat32(Float32Array.of(1.5, -2), [2], dtype)]]);
    expect([...(matchTensors(one, given).get("w") ?? [])]).toEqual([1.5, -2]);
  }
});

test("a tied head is accepted as a copy, and stands for an embedding that is not there", () => {
  const head = tensor([3, 2], 0);
  expect(matchTensors(expected, withMore(["lm_head.weight", head])).size).toBe(3);
  const alone = withMore(["lm_head.weight", head]);
  alone.delete("transformer.wte.weight");
  expect([...(matchTensors(expected, alone).get("transformer.wte.weight") ?? [])]).toEqual([
    0, 1, 2, 3, 4, 5,
  ]);
});

test("a head that differs from its embedding is refused, unless the model has its own", () => {
  const other = withMore(["lm_head.weight", tensor([3, 2], 9)]);
  expect(mismatch(other).message).toContain(
    "not tied: lm_head.weight differs from transformer.wte.weight, expected an equal copy",
  );
  const half = withMore(["lm_head.weight", fromFloat32(Float32Array.of(0, 1, 2, 3, 4, 5), [3, 2], "F16")]);
  expect(mismatch(half).message).toContain("not tied");
  const untied = new Map([...expected, ["lm_head.weight", [3, 2]] as const]);
  expect(matchTensors(untied, other).get("lm_head.weight")?.[0]).toBe(9);
});

test("attention masks are ignored, biases of another shape are not", () => {
  const buffers = withMore(
    ["transformer.h.0.attn.bias", mask],
    ["transformer.h.0.attn.masked_bias", tensor([])],
  );
  expect(matchTensors(expected, buffers).size).toBe(3);
  const bias = withMore(["transformer.h.0.attn.bias", tensor([2])]);
  expect(mismatch(bias).message).toContain("extra: transformer.h.0.attn.bias [2]");
  const own = new Map([["h.attn.bias", [1, 1, 4, 4]]]);
  expect(matchTensors(own, new Map([["h.attn.bias", mask]])).size).toBe(1);
});

test("optional tensors may be missing, but not wrong", () => {
  const given = official();
  given.delete("time_embedder.mlp.0.bias");
  const optional = new Set(["time_embedder.mlp.0.bias"]);
  expect(matchTensors(expected, given, { optional }).has("time_embedder.mlp.0.bias")).toBe(false);
  given.set("time_embedder.mlp.0.bias", tensor([3]));
  expect(mismatch(given, optional).message).toContain(
    "wrong shape: time_embedder.mlp.0.bias [3], expected [2]",
  );
});

test("a thousand missing tensors are counted, not listed", () => {
  const many = new Map(Array.from({ length: 1000 }, (_, at) => [`w.${at}`, [1]] as const));
  const { message } = errorOf(() => matchTensors(many, new Map()));
  expect(message.split("\n").filter((line) => line.includes("missing:"))).toHaveLength(50);
  expect(message).toContain("and 950 more");
});

test("all problems are listed in one error, by the names in the file", () => {
  const given = new Map<string, StoredTensor>([
    ["gpt.transformer.wte.weight", tensor([2, 3])],
    [
      "gpt.transformer.h.blocks.0.attn.c_attn.weight",
      { dtype: "I32", shape: [2, 2], bytes: new Uint8Array(16) },
    ],
    ["transformer.h.blocks.1.norm_1.weight", tensor([2])],
    ["gpt.dt_embedder.mlp.0.bias", tensor([7])],
    ["module.dt_embedder.mlp.0.bias", tensor([7])],
  ]);
  expect(mismatch(given).message).toMatchInlineSnapshot(`
    "CHECKPOINT_MISMATCH: tensors that do not fit the model:
        twice: gpt.dt_embedder.mlp.0.bias and module.dt_embedder.mlp.0.bias are both dt_embedder.mlp.0.bias
        wrong shape: gpt.transformer.wte.weight [2, 3], expected [3, 2]
        wrong dtype: gpt.transformer.h.blocks.0.attn.c_attn.weight I32, expected F32, F16, BF16 or F64
        missing: time_embedder.mlp.0.bias [2]
        extra: transformer.h.blocks.1.norm_1.weight [2]
        extra: gpt.dt_embedder.mlp.0.bias [7]
      expected: every tensor of the model, in its shape, and no other
      fix: check that the config (layers, width, context, vocabulary, kind of model) belongs to these weights"
  `);
});
