import fc from "fast-check";
import { expect, test } from "vitest";
import { checksumOf } from "../../src/util/checksum.ts";

const weightsOf = (...tensors: readonly ArrayLike<number>[]) =>
  new Map(
    tensors.map((data, index) => [`w${index}`, { data: Float32Array.from(data), shape: [data.length] }]),
  );
const floats = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 40 });

test("equal weights have equal checksums, wherever they lie in memory", () => {
  fc.assert(
    fc.property(floats, (data) => {
      const shifted = new Float32Array([7, ...data]).subarray(1);
      const there = new Map([["w0", { data: shifted, shape: [data.length] }]]);
      expect(checksumOf(there)).toBe(checksumOf(weightsOf(data)));
    }),
  );
});

test("any single weight counts, down to its sign and its last bit", () => {
  fc.assert(
    fc.property(floats, fc.nat(), fc.nat({ max: 31 }), (data, where, bit) => {
      const weights = weightsOf([1, 2, 3], data);
      const before = checksumOf(weights);
      const words = new Int32Array(weights.get("w1")!.data.buffer);
      words[where % data.length]! ^= 1 << bit;
      expect(checksumOf(weights)).not.toBe(before);
    }),
  );
});

test.each([1, 2, 3, 4, 8])("two signs that are turned %i apart do not cancel", (apart) => {
  const data = Float32Array.from({ length: 24 }, (_, index) => index + 1);
  const before = checksumOf(weightsOf(data));
  for (let at = 0; at + apart < data.length; at++) {
    const turned = data.slice();
    turned[at]! *= -1;
    turned[at + apart]! *= -1;
    expect(checksumOf(weightsOf(turned))).not.toBe(before);
  }
});

test("the order of weights counts", () => {
  expect(checksumOf(weightsOf([1, 2], [3, 4]))).not.toBe(checksumOf(weightsOf([3, 4], [1, 2])));
  expect(checksumOf(weightsOf([1, 2, 3, 4]))).not.toBe(checksumOf(weightsOf([2, 1, 3, 4])));
});
