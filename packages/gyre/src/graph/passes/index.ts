import type { Graph, OpName } from "../types.ts";
import { expand } from "./expand.ts";
import { keepInPlace } from "./keep-in-place.ts";
import { type LowerOptions, lower } from "./lower.ts";
import { rematerialize } from "./rematerialize.ts";
import { simplify } from "./simplify.ts";
import { transposesInSteps } from "./transposes.ts";

/** What a runtime wants of the graphs that it is given. */
export interface PrepareOptions extends LowerOptions {
  /** Fused operations to leave whole, which the runtime must have. */
  readonly keep?: readonly OpName[];
}

/** From a graph as written to one that a runtime can execute: in plain operations, if no option says otherwise. */
export function prepareGraph(graph: Graph, options: PrepareOptions = {}): Graph {
  const lowered = simplify(lower(simplify(expand(simplify(graph), options.keep)), options));
  return keepInPlace(rematerialize(options.parallel ? transposesInSteps(lowered) : lowered));
}

export { expand, lower, simplify, transposesInSteps };
