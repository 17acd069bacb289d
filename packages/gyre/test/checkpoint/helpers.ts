import { GyreError } from "../../src/util/errors.ts";

/** The GyreError that `act` throws. */
export function errorOf(act: () => unknown): GyreError {
  try {
    act();
  } catch (error) {
    if (error instanceof GyreError) return error;
    throw error;
  }
  throw new Error("expected a GyreError, but nothing was thrown");
}

/** The GyreError that a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<GyreError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof GyreError) return outcome;
  throw outcome ?? new Error("expected a GyreError, but nothing was thrown");
}

/** The bytes of a safetensors file with this header and `dataLength` bytes of data 0, 1, 2, ... */
export function rawFile(header: unknown, dataLength: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + head.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  for (let at = 0; at < dataLength; at++) bytes[8 + head.length + at] = at;
  return bytes;
}
