import { describe, expect, it } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  type FloatDType,
  fromFloat32,
  type StoredTensor,
  storeTensors,
  toFloat32,
} from "../../src/checkpoint/safetensors.ts";
import { toOfficialNames } from "../../src/families/index.ts";
import {
  type OfficialFiles,
  readOfficial,
  type WriteOfficialOptions,
  writeOfficial,
} from "../../src/families/official.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { baseLoop, gpt, loopformer, presets, tmlt } from "../../src/models/presets.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const size = { vocab: 23, context: 8, width: 8, heads: 2, mlp: 12, layers: 2 };
const spec = loopformer({ ...size, loops: 8 });
/** By the names of the official files. */
const weights = toOfficialNames(spec, initialWeights(spec, 1));
/** As PyTorch's libraries write it: keys in no order of ours, and a field that gyre does not use. */
const config = `{
  "vocab_size": 23, "torch_dtype": "bfloat16",
  "model_type": "loopformer", "block_size": 8, "n_embd": 8, "n_head": 2, "n_layer": 2,
  "intermediate_dim": 12, "bias": false, "dropout": 0.0
}`;

interface Form {
  readonly dtype?: FloatDType;
  readonly prefix?: string;
  readonly more?: readonly (readonly [string, StoredTensor])[];
  readonly of?: typeof weights;
}

function bytesOf({ dtype = "BF16", prefix = "gpt.", more = [], of = weights }: Form = {}): Uint8Array {
  const tensors = new Map([...storeTensors(of, { dtype, prefix }), ...more]);
  return encodeSafetensors({ tensors, metadata: { format: "pt", by: "hand" } });
}

const filesOf = (bytes: Uint8Array, text = config): OfficialFiles => ({
  config: text,
  model: decodeSafetensors(bytes),
});

/** What an export of an import writes. */
function travel(files: OfficialFiles, more: Partial<WriteOfficialOptions> = {}) {
  const { spec, weights, origin } = readOfficial(files);
  const written = writeOfficial({ spec, weights, origin, ...more });
  return { config: written.config, bytes: encodeSafetensors(written.model) };
}

/** A causal mask, as nanoGPT registers one for each layer. */
const mask: StoredTensor = { dtype: "U8", shape: [1, 1, 2, 2], bytes: Uint8Array.of(1, 0, 1, 1) };

describe("an imported checkpoint", () => {
  it.each(
    (["F32", "F16", "BF16"] as const).flatMap((dtype) => ["gpt.", ""].map((prefix) => ({ dtype, prefix }))),
  )("comes back byte for byte: %j", (form) => {
    const bytes = bytesOf(form);
    expect(travel(filesOf(bytes))).toEqual({ config, bytes });
    expect(travel(filesOf(bytes), form)).toEqual({ config, bytes });
  });

  it("keeps the order, the gaps and the spaces of a header that another program wrote", () => {
    const tensors = [...storeTensors(weights, { dtype: "F16", prefix: "" })].reverse();
    let end = 0;
    const entries = tensors.map(([name, { dtype, shape, bytes }]) => {
      const begin = end;
      end += bytes.length;
      return `${JSON.stringify(name)} : ${JSON.stringify({ shape, data_offsets: [begin, end], dtype })}`;
    });
    const header = `{ ${entries.join(" ,\n")} }`;
    const bytes = encodeSafetensors({ tensors: new Map(tensors), header });
    expect(travel(filesOf(bytes)).bytes).toEqual(bytes);
  });

  it("keeps a stored copy of the head, masks and the prefixes of torch.compile", () => {
    const embedding = weights.get("transformer.wte.weight")?.data ?? new Float32Array();
    const more = [
      ["_orig_mod.lm_head.weight", fromFloat32(embedding, [23, 8], "F32")],
      ["_orig_mod.transformer.h.blocks.0.attn.bias", mask],
    ] as const;
    const bytes = bytesOf({ dtype: "F32", prefix: "_orig_mod.", more });
    expect(travel(filesOf(bytes)).bytes).toEqual(bytes);
    expect([...decodeSafetensors(travel(filesOf(bytes), { prefix: "gpt." }).bytes).tensors.keys()]).toEqual(
      [...weights.keys()].map((name) => `gpt.${name}`).sort(),
    );
  });

  it("keeps a mixture of types", () => {
    const norm = weights.get("transformer.norm_f.weight")?.data ?? new Float32Array();
    const mixed = [["gpt.transformer.norm_f.weight", fromFloat32(norm, [8], "F32")]] as const;
    const bytes = bytesOf({ more: mixed });
    expect(travel(filesOf(bytes))).toEqual({ config, bytes });
  });

  it("keeps every bit of NaN, infinities, zeros and subnormals", () => {
    const odd = Uint16Array.of(0x7fc1, 0xff80, 0x7f80, 0x8000, 0x0001, 0x8001, 0x7f7f, 0x7f81);
    const raw = { dtype: "BF16", shape: [8], bytes: new Uint8Array(odd.buffer) } as const;
    const bytes = bytesOf({ more: [["gpt.transformer.norm_f.weight", raw]] });
    expect(travel(filesOf(bytes)).bytes).toEqual(bytes);
  });

  it("is written in its form after its weights have changed, the copy of the head with them", () => {
    const embedding = weights.get("transformer.wte.weight")?.data ?? new Float32Array();
    const head = [["lm_head.weight", fromFloat32(embedding, [23, 8], "F32")]] as const;
    const read = readOfficial(filesOf(bytesOf({ dtype: "F32", prefix: "", more: head })));
    const trained = initialWeights(spec, 2);
    const { tensors } = writeOfficial({ ...read, weights: trained }).model;
    for (const name of ["lm_head.weight", "transformer.wte.weight"]) {
      const stored = tensors.get(name) as StoredTensor;
      expect(toFloat32(stored, name)).toEqual(trained.get("embed.tokens.weight")?.data);
    }
  });

  it("is written in another type or form on demand, and its config then says so", () => {
    const half = travel(filesOf(bytesOf()), { dtype: "F16", prefix: "" });
    expect(JSON.parse(half.config)).toEqual({ ...JSON.parse(config), torch_dtype: "float16" });
    expect(half.bytes).toEqual(
      encodeSafetensors({
        tensors: storeTensors(toOfficialNames(spec, readOfficial(filesOf(bytesOf())).weights), {
          dtype: "F16",
          prefix: "",
        }),
        metadata: { format: "pt" },
      }),
    );
    const unprefixed = travel(filesOf(bytesOf()), { prefix: "" });
    expect(unprefixed.config).toBe(config);
    expect([...decodeSafetensors(unprefixed.bytes).tensors.values()][0]?.dtype).toBe("BF16");
  });

  it("may have float64 weights, which are written as float32", () => {
    const norm = new Uint8Array(Float64Array.from({ length: 8 }, (_, index) => index / 8).buffer);
    const more = [["gpt.transformer.norm_f.weight", { dtype: "F64", shape: [8], bytes: norm }]] as const;
    const { config: text, bytes } = travel(filesOf(bytesOf({ more })));
    expect(JSON.parse(text)).toMatchObject({ torch_dtype: "float32" });
    const stored = decodeSafetensors(bytes).tensors.get("gpt.transformer.norm_f.weight");
    expect(stored && toFloat32(stored, "norm")).toEqual(
      Float32Array.from({ length: 8 }, (_, index) => index / 8),
    );
  });

  it("has the loops that it is said to have, and its config says them from then on", () => {
    const { spec, weights, origin } = readOfficial(filesOf(bytesOf()), { loops: 12 });
    expect(spec.loops).toBe(12);
    expect(JSON.parse(writeOfficial({ spec, weights, origin }).config)).toEqual({
      ...JSON.parse(config),
      max_loops: 12,
    });
    expect(readOfficial(filesOf(bytesOf(), writeOfficial({ spec, weights, origin }).config)).spec.loops).toBe(
      12,
    );
  });

  it("lists everything that does not fit, at once", () => {
    const { tensors } = decodeSafetensors(bytesOf());
    const wrong = new Map(tensors);
    wrong.delete("gpt.transformer.wpe.weight");
    wrong.set(
      "gpt.transformer.h.blocks.2.attn.c_attn.weight",
      fromFloat32(new Float32Array(4), [2, 2], "F32"),
    );
    wrong.set("gpt.transformer.norm_f.weight", fromFloat32(new Float32Array(4), [4], "F32"));
    const read = () => readOfficial({ config, model: { tensors: wrong } });
    expect(errorOf(read).message).toMatchInlineSnapshot(`
      "CHECKPOINT_MISMATCH: tensors that do not fit the model:
          missing: transformer.wpe.weight [8, 8]
          wrong shape: gpt.transformer.norm_f.weight [4], expected [8]
          extra: gpt.transformer.h.blocks.2.attn.c_attn.weight [2, 2]
        expected: every tensor of the model, in its shape, and no other
        fix: check that the config (layers, width, context, vocabulary, kind of model) belongs to these weights"
    `);
  });
});

describe("a model of gyre's own", () => {
  it.each(Object.keys(presets) as (keyof typeof presets)[])("is written and read again: %s", (name) => {
    const own = presets[name]({ ...size, loops: name === "gpt" ? 1 : 5 });
    const drawn = initialWeights(own, 4);
    const read = readOfficial(writeOfficial({ spec: own, weights: drawn, endOfText: 22 }));
    expect(read.spec).toEqual(own);
    expect(read.weights).toEqual(drawn);
  });

  it("has the names of the hub unless told otherwise, and a whole config", () => {
    const { config, model } = writeOfficial({ spec, weights, dtype: "BF16", endOfText: 22 });
    expect([...model.tensors.keys()].every((name) => name.startsWith("gpt."))).toBe(true);
    expect(config).toMatchInlineSnapshot(`
      "{
        "bias": false,
        "block_size": 8,
        "bos_token_id": 22,
        "dropout": 0.0,
        "eos_token_id": 22,
        "intermediate_dim": 12,
        "model_type": "loopformer",
        "n_embd": 8,
        "n_head": 2,
        "n_layer": 2,
        "pad_token_id": 22,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "vocab_size": 23
      }
      "
    `);
    expect(JSON.parse(writeOfficial({ spec, weights }).config)).not.toHaveProperty("eos_token_id");
    const bare = writeOfficial({ spec, weights, prefix: "" }).model.tensors;
    expect([...bare.keys()]).toEqual([...weights.keys()]);
  });

  it("has a head of its own where the model has one, under torch's usual name", () => {
    const own = loopformer(size, { readout: "untied" });
    const drawn = initialWeights(own, 4);
    const files = writeOfficial({ spec: own, weights: drawn });
    expect(files.model.tensors.get("gpt.lm_head.weight")?.shape).toEqual([own.vocab, own.width]);
    expect(JSON.parse(files.config).tie_word_embeddings).toBe(false);
    const read = readOfficial(files);
    expect(read.spec).toEqual(own);
    expect(read.weights).toEqual(drawn);
  });

  it("is refused when the official code does not have it", () => {
    const relu = tmlt(size, { activation: "relu" });
    expect(errorOf(() => writeOfficial({ spec: relu, weights: initialWeights(relu, 1) })).code).toBe(
      "SPEC_NOT_OFFICIAL",
    );
    expect(() => writeOfficial({ spec: gpt(size), weights: initialWeights(gpt(size), 1) })).not.toThrow();
    const biased = baseLoop(size, { bias: true });
    expect(readOfficial(writeOfficial({ spec: biased, weights: initialWeights(biased, 1) })).spec).toEqual(
      biased,
    );
  });
});
