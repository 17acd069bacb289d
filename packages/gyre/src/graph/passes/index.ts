import type { Graph } from "../types.ts";
import { expand } from "./expand.ts";
import { lower } from "./lower.ts";
import { simplify } from "./simplify.ts";

/** From a graph as written to one that a runtime can execute, in plain operations. */
export function prepareGraph(graph: Graph): Graph {
  return simplify(lower(simplify(expand(simplify(graph)))));
}

export { expand, lower, simplify };
