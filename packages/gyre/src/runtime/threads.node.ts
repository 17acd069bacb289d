import { availableParallelism } from "node:os";
import { badThreads } from "./errors.ts";

/** More than the cores, so that a run goes on with the threads it was trained with on a smaller machine too. */
const THREADS_A_CORE = 4;

/** The most threads that a runtime takes on this machine. */
export const mostThreads = (): number => THREADS_A_CORE * availableParallelism();

/**
 * The number of threads of a runtime: all cores, or as many as were asked for, up to four a core: every thread takes
 * memory, and none beyond the cores saves time. Throws RUNTIME_THREADS.
 */
export function threadCount(asked?: number): number {
  const cores = availableParallelism();
  if (asked === undefined) return cores;
  const most = mostThreads();
  if (!Number.isInteger(asked) || asked < 1) throw badThreads(asked, "a whole number of at least 1");
  if (asked > most) throw badThreads(asked, `at most ${most} on the ${cores} cores of this machine`);
  return asked;
}
