import { createHash } from "node:crypto";

/** The SHA-256 of some bytes or a UTF-8 text, as 64 hexadecimal digits. Several parts count as one after the other. */
export function sha256Of(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
