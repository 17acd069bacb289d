import process from "node:process";
import type Koffi from "koffi";
import { loadPackage } from "../util/packages.ts";
import { alone, type Collective } from "./collective.ts";
import { mpiFailed, mpiMissing } from "./errors.ts";
import { type Launched, launched, type MpiLibrary } from "./launcher.ts";

type Library = ReturnType<typeof Koffi.load>;

/** How an MPI library is called: its handles are addresses of symbols in Open MPI, and numbers in MPICH. */
interface Interface {
  readonly files: readonly string[];
  readonly handle: "void *" | "int";
  readonly world: (library: Library) => unknown;
  readonly float: (library: Library) => unknown;
  readonly double: (library: Library) => unknown;
  readonly byte: (library: Library) => unknown;
  readonly sum: (library: Library) => unknown;
  /** MPI_IN_PLACE, as an address. */
  readonly inPlace: number;
}

const symbol = (name: string) => (library: Library) => library.symbol(name, "void *");

/** Open MPI's mpi.h and MPICH's mpi.h (the MPICH ABI, which Intel MPI and MVAPICH share). */
const interfaces: Readonly<Record<MpiLibrary, Interface>> = {
  openmpi: {
    files: ["libmpi.so.40", "libmpi.so.80", "libmpi.so", "libmpi.dylib"],
    handle: "void *",
    world: symbol("ompi_mpi_comm_world"),
    float: symbol("ompi_mpi_float"),
    double: symbol("ompi_mpi_double"),
    byte: symbol("ompi_mpi_byte"),
    sum: symbol("ompi_mpi_op_sum"),
    inPlace: 1,
  },
  mpich: {
    files: ["libmpich.so.12", "libmpi.so.12", "libmpich.so", "libmpi.dylib"],
    handle: "int",
    world: () => 0x44000000,
    float: () => 0x4c00040a,
    double: () => 0x4c00080b,
    byte: () => 0x4c00010d,
    sum: () => 0x58000003,
    inPlace: -1,
  },
};

/** The largest count of a call: MPI counts in 32-bit integers. */
const LARGEST_CALL = 2 ** 28;

/**
 * The collective of this process: of all ranks where an MPI launcher started it (`mpirun -n N gyre ...`, `srun`), and of
 * itself alone otherwise. Every rank calls the same operations in the same order. Throws PACKAGE_MISSING without koffi, RANKS_MPI without the launcher's library.
 */
export async function openCollective(environment = process.env): Promise<Collective> {
  const told = launched(environment);
  if (!told || told.size === 1) return alone;
  // UCX, below both libraries, hooks malloc for its caches: 3 of 50 starts crashed in MPI_Init beside V8's threads
  process.env["UCX_MEM_EVENTS"] ??= "n";
  const koffi = await loadPackage("koffi", () => import("koffi"));
  const library = load(koffi.default.load, interfaces[told.library], environment["GYRE_MPI_LIBRARY"]);
  return connect(library, told);
}

type Load = (path: string, options?: { global?: boolean }) => Library;

/** Open MPI's own plug-ins look its symbols up, so they are loaded globally. */
function load(open: Load, { files }: Interface, path: string | undefined): Library {
  const tried = path ? [path] : files;
  let problem: unknown;
  for (const file of tried) {
    try {
      return open(file, { global: true });
    } catch (cause) {
      problem ??= cause;
    }
  }
  throw mpiMissing(tried, problem);
}

/** Joins the world and binds its calls; each throws RANKS_MPI where MPI returns an error. */
function connect(library: Library, { library: kind }: Launched): Collective {
  const api = interfaces[kind];
  const { handle } = api;
  const bind = (name: string, parameters: string) => {
    const call = library.func(`int ${name}(${parameters})`);
    return (...given: unknown[]) => {
      const code = call(...given) as number;
      if (code !== 0) throw mpiFailed(name, code);
    };
  };
  bind("MPI_Init", "void *count, void *words")(null, null);
  const [world, float, double, byte, sum] = [api.world, api.float, api.double, api.byte, api.sum].map((get) =>
    get(library),
  );
  const number = (name: string): number => {
    const out = [0];
    bind(name, `${handle} world, _Out_ int *number`)(world, out);
    return out[0] as number;
  };
  const calls = {
    allreduce: bind(
      "MPI_Allreduce",
      `intptr_t inPlace, void *data, int count, ${handle} type, ${handle} sum, ${handle} world`,
    ),
    broadcast: bind("MPI_Bcast", `uint8_t *data, int count, ${handle} type, int root, ${handle} world`),
    barrier: bind("MPI_Barrier", `${handle} world`),
    abort: bind("MPI_Abort", `${handle} world, int code`),
    finalize: bind("MPI_Finalize", ""),
  };
  return {
    rank: number("MPI_Comm_rank"),
    size: number("MPI_Comm_size"),
    sum: (data) => {
      const type = data instanceof Float32Array ? float : double;
      for (const part of pieces(data)) calls.allreduce(api.inPlace, part, part.length, type, sum, world);
    },
    broadcast: (data) => {
      for (const part of pieces(data)) calls.broadcast(part, part.length, byte, 0, world);
    },
    barrier: () => calls.barrier(world),
    abort: (exitCode) => {
      calls.abort(world, exitCode);
      process.exit(exitCode);
    },
    close: () => calls.finalize(),
  };
}

/** Views of at most LARGEST_CALL elements, in order. */
function* pieces<Data extends Float32Array | Float64Array | Uint8Array>(data: Data): Generator<Data> {
  for (let start = 0; start < data.length; start += LARGEST_CALL)
    yield data.subarray(start, start + LARGEST_CALL) as Data;
}
