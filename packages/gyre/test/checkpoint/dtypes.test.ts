import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bfloat16ToFloat32,
  byteLength,
  dtypes,
  float32ToBfloat16,
  float32ToHalf,
  halfToFloat32,
} from "../../src/checkpoint/dtypes.ts";

const everyPattern = Uint16Array.from({ length: 65_536 }, (_, pattern) => pattern);
const half = (value: number) => float32ToHalf(Float32Array.of(value))[0];
const brain = (value: number) => float32ToBfloat16(Float32Array.of(value))[0];
const isSame = (a: Uint16Array, b: Uint16Array) =>
  a.length === b.length && a.every((word, at) => word === b[at]);
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);

/** The value of a 16-bit float by the definition of the format. */
function decoded(pattern: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern & 0x7fff) >> fractionBits;
  const fraction = (pattern & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1)
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** The nearest pattern by brute definition: ties to the even pattern, overflow to infinity. */
function nearestPattern(value: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const infinity = (2 ** exponentBits - 1) << fractionBits;
  const size = Math.abs(value);
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (decoded(middle, exponentBits) <= size) low = middle;
    else high = middle;
  }
  const step = decoded(low, exponentBits) - decoded(low - 1, exponentBits);
  const above = high === infinity ? decoded(low, exponentBits) + step : decoded(high, exponentBits);
  const fromLow = size - decoded(low, exponentBits);
  const toHigh = above - size;
  const isUp = fromLow > toHigh || (fromLow === toHigh && (low & 1) === 1);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  return sign | (isUp ? high : low);
}

test("all 65,536 half patterns survive float32 and back, NaN payloads included", () => {
  expect(isSame(float32ToHalf(halfToFloat32(everyPattern)), everyPattern)).toBe(true);
});

test("all 65,536 bfloat16 patterns survive float32 and back, NaN payloads included", () => {
  expect(isSame(float32ToBfloat16(bfloat16ToFloat32(everyPattern)), everyPattern)).toBe(true);
});

test("every half and bfloat16 pattern has the value that the format defines", () => {
  const halves = halfToFloat32(everyPattern);
  const brains = bfloat16ToFloat32(everyPattern);
  const wrong = everyPattern.filter(
    (pattern) =>
      !Object.is(halves[pattern], decoded(pattern, 5)) || !Object.is(brains[pattern], decoded(pattern, 8)),
  );
  expect([...wrong]).toEqual([]);
});

test("any float32 goes to the nearest half and bfloat16, ties to even", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (value) => {
      expect(half(value)).toBe(nearestPattern(value, 5));
      expect(brain(value)).toBe(nearestPattern(value, 8));
    }),
  );
});

test("the midpoints of neighbouring halves, and their neighbours, round to even", () => {
  const halves = halfToFloat32(everyPattern.slice(0, 0x7c00));
  const wrong: number[] = [];
  for (let pattern = 0; pattern < 0x7bff; pattern++) {
    const middle = Float32Array.of(((halves[pattern] as number) + (halves[pattern + 1] as number)) / 2);
    const bits = bitsOf(middle)[0] as number;
    const around = new Float32Array(Uint32Array.of(bits - 1, bits, bits + 1).buffer);
    const [below, at, above] = float32ToHalf(around);
    const even = pattern % 2 === 0 ? pattern : pattern + 1;
    if (below !== pattern || at !== even || above !== pattern + 1) wrong.push(pattern);
  }
  expect(wrong).toEqual([]);
});

test("edges: overflow, the smallest subnormals, signed zero, infinities", () => {
  expect([65_504, 65_519.99, 65_520, -1e9].map(half)).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00]);
  expect([2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, -(2 ** -26), -0].map(half)).toEqual([
    1, 0, 1, 0x8000, 0x8000,
  ]);
  expect([Infinity, -Infinity].map(half)).toEqual([0x7c00, 0xfc00]);
  expect([3.4028234663852886e38, -Infinity, -0].map(brain)).toEqual([0x7f80, 0xff80, 0x8000]);
});

test("NaN stays NaN even where the kept payload bits are zero, with its sign", () => {
  const nans = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001, 0x7fc00000).buffer);
  expect([...float32ToHalf(nans)]).toEqual([0x7e00, 0xfe00, 0x7e00]);
  expect([...float32ToBfloat16(nans)]).toEqual([0x7fc0, 0xffc0, 0x7fc0]);
});

test("conversions read views at any offset", () => {
  const view = Float32Array.of(9, 1.5, -2).subarray(1);
  expect([...halfToFloat32(float32ToHalf(view))]).toEqual([1.5, -2]);
  expect([...bfloat16ToFloat32(float32ToBfloat16(view))]).toEqual([1.5, -2]);
});

test("byteLength counts bits, and refuses part bytes and sizes beyond addressing", () => {
  expect([
    byteLength("BF16", [3, 2]),
    byteLength("F4", [6]),
    byteLength("U64", []),
    byteLength("F32", [0, 9]),
  ]).toEqual([12, 3, 8, 0]);
  expect([byteLength("F4", [3]), byteLength("F32", [2 ** 40, 2 ** 40])]).toEqual([undefined, undefined]);
  expect(dtypes).toHaveLength(22);
});
