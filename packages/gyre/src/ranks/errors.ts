import { GyreError, reasonOf } from "../util/errors.ts";

export function ranksDiffer(what: string, others: readonly number[]): GyreError {
  return new GyreError("RANKS_DIFFER", {
    given: `${what}: rank ${others.join(", ")} with other than rank 0`,
    expected: "the same on every rank",
    fix: "start all ranks with the same dataset and one version of gyre and Node, on processors of one kind; continue with --resume",
  });
}

export function mpiMissing(tried: readonly string[], cause: unknown): GyreError {
  return new GyreError(
    "RANKS_MPI",
    {
      given: `an MPI launcher, but no MPI library (${tried.join(", ")}): ${reasonOf(cause)}`,
      expected: "the library of the launcher: libmpi of Open MPI, or libmpich of MPICH",
      fix: "install openmpi-bin or mpich, or set GYRE_MPI_LIBRARY to the path of the library",
    },
    { cause },
  );
}

export function mpiFailed(call: string, code: number): GyreError {
  return new GyreError("RANKS_MPI", {
    given: `${call} returned the error ${code}`,
    expected: "0",
    fix: "see what the launcher printed; the other ranks or the network between them may be gone",
  });
}
