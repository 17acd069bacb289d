import { fileURLToPath } from "node:url";
import { describe, expect, test as tested } from "vitest";
import { alone, shareOf } from "../../src/ranks/collective.ts";
import { launched } from "../../src/ranks/launcher.ts";
import { openCollective } from "../../src/ranks/mpi.node.ts";
import { isFound, launchers, runRanks } from "./launchers.ts";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

describe.each(launchers)("$name", (launcher) => {
  const test = tested.skipIf(!isFound(launcher));

  test("adds up, broadcasts and waits, to the same bits on all ranks and every time", async () => {
    const sums = new Set<string>();
    for (const _ of [1, 2]) {
      const { code, stdout, stderr } = await runRanks(launcher, 3, [worker, "sum", "1000"]);
      expect([code, stderr]).toEqual([0, ""]);
      const seen = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const [{ sum }] = seen;
      const common = { size: 3, data: [6 * 998, 6 * 999, 6000], bytes: [40, 40, 40, 40], sum };
      expect(seen.sort((a, b) => a.rank - b.rank)).toEqual([0, 1, 2].map((rank) => ({ rank, ...common })));
      sums.add(sum);
    }
    expect(sums.size).toBe(1);
  });

  test("a rank that is killed, or that aborts, ends all within seconds", async () => {
    for (const how of ["die", "abort"]) {
      const { code, elapsedMs } = await runRanks(launcher, 2, [worker, how]);
      expect(code).not.toBe(0);
      expect(elapsedMs).toBeLessThan(15_000);
    }
  });

  test("a library that is not there is named, with what to do", async () => {
    const words = ["-e", `process.env.GYRE_MPI_LIBRARY = "libnone.so"; import(${JSON.stringify(worker)})`];
    const { code, stderr } = await runRanks(launcher, 2, words);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/RANKS_MPI: .*libnone\.so[\s\S]*install openmpi-bin or mpich/);
  });
});

tested("a process on its own has nobody to wait for", async () => {
  expect(await openCollective({})).toBe(alone);
  expect(await openCollective({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" })).toBe(alone);
  const data = Float32Array.of(1, 2);
  await alone.sum(data);
  expect([...data]).toEqual([1, 2]);
});

tested.each([
  [
    { OMPI_COMM_WORLD_RANK: "2", OMPI_COMM_WORLD_SIZE: "4", OMPI_COMM_WORLD_LOCAL_SIZE: "2" },
    "openmpi",
    2,
    4,
  ],
  [{ PMI_RANK: "0", PMI_SIZE: "2" }, "mpich", 0, 2],
  [{ SLURM_STEP_ID: "0", SLURM_PROCID: "3", SLURM_NTASKS: "8", PMIX_RANK: "3" }, "openmpi", 3, 8],
  [{ SLURM_STEP_ID: "0", SLURM_PROCID: "1", SLURM_NTASKS: "2", PMI_FD: "9" }, "mpich", 1, 2],
])("a launcher's environment %j", (environment, library, rank, size) => {
  expect(launched(environment)).toMatchObject({ library, rank, size });
});

tested("in a batch script, outside srun, Slurm's variables start no ranks", () => {
  expect(launched({ SLURM_PROCID: "0", SLURM_NTASKS: "8" })).toBeUndefined();
});

tested("shares are in order, as equal as can be, and none is taken twice", () => {
  const shares = [0, 1, 2].map((rank) => shareOf(8, { rank, size: 3 }));
  expect(shares).toEqual([
    [0, 1],
    [2, 3, 4],
    [5, 6, 7],
  ]);
  expect(shareOf(1, { rank: 0, size: 2 })).toEqual([]);
});
