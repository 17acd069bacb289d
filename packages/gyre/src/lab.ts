export {
  type Arm,
  armTable,
  type CompareOptions,
  type Comparison,
  type Curves,
  compare,
  examplesChart,
  loopsChart,
  noiseChart,
  type Outcome,
  settingsOf,
} from "./lab/compare.ts";
export type { FigureContext, FigureRecipe, TrainedModel } from "./lab/figures/figure.ts";
export { figures, figuresNamed } from "./lab/figures/index.ts";
export { type BestDescent, bestDescent } from "./lab/linear/best-descent.ts";
export {
  type BoundCell,
  type BoundName,
  type BoundOptions,
  type BoundResult,
  checkThroughGraph,
  measureBounds,
} from "./lab/linear/bounds.ts";
export { type Construction, construct, type LinearWeights } from "./lab/linear/construct.ts";
export { gradientDescent } from "./lab/linear/descent.ts";
export {
  drawLinear,
  type InputLaw,
  type InputName,
  inputLaw,
  type LinearDraw,
  type LinearPrompts,
  type Moments,
} from "./lab/linear/prompts.ts";
export {
  type LinearTraining,
  linearErrors,
  linearRecipe,
  type TrainedLinear,
  trainLinear,
} from "./lab/linear/train.ts";
export {
  type LabRecipe,
  labRecipeNamed,
  labRecipes,
  type OpenRecipe,
  openLabRecipe,
  parseLabRecipe,
} from "./lab/recipes.ts";
export { type BaselineOptions, evaluateBaseline, evaluatePrompts } from "./measure/prompts.ts";
export { type LinearShape, linearGraph, momentGraph } from "./models/linear.ts";
export {
  type Baseline,
  baseline,
  type Examples as BaselineExamples,
  type Fit,
} from "./tasks/baselines/baseline.ts";
export { baselineNamed, baselines } from "./tasks/baselines/index.ts";
export { averaging, gradientSteps, lasso, leastSquares, newton, ridge } from "./tasks/baselines/linear.ts";
export { gradientBoosting, greedyTree, nearestNeighbours, repeatLast } from "./tasks/baselines/local.ts";
export type { Drawn, DrawOptions, Problem, Prompts, VectorTask } from "./tasks/task.ts";
export { vectorTaskNamed, vectorTasks } from "./tasks/vectors/index.ts";
export { decisionTree, reluNetwork, representation, sparseLinear } from "./tasks/vectors/regression.ts";
export { autoregression, chainOfThought } from "./tasks/vectors/series.ts";
export type { Parametrisation } from "./train/objectives/linear.ts";
export { type PromptRun, trainPrompts } from "./train/prompts.ts";
