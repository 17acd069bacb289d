export { type Baseline, baseline } from "./lab/baselines/baseline.ts";
export { baselineNamed, baselines } from "./lab/baselines/index.ts";
export { averaging, gradientSteps, lasso, leastSquares, newton, ridge } from "./lab/baselines/linear.ts";
export { gradientBoosting, greedyTree, nearestNeighbours, repeatLast } from "./lab/baselines/local.ts";
export { labFigure } from "./lab/chart.ts";
export {
  type Arm,
  type CompareOptions,
  type Comparison,
  compare,
  examplesFigure,
  loopsFigure,
  noiseFigure,
} from "./lab/compare.ts";
export { evaluateBaseline, evaluatePrompts } from "./lab/evaluate.ts";
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
export { type Claim, type FigureResult, type LabReport, labMarkdown, numberText } from "./lab/report.ts";
export type { Drawn, DrawOptions, Problem, Prompts, Task } from "./lab/task.ts";
export { taskNamed, tasks } from "./lab/tasks/index.ts";
export { decisionTree, reluNetwork, representation, sparseLinear } from "./lab/tasks/regression.ts";
export { autoregression, chainOfThought } from "./lab/tasks/series.ts";
export { type PromptRun, trainPrompts } from "./lab/train.ts";
