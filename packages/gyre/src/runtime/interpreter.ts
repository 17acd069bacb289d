import type { Graph } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { interpretRepeated } from "../interp/repeat.ts";
import type { Runtime } from "./runtime.ts";

/** The float64 interpreter behind the runtime interface: slow, exact, and without any dependency. */
export function interpreterRuntime(): Runtime {
  return {
    name: "interpreter (float64)",
    precision: "float64",
    async compile(graph: Graph, { bound = new Map(), repeat } = {}) {
      return {
        run: async (inputs) =>
          repeat
            ? interpretRepeated(graph, bound, inputs, repeat)
            : interpret(graph, new Map([...bound, ...inputs])),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
