import { expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../src/checkpoint/safetensors.ts";
import { errorOf, rawFile } from "./helpers.ts";

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});
const damaged = (header: unknown, dataLength = 0) =>
  errorOf(() => decodeSafetensors(rawFile(header, dataLength), "w.safetensors")).message;

test("a file without room for the header's length", () => {
  expect(errorOf(() => decodeSafetensors(new Uint8Array(7))).message).toMatch(
    /^SAFETENSORS_TOO_SHORT: .*7 bytes/,
  );
  expect(errorOf(() => decodeSafetensors(new Uint8Array(0))).code).toBe("SAFETENSORS_TOO_SHORT");
});

test("a header that is longer than the file", () => {
  const bytes = rawFile({ w: f32(0, 4) }, 4);
  const whole = bytes.subarray(0, 20);
  expect(errorOf(() => decodeSafetensors(whole, "w.safetensors")).message).toMatch(
    /^SAFETENSORS_HEADER_LENGTH: w\.safetensors: a header of 54 bytes\n {2}expected: .* at most 12 bytes/,
  );
  new DataView(bytes.buffer).setBigUint64(0, 2n ** 64n - 1n, true);
  expect(errorOf(() => decodeSafetensors(bytes)).message).toContain("18446744073709551615 bytes");
});

test.each([
  ["", /not a JSON object/],
  [' {"w":1}', /not a JSON object/],
  ["[1]", /not a JSON object/],
  ['{"w":', /the header is not JSON/],
  ['{"w":1} x', /the header is not JSON/],
  ['{"w":1}', /tensor "w" is not an object/],
  ['{"w":[1]}', /tensor "w" is not an object/],
  ['{"w":null}', /tensor "w" is not an object/],
  ['{"w":{"shape":[],"data_offsets":[0,4]}}', /tensor "w" has no dtype/],
  ['{"w":{"dtype":"F32","data_offsets":[0,4]}}', /no shape of whole numbers/],
  ['{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', /no shape of whole numbers/],
  ['{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}}', /no shape of whole numbers/],
  ['{"w":{"dtype":"F32","shape":[1e300],"data_offsets":[0,6]}}', /no shape of whole numbers/],
  ['{"w":{"dtype":"F32","shape":[1]}}', /no two data_offsets/],
  ['{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', /no two data_offsets/],
  ['{"__metadata__":"x"}', /__metadata__ is not an object/],
  ['{"__metadata__":{"a":1}}', /__metadata__ entry "a" is not a text/],
])("a header that is not one: %s", (header, message) => {
  expect(damaged(header)).toMatch(/^SAFETENSORS_HEADER: w\.safetensors: /);
  expect(damaged(header)).toMatch(message);
});

test("a header that is not UTF-8, or begins with a byte order mark", () => {
  const bytes = rawFile('{"w":1}', 0);
  bytes[10] = 0xff;
  expect(errorOf(() => decodeSafetensors(bytes)).message).toMatch(/^SAFETENSORS_HEADER: .*not UTF-8/);
  expect(damaged("\ufeff{}")).toMatch(/not a JSON object/);
});

test("an unknown dtype", () => {
  expect(damaged({ w: { ...f32(0, 4), dtype: "float32" } }, 4)).toMatch(
    /^SAFETENSORS_DTYPE: w\.safetensors: tensor "w" of dtype "float32"\n {2}expected: one of "BOOL", .*"F32"/,
  );
  expect(damaged({ w: { ...f32(0, 4), dtype: "toString" } }, 4)).toMatch(/^SAFETENSORS_DTYPE/);
});

test("a shape that needs another number of bytes", () => {
  expect(damaged({ w: f32(0, 8, [3]) }, 8)).toMatch(
    /^SAFETENSORS_SIZE: w\.safetensors: tensor "w" F32 \[3\] in 8 bytes\n {2}expected: 12 bytes/,
  );
  expect(damaged({ w: f32(0, 8, [2 ** 40, 2 ** 40]) }, 8)).toMatch(
    /^SAFETENSORS_SIZE.*\n {2}expected: a shape that/,
  );
  expect(damaged({ w: { dtype: "F4", shape: [3], data_offsets: [0, 2] } }, 2)).toMatch(/^SAFETENSORS_SIZE/);
});

test.each([
  ["overlap", { a: f32(0, 8), b: f32(4, 12) }, 12, /tensor "b" at bytes 4 to 12 overlaps "a"/],
  ["overlap entirely", { a: f32(0, 8), b: f32(0, 8) }, 8, /tensor "b" at bytes 0 to 8 overlaps "a"/],
  ["end outside", { a: f32(0, 8) }, 4, /tensor "a" at bytes 0 to 8 lies outside the 4 bytes of data/],
  ["run backwards", { a: { ...f32(0, 4), data_offsets: [4, 0] } }, 4, /ends before it begins/],
  [
    "leave a gap",
    { a: f32(0, 4), b: f32(8, 12) },
    12,
    /"b" at bytes 8 to 12 leaves a gap of 4 bytes after "a"/,
  ],
  ["begin late", { a: f32(4, 8) }, 8, /leaves a gap of 4 bytes after the header/],
])("tensors that %s", (_, header, dataLength, message) => {
  expect(damaged(header, dataLength)).toMatch(/^SAFETENSORS_OFFSETS: w\.safetensors: /);
  expect(damaged(header, dataLength)).toMatch(message);
});

test("bytes after the last tensor", () => {
  expect(damaged({ a: f32(0, 4) }, 7)).toMatch(/^SAFETENSORS_TRAILING: w\.safetensors: 3 bytes/);
  expect(damaged({}, 1)).toMatch(/^SAFETENSORS_TRAILING/);
});

test("a name that stands twice, also when it is written with escapes", () => {
  const tensor = JSON.stringify(f32(0, 0));
  expect(damaged(`{"a":${tensor},"\\u0061":${tensor}}`)).toMatch(
    /^SAFETENSORS_DUPLICATE: w\.safetensors: "a" stands twice/,
  );
  expect(damaged(`{"__metadata__":{"k":"1", "k":"2"}}`)).toMatch(/^SAFETENSORS_DUPLICATE: .*"k"/);
  expect(damaged(`{"__metadata__":{},"__metadata__":{}}`)).toMatch(/^SAFETENSORS_DUPLICATE/);
});

test("names with brackets, quotes and number-like names keep their order", () => {
  const names = ["10", 'q"}{[', "2", "a\\", "__proto__"];
  const header = `{${names.map((name) => `${JSON.stringify(name)} : ${JSON.stringify(f32(0, 0))}`).join(" , ")}}`;
  expect([...decodeSafetensors(rawFile(header, 0)).tensors.keys()]).toEqual(names);
});

test("a PyTorch file is told apart, with the way to convert it", () => {
  const zip = Uint8Array.from([0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0, 0, 0]);
  const error = errorOf(() => decodeSafetensors(zip, "ckpt.pt"));
  expect(error.code).toBe("CHECKPOINT_TORCH");
  expect(error.message).toMatch(/ckpt\.pt: a PyTorch file[\s\S]*safetensors\.torch\.save_file\(/);
  const legacy = Uint8Array.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20]);
  expect(errorOf(() => decodeSafetensors(legacy)).code).toBe("CHECKPOINT_TORCH");
});

test("encode refuses what no reader would accept", () => {
  const encode = (name: string, tensor: Partial<StoredTensor>) => {
    const stored = { dtype: "F32", shape: [1], bytes: new Uint8Array(4), ...tensor } as StoredTensor;
    return errorOf(() => encodeSafetensors({ tensors: new Map([[name, stored]]) })).message;
  };
  expect(encode("__metadata__", {})).toMatch(/^SAFETENSORS_NAME: a tensor named "__metadata__"/);
  expect(encode("w", { shape: [2] })).toMatch(
    /^SAFETENSORS_SIZE: .*F32 \[2\] in 4 bytes\n {2}expected: 8 bytes/,
  );
  expect(encode("w", { dtype: "FLOAT" as "F32" })).toMatch(/^SAFETENSORS_DTYPE: .*"FLOAT"/);
});
