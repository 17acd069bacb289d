import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  fromFloat32,
  type StoredTensor,
  storeTensors,
  toFloat32,
  toInt32,
} from "../../src/checkpoint/safetensors.ts";
import { errorOf, rawFile } from "./helpers.ts";

// library*.safetensors were written by the Python package safetensors 0.8.0: all dtypes that it can write, names that
// sort differently in UTF-8 and UTF-16, an empty tensor and a scalar.
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
const oracle = new URL("../../../../golden/oracle/", import.meta.url);
const oracleFiles = readdirSync(oracle).filter((name) => name.endsWith(".safetensors"));
const bytesOf = (...values: number[]) => Uint8Array.from(values);
const shuffled = <Key, Value>(map: ReadonlyMap<Key, Value>) => new Map([...map].reverse());

describe("byte-identical copies", () => {
  test.each(["library.safetensors", "library-no-metadata.safetensors"])(
    "%s from its tensors and metadata alone, in any order",
    (name) => {
      const original = fixture(name);
      const { tensors, metadata } = decodeSafetensors(original);
      const copy = encodeSafetensors({ tensors: shuffled(tensors), ...(metadata ? { metadata } : {}) });
      expect(copy).toEqual(original);
    },
  );

  test("all six oracle files, whose writer used another layout than the library", () => {
    expect(oracleFiles).toHaveLength(6);
    for (const name of oracleFiles) {
      const original = new Uint8Array(readFileSync(new URL(name, oracle)));
      const file = decodeSafetensors(original, name);
      expect(Buffer.compare(encodeSafetensors(file), original), name).toBe(0);
      const { header: _, ...content } = file;
      const rewritten = decodeSafetensors(encodeSafetensors(content));
      expect(Object.entries(rewritten.metadata ?? {}), name).toEqual(Object.entries(file.metadata ?? {}));
      expect(rewritten.tensors.size).toBe(file.tensors.size);
      for (const [key, { dtype, shape, bytes }] of file.tensors) {
        const other = rewritten.tensors.get(key);
        expect(other, key).toMatchObject({ dtype, shape });
        expect(Buffer.compare(other?.bytes ?? new Uint8Array(0), bytes), key).toBe(0);
      }
    }
  });

  test("any content survives encode and decode", () => {
    const tensor = fc
      .tuple(fc.constantFrom("F32", "BF16", "I64", "U8"), fc.array(fc.nat(3), { maxLength: 3 }))
      .map(([dtype, shape]): StoredTensor => {
        const size = { F32: 4, BF16: 2, I64: 8, U8: 1 }[dtype] as number;
        const length = shape.reduce((product, dim) => product * dim, size);
        return { dtype: dtype as "F32", shape, bytes: Uint8Array.from({ length }, (_, at) => at * 7) };
      });
    const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__");
    const content = fc.record(
      {
        tensors: fc.array(fc.tuple(name, tensor)),
        metadata: fc.dictionary(fc.string({ unit: "grapheme" }), fc.string()),
      },
      { requiredKeys: ["tensors"] },
    );
    fc.assert(
      fc.property(content, ({ tensors, metadata }) => {
        const file = { tensors: new Map(tensors), ...(metadata === undefined ? {} : { metadata }) };
        const bytes = encodeSafetensors(file);
        const back = decodeSafetensors(bytes);
        expect(back.tensors.size).toBe(file.tensors.size);
        for (const [key, stored] of file.tensors) expect(back.tensors.get(key)).toEqual(stored);
        expect(Object.entries(back.metadata ?? {})).toEqual(Object.entries(metadata ?? {}));
        expect(encodeSafetensors(back)).toEqual(bytes);
        expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
      }),
    );
  });
});

test("a file holds what was stored, and its views need no alignment", () => {
  const { tensors, metadata } = decodeSafetensors(fixture("library.safetensors"));
  expect(tensors.size).toBe(30);
  expect(metadata).toEqual({ format: "pt", note: 'café "x"', a: "1", b: "" });
  expect([...toFloat32(tensors.get("z.weight") as StoredTensor, "")]).toEqual([1.5, -8]);
  expect(tensors.get("scalar")).toEqual({ dtype: "F32", shape: [], bytes: bytesOf(0, 0, 224, 64) });
  expect(tensors.get("type.float4")?.shape).toEqual([6]);
});

describe("a given header", () => {
  const file = decodeSafetensors(fixture("library-no-metadata.safetensors"));
  const tensor = file.tensors.get("w") as StoredTensor;
  const code = (act: () => unknown) => errorOf(act).code;

  test("is used for new values of the same tensors", () => {
    const bytes = bytesOf(1, 2, 3, 4, 5, 6, 7, 8);
    const changed = encodeSafetensors({ ...file, tensors: new Map([["w", { ...tensor, bytes }]]) });
    expect(decodeSafetensors(changed).tensors.get("w")?.bytes).toEqual(bytes);
  });

  test.each([
    ["a further tensor", { ...file, tensors: new Map([...file.tensors, ["v", tensor]]) }],
    ["a missing tensor", { ...file, tensors: new Map() }],
    ["another shape", { ...file, tensors: new Map([["w", { ...tensor, shape: [4] }]]) }],
    ["another dtype", { ...file, tensors: new Map([["w", { ...tensor, dtype: "F16" as const }]]) }],
    ["other metadata", { ...file, metadata: { format: "pt" } }],
  ])("is refused with %s", (_, changed) => {
    expect(code(() => encodeSafetensors(changed))).toBe("SAFETENSORS_STALE_HEADER");
  });

  test("that leaves a gap or lacks its padding is refused or kept as it is", () => {
    const gap = '{"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]}}';
    expect(code(() => encodeSafetensors({ ...file, header: gap }))).toBe("SAFETENSORS_OFFSETS");
    const bare = gap.replace("8,16", "0,8");
    expect(encodeSafetensors({ ...file, header: bare })).toHaveLength(8 + bare.length + 8);
  });
});

describe("conversions", () => {
  const values = Float32Array.of(1, -2.5, 0.15625, 65_504);

  test.each(["F32", "F16", "BF16"] as const)("float32 survives %s where it is representable", (dtype) => {
    const stored = fromFloat32(values, [2, 2], dtype);
    expect(stored).toMatchObject({ dtype, shape: [2, 2] });
    const back = toFloat32(stored, "w");
    expect([...back]).toEqual(dtype === "BF16" ? [1, -2.5, 0.15625, 65_536] : [...values]);
  });

  test("float64 is rounded", () => {
    const stored: StoredTensor = {
      dtype: "F64",
      shape: [1],
      bytes: new Uint8Array(Float64Array.of(0.1).buffer),
    };
    expect(toFloat32(stored, "w")[0]).toBe(Math.fround(0.1));
  });

  test("toFloat32 copies: later writes do not reach the file", () => {
    const file = decodeSafetensors(rawFile({ w: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, 4));
    const stored = file.tensors.get("w") as StoredTensor;
    toFloat32(stored, "w").fill(0);
    expect(stored.bytes).toEqual(bytesOf(0, 1, 2, 3));
  });

  test("int64, int32 and uint8 become int32", () => {
    const long = new Uint8Array(BigInt64Array.of(-1n, 2147483647n, -2147483648n).buffer);
    expect([...toInt32({ dtype: "I64", shape: [3], bytes: long }, "t")]).toEqual([
      -1, 2147483647, -2147483648,
    ]);
    const word = new Uint8Array(Int32Array.of(-7, 9).buffer);
    expect([...toInt32({ dtype: "I32", shape: [2], bytes: word }, "t")]).toEqual([-7, 9]);
    expect([...toInt32({ dtype: "U8", shape: [2], bytes: bytesOf(0, 255) }, "t")]).toEqual([0, 255]);
  });

  test("storeTensors writes both official forms of the names", () => {
    const tensors = new Map([["transformer.norm_f.weight", { data: Float32Array.of(1, 2), shape: [2] }]]);
    expect([...storeTensors(tensors, { dtype: "BF16", prefix: "gpt." })]).toEqual([
      ["gpt.transformer.norm_f.weight", { dtype: "BF16", shape: [2], bytes: bytesOf(128, 63, 0, 64) }],
    ]);
    expect([...storeTensors(tensors, { dtype: "F32" }).keys()]).toEqual(["transformer.norm_f.weight"]);
  });

  test("what does not fit is refused", () => {
    const ids: StoredTensor = {
      dtype: "I64",
      shape: [1],
      bytes: new Uint8Array(BigInt64Array.of(2n ** 31n).buffer),
    };
    expect(errorOf(() => toInt32(ids, "tokens")).message).toMatch(
      /CHECKPOINT_INT_RANGE: tensor "tokens" holds 2147483648\n/,
    );
    expect(errorOf(() => toFloat32(ids, "tokens")).message).toMatch(
      /CHECKPOINT_DTYPE: tensor "tokens" of dtype "I64"\n {2}expected: "F32", "F16", "BF16" or "F64"/,
    );
    expect(errorOf(() => toInt32(fromFloat32(values, [4], "F16"), "w")).code).toBe("CHECKPOINT_DTYPE");
    expect(errorOf(() => fromFloat32(values, [4], "F64" as "F32")).code).toBe("CHECKPOINT_DTYPE");
    expect(errorOf(() => fromFloat32(values, [3], "F32")).message).toMatch(
      /CHECKPOINT_LENGTH: 4 numbers for the shape \[3\]/,
    );
  });
});
