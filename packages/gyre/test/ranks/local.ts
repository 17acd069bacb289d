import type { Collective } from "../../src/ranks/collective.ts";

/** Ranks that are trainers of one process: each waits for the others at every operation, and sums are in rank order. */
export function localRanks(size: number): readonly Collective[] {
  let arrived: (Float32Array | Float64Array | Uint8Array)[] = [];
  let count = 0;
  let release = () => {};
  let all = new Promise<void>((resolve) => (release = resolve));
  const meet = async (
    rank: number,
    data: Float32Array | Float64Array | Uint8Array,
  ): Promise<typeof arrived> => {
    arrived[rank] = data.slice();
    count++;
    const [met, everybody] = [arrived, all];
    if (count === size) {
      const open = release;
      [arrived, count] = [[], 0];
      all = new Promise<void>((resolve) => (release = resolve));
      open();
    }
    await everybody;
    return met;
  };
  return Array.from(
    { length: size },
    (_, rank): Collective => ({
      rank,
      size,
      sum: async (data) => {
        const [first, ...others] = await meet(rank, data);
        data.set(first as Float32Array);
        for (const other of others)
          for (const [index, value] of other.entries()) data[index] = (data[index] as number) + value;
      },
      broadcast: async (data) => data.set((await meet(rank, data))[0] as Uint8Array),
      barrier: async () => void (await meet(rank, new Uint8Array())),
      abort: (exitCode) => {
        throw new Error(`rank ${rank} aborted with ${exitCode}`);
      },
      close: () => undefined,
    }),
  );
}
