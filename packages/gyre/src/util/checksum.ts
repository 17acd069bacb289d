import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Weights } from "./tensor.ts";

/** Independent sums, so that a processor adds to several at once. */
const LANES = 4;

/**
 * A checksum of the bits of all weights, in their order: it differs for certain where one weight does, and with a
 * probability of 1 - 2^-32 or more where several do. About a nanosecond a weight; not one against attackers.
 */
export function checksumOf(weights: Weights): string {
  const sums = new Int32Array(LANES);
  for (const { data } of weights.values()) addBits(sums, data);
  return Array.from(sums, (sum) => (sum >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Each step can be undone for a given word, so that no single difference is lost; the turn spreads signs. */
function addBits(sums: Int32Array, { buffer, byteOffset, length }: Float32Array): void {
  const words = new Int32Array(buffer, byteOffset, length);
  let [a, b, c, d] = sums as unknown as [number, number, number, number];
  const whole = length - (length % LANES);
  for (let at = 0; at < whole; at += LANES) {
    a = mixed(a, words[at] as number);
    b = mixed(b, words[at + 1] as number);
    c = mixed(c, words[at + 2] as number);
    d = mixed(d, words[at + 3] as number);
  }
  for (let at = whole; at < length; at++) a = mixed(a, words[at] as number);
  sums.set([a, b, c, d]);
}

function mixed(sum: number, word: number): number {
  const joined = sum ^ word;
  return Math.imul((joined << 13) | (joined >>> 19), 0x9e3779b1) + 1;
}

/** The SHA-256 of some bytes or a UTF-8 text, as 64 hexadecimal digits, without Node: slower than `checksum.node.ts`. */
export const sha256Of = (data: string | Uint8Array): string =>
  bytesToHex(sha256(typeof data === "string" ? utf8ToBytes(data) : data));

/** The same of bytes, by the browser where it can: a page without HTTPS has no `crypto.subtle`. */
export async function sha256Soon(bytes: Uint8Array): Promise<string> {
  const { crypto } = globalThis as { crypto?: { readonly subtle?: Digests } };
  if (!crypto?.subtle) return sha256Of(bytes);
  return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

interface Digests {
  digest(algorithm: "SHA-256", data: Uint8Array): Promise<ArrayBuffer>;
}
