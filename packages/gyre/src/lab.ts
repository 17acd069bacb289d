export {
  type Arm,
  type CompareOptions,
  type Comparison,
  compare,
  examplesFigure,
  loopsFigure,
  noiseFigure,
} from "./lab/compare.ts";
export type { FigureContext, FigureRecipe, TrainedModel } from "./lab/figures/figure.ts";
export { figures, figuresNamed } from "./lab/figures/index.ts";
export { bestDescent } from "./lab/linear/best-descent.ts";
export { checkThroughGraph, measureBounds } from "./lab/linear/bounds.ts";
export { construct, type LinearWeights } from "./lab/linear/construct.ts";
export { gradientDescent } from "./lab/linear/descent.ts";
export { linearGraph, momentGraph } from "./lab/linear/model.ts";
export { drawLinear, inputLaw, type LinearPrompts } from "./lab/linear/prompts.ts";
export { type LinearTraining, linearErrors, linearRecipe, trainLinear } from "./lab/linear/train.ts";
export { type LabRecipe, labRecipeNamed, labRecipes, openLabRecipe, parseLabRecipe } from "./lab/recipes.ts";
export { evaluateBaseline, evaluatePrompts } from "./measure/prompts.ts";
export { labFigure } from "./report/lab-figure.ts";
export {
  type Claim,
  type FigureResult,
  type LabReport,
  labMarkdown,
  numberText,
} from "./report/lab-report.ts";
export { type Baseline, baseline } from "./tasks/baselines/baseline.ts";
export { baselineNamed, baselines } from "./tasks/baselines/index.ts";
export { averaging, gradientSteps, lasso, leastSquares, newton, ridge } from "./tasks/baselines/linear.ts";
export { gradientBoosting, greedyTree, nearestNeighbours, repeatLast } from "./tasks/baselines/local.ts";
export type { Drawn, DrawOptions, Problem, Prompts, VectorTask } from "./tasks/task.ts";
export { taskNamed, tasks } from "./tasks/vectors/index.ts";
export { decisionTree, reluNetwork, representation, sparseLinear } from "./tasks/vectors/regression.ts";
export { autoregression, chainOfThought } from "./tasks/vectors/series.ts";
export { type PromptRun, trainPrompts } from "./train/prompts.ts";
