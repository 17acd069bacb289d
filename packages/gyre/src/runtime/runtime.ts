import type { Graph } from "../graph/types.ts";
import type { Tensor } from "../util/tensor.ts";

export interface CompileOptions {
  /** Inputs with fixed values; they need not be passed to `run`. */
  readonly bound?: ReadonlyMap<string, Tensor>;
  /** Sets of output buffers: results of a run stay valid for this many runs. 2 by default. */
  readonly buffers?: 1 | 2;
  /** Spend a little time to hold less memory while running. */
  readonly lean?: boolean;
}

export interface Program extends AsyncDisposable {
  /** Runs the graph once. Inputs are read in place and must not change before the promise settles. */
  run(inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>>;
}

/** Whatever can execute a graph. Equal graphs share one compiled program. */
export interface Runtime extends AsyncDisposable {
  readonly name: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
