import type { Repeat } from "../graph/repeat.ts";
import type { Graph } from "../graph/types.ts";
import type { Precision, Tensor } from "../util/tensor.ts";

/** What a runtime may assume of a graph that it compiles. */
export interface CompileOptions {
  /** Inputs with fixed values; they need not be passed to `run`. */
  readonly bound?: ReadonlyMap<string, Tensor>;
  /** Sets of output buffers: results of a run stay valid for this many runs. 2 by default. */
  readonly buffers?: 1 | 2;
  /**
   * For short runs that follow each other closely, mostly `alone` or in turn with `others`: the program is kept, however many
   * are compiled.
   */
  readonly pinned?: "alone" | "others";
  /** Leave fused operations whole where the runtime has them: fewer nodes, for a graph without gradients. */
  readonly fused?: boolean;
  /** Spend a little time to hold less memory while running. */
  readonly lean?: boolean;
  /** Run the graph several times in every run. */
  readonly repeat?: Repeat;
}

/** A graph that is ready to run. */
export interface Program extends AsyncDisposable {
  /** Runs the graph. Inputs are read in place and must not change before the promise settles. */
  run(inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>>;
}

/** Whatever can execute a graph. Equal graphs share one compiled program, which lives until each is disposed of. */
export interface Runtime extends AsyncDisposable {
  readonly name: string;
  /** What `float` values are computed in, and given as. */
  readonly precision: Precision;
  /** Makes a graph ready to run; equal ones are compiled once. */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
