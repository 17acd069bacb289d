/** The library that a launcher's processes talk through. */
export type MpiLibrary = "openmpi" | "mpich";

/** What a launcher told this process about itself. */
export interface Launched {
  readonly library: MpiLibrary;
  readonly rank: number;
  readonly size: number;
  /** Ranks on this machine, where the launcher says. */
  readonly localSize?: number;
}

/**
 * Whether an MPI launcher started this process: `mpirun` of Open MPI, `mpiexec` of MPICH, or `srun` with either's
 * interface (`--mpi=pmix` or `--mpi=pmi2`). Undefined for a process on its own.
 */
export function launched(environment: Readonly<Record<string, string | undefined>>): Launched | undefined {
  const number = (name: string) => {
    const text = environment[name];
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
  };
  const world = (library: MpiLibrary, rank: string, size: string, local: string): Launched | undefined => {
    const [own, all, near] = [number(rank), number(size), number(local)];
    if (own === undefined || all === undefined) return undefined;
    return { library, rank: own, size: all, ...(near === undefined ? {} : { localSize: near }) };
  };
  const slurmLibrary = environment["PMIX_RANK"] === undefined ? "mpich" : "openmpi";
  return (
    world("openmpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE") ??
    world("mpich", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS") ??
    (isStep(environment)
      ? world(slurmLibrary, "SLURM_PROCID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE")
      : undefined)
  );
}

/** In a batch script outside `srun`, Slurm's variables describe the job and not a rank. */
const isStep = (environment: Readonly<Record<string, string | undefined>>): boolean =>
  environment["SLURM_STEP_ID"] !== undefined &&
  (environment["PMIX_RANK"] !== undefined || environment["PMI_FD"] !== undefined);
