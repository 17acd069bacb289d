import { named } from "../../util/errors.ts";
import type { VectorTask } from "../task.ts";
import { irisTask } from "./iris.ts";
import {
  decisionTree,
  line,
  linear,
  noisyLinear,
  reluNetwork,
  representation,
  sparseLinear,
} from "./regression.ts";
import { autoregression, chainOfThought } from "./series.ts";

/** Every task at its usual size. */
export const vectorTasks: readonly VectorTask[] = [
  linear,
  noisyLinear,
  line,
  sparseLinear({ dims: 6, nonzero: 2 }),
  reluNetwork({ dims: 4, hidden: 16 }),
  decisionTree({ dims: 6, depth: 2 }),
  representation({ dims: 4, hidden: 16, features: 5 }),
  autoregression({ dims: 4, order: 2, hidden: 16 }),
  chainOfThought({ dims: 4, isChained: true }),
  chainOfThought({ dims: 4, isChained: false }),
  irisTask(),
];

/** The task of that name. Throws LAB_NAME. */
export const vectorTaskNamed = (name: string): VectorTask => named("task", vectorTasks, name);
