import { expect, test } from "vitest";
import { parseOfficialConfig, printOfficialConfig } from "../../src/families/loopformer-config.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const hub = {
  model_type: "loopformer" as const,
  architectures: ["LoopFormerGPTForCausalLM"],
  block_size: 1024,
  vocab_size: 50304,
  n_layer: 3,
  n_head: 32,
  n_embd: 2048,
  intermediate_dim: 5120,
  bias: false,
  dropout: 0 as const,
  bos_token_id: 50256,
  eos_token_id: 50256,
  pad_token_id: 50256,
} satisfies Parameters<typeof printOfficialConfig>[0];
const problemsOf = (config: unknown) => errorOf(() => parseOfficialConfig(config, "m/config.json")).message;

test("the hub's config is read; a model loops 8 times unless told", () => {
  expect(parseOfficialConfig(hub)).toEqual({ ...hub, max_loops: 8 });
  expect(parseOfficialConfig(JSON.stringify({ ...hub, max_loops: 24 })).max_loops).toBe(24);
});

test.each(["loopformer", "base_loop", "tmlt"])("%s loops, and its dropout may be left out", (model_type) => {
  const { dropout: _, ...rest } = hub;
  expect(parseOfficialConfig({ ...rest, model_type })).toMatchObject({
    model_type,
    max_loops: 8,
    dropout: 0 as const,
  });
});

test("a base model has one loop and refuses others", () => {
  expect(parseOfficialConfig({ ...hub, model_type: "base" }).max_loops).toBe(1);
  expect(problemsOf({ ...hub, model_type: "base", max_loops: 8 })).toContain("max_loops: must be 1");
});

test("bookkeeping of Hugging Face libraries is kept, other fields are refused", () => {
  const kept = { torch_dtype: "bfloat16", transformers_version: "4.57.0", auto_map: { AutoModel: "m.M" } };
  expect(parseOfficialConfig({ ...hub, ...kept })).toMatchObject(kept);
  expect(problemsOf({ ...hub, rope_theta: 10000, n_kv_head: 4 })).toMatch(
    /config: unknown fields "rope_theta", "n_kv_head"/,
  );
});

test("dropout is refused with the reason; the head may be untied", () => {
  expect(problemsOf({ ...hub, dropout: 0.1 })).toContain("dropout: only 0 is supported: gyre has no dropout");
  for (const tied of [true, false])
    expect(parseOfficialConfig({ ...hub, tie_word_embeddings: tied }).tie_word_embeddings).toBe(tied);
});

test("every problem is listed at once, rules about several fields included", () => {
  const { block_size: _, ...rest } = hub;
  const broken = {
    ...rest,
    model_type: "gpt3",
    n_head: 3,
    n_layer: 0,
    eos_token_id: 50304,
    dropout: 0.2,
    loops: 4,
  };
  expect(problemsOf(broken)).toMatchInlineSnapshot(`
    "CHECKPOINT_CONFIG: m/config.json:
        model_type: must be "loopformer", "base", "base_loop" or "tmlt", not "gpt3"
        block_size: is missing; it must be a number
        n_layer: must be a number above 0, not 0
        dropout: only 0 is supported: gyre has no dropout
        config: unknown field "loops"
        n_head: must divide n_embd
        eos_token_id: must be smaller than vocab_size
      expected: the config.json of a LoopFormer model or of one of its baselines
      fix: correct the fields listed above"
  `);
});

test("sizes beyond every limit are refused before a tensor's name is made", () => {
  const hostile = { n_layer: 2_000_000, n_embd: 2 ** 53 - 1, n_head: 1, block_size: 2 ** 32, max_loops: 1e6 };
  expect(
    problemsOf({ ...hub, ...hostile })
      .split("\n")
      .slice(1, 5),
  ).toEqual([
    "    block_size: must be a number of at most 1048576, not 4294967296",
    "    n_layer: must be a number of at most 1024, not 2000000",
    "    n_embd: must be a number of at most 65536, not 9007199254740991",
    "    max_loops: must be a number of at most 1024, not 1000000",
  ]);
});

test("what is no object or no JSON is refused", () => {
  for (const config of [null, [], 7, "[]"])
    expect(problemsOf(config)).toMatch(/^CHECKPOINT_CONFIG: m\/config\.json:/);
  expect(problemsOf("{")).toMatch(/^CHECKPOINT_CONFIG: m\/config\.json:\n {4}not JSON: /);
});

test("the writer gives the text of transformers, byte for byte", () => {
  const text = `{
  "architectures": [
    "LoopFormerGPTForCausalLM"
  ],
  "bias": false,
  "block_size": 1024,
  "bos_token_id": 50256,
  "dropout": 0.0,
  "eos_token_id": 50256,
  "intermediate_dim": 5120,
  "model_type": "loopformer",
  "n_embd": 2048,
  "n_head": 32,
  "n_layer": 3,
  "pad_token_id": 50256,
  "torch_dtype": "bfloat16",
  "transformers_version": "4.57.0",
  "vocab_size": 50304
}
`;
  expect(printOfficialConfig(parseOfficialConfig(text))).toBe(text);
  expect(printOfficialConfig({ ...hub, max_loops: 12 })).toContain('"max_loops": 12,');
  expect(errorOf(() => printOfficialConfig({ ...hub, n_head: 3 })).code).toBe("CHECKPOINT_CONFIG");
});
