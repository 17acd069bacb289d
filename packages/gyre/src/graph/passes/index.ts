import type { Graph } from "../types.ts";
import { expand } from "./expand.ts";
import { lower } from "./lower.ts";
import { rematerialize } from "./rematerialize.ts";
import { schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";

/** From a graph as written to one that a runtime can execute, in plain operations. */
export function prepareGraph(graph: Graph): Graph {
  const lowered = simplify(lower(simplify(expand(simplify(graph)))));
  return schedule(rematerialize(lowered));
}

export { expand, lower, rematerialize, schedule, simplify };
