import { expect, test } from "vitest";
import { sha256Of } from "../../src/util/checksum.node.ts";

test("sha256Of is SHA-256 of a text or of bytes, part after part", () => {
  // the examples of FIPS 180-2
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(sha256Of("abc")).toBe(abc);
  expect(sha256Of(new TextEncoder().encode("abc"))).toBe(abc);
  expect(sha256Of("a", new TextEncoder().encode("bc"))).toBe(abc);
  expect(sha256Of()).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});
