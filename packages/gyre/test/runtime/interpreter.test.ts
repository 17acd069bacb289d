import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { runtimeConformance } from "./runtime.case.ts";

runtimeConformance("the interpreter", {
  open: async () => interpreterRuntime(),
  tolerance: 1e-13,
  cast: (tensor) => tensor,
});
