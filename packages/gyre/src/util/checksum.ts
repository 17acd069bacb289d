import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** The SHA-256 of some bytes or a UTF-8 text, as 64 hexadecimal digits, without Node: slower than `checksum.node.ts`. */
export const sha256Of = (data: string | Uint8Array): string =>
  bytesToHex(sha256(typeof data === "string" ? utf8ToBytes(data) : data));
