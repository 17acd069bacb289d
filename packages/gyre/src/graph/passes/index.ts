import type { Graph } from "../types.ts";
import { expand } from "./expand.ts";
import { type LowerOptions, lower } from "./lower.ts";
import { rematerialize } from "./rematerialize.ts";
import { schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";

/** From a graph as written to one that a runtime can execute: in plain operations, if no option says otherwise. */
export function prepareGraph(graph: Graph, options: LowerOptions = {}): Graph {
  const lowered = simplify(lower(simplify(expand(simplify(graph))), options));
  return schedule(rematerialize(lowered));
}

export { expand, lower, rematerialize, schedule, simplify };
