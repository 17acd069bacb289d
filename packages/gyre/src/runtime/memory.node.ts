import { totalmem } from "node:os";
import process from "node:process";

/** Bytes of memory that this process may take: the machine's, or fewer where a container has a limit. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
