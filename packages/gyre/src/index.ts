export {
  type FloatDType,
  type OfficialFiles,
  type OfficialModel,
  readOfficial,
  type WriteOfficialOptions,
  writeOfficial,
} from "./checkpoint/index.ts";
export {
  type BpeTokenizer,
  batch,
  bytesTokenizer,
  type DatasetManifest,
  type Document,
  evaluationWindows,
  splitDocuments,
  type Tokenizer,
  type TokenSplit,
  windowCount,
} from "./data/index.ts";
export {
  type EvaluateOptions,
  type EvaluateProgress,
  evaluate,
  lossGraph,
  predictedTokens,
} from "./eval/evaluate.ts";
export {
  type ExitCurve,
  type ExitOutcome,
  type ExitsReport,
  exitsColumns,
  exitsFigure,
  exitsMarkdown,
  exitsRows,
} from "./eval/exits-report.ts";
export { reportMarkdown } from "./eval/markdown.ts";
export { groupedText, milliseconds, siText } from "./eval/numbers.ts";
export {
  type BudgetPoint,
  isUniform,
  type Metric,
  type ModelReport,
  parseReport,
  type Report,
  trajectoryText,
} from "./eval/report.ts";
export { scaleFor, tickTexts } from "./eval/scale.ts";
export { reportFigure } from "./eval/schedule-figure.ts";
export { type Spread, spreads } from "./eval/spread.ts";
export { reportTable } from "./eval/table.ts";
export { type Calibration, calibrate, WORTHWHILE } from "./generate/calibrate.ts";
export { Decoder, type Model } from "./generate/decoder.ts";
export {
  type ExitPoint,
  type ExitSeries,
  exitStudy,
  type ReadingOptions,
  readWithExits,
  triedRules,
} from "./generate/exit-quality.ts";
export {
  type ExitRule,
  exitAtRandom,
  exitRule,
  type LoopsSoFar,
  untilConfident,
  untilSettled,
} from "./generate/exits.ts";
export { decoderOf, type GenerateOptions, generate } from "./generate/generate.ts";
export type { SamplingOptions } from "./generate/sampling.ts";
export { type Draft, draftKinds, Speculation } from "./generate/speculate.ts";
export {
  advance,
  type CachePolicy,
  cachePolicies,
  type Finish,
  type GeneratedToken,
  type Loops,
  Stream,
  type StreamOptions,
  type WindowMode,
  windowModes,
} from "./generate/stream.ts";
export { gradients } from "./grad/gradients.ts";
export { GraphBuilder } from "./graph/builder.ts";
export { prepareGraph } from "./graph/passes/index.ts";
export { printGraph } from "./graph/print.ts";
export type { Graph, OpName, Value } from "./graph/types.ts";
export { interpret } from "./interp/interpret.ts";
export {
  type ErrorCurve,
  type EvaluatePromptsOptions,
  errorCurve,
  evaluatePrompts,
  type PromptEvaluation,
} from "./lab/evaluate.ts";
export { type Examples, interleave } from "./lab/interleave.ts";
export {
  type PromptShape,
  type PromptStepOptions,
  predictionGraph,
  promptStepGraph,
} from "./lab/objective.ts";
export {
  type PromptTraining,
  type PromptTrainingInput,
  parsePromptTraining,
  promptTrainingSchema,
} from "./lab/options.ts";
export { ramp, type Schedule, scheduled, scheduledValues } from "./lab/schedule.ts";
export type { DrawOptions, Prompts, PromptTask, Task } from "./lab/task.ts";
export { type PromptRun, promptInputs, trainPrompts } from "./lab/train.ts";
export { describe, trainingFlops } from "./models/describe.ts";
export { initialWeights, parameterCount, parameters } from "./models/parameters.ts";
export {
  algoformer,
  baseLoop,
  type FamilyName,
  familyNames,
  gpt,
  loopedTransformer,
  loopformer,
  type PromptFamilyName,
  type PromptSize,
  presets,
  promptFamilyNames,
  promptPresets,
  type Size,
  tiedTransformer,
  tmlt,
  transformer,
} from "./models/presets.ts";
export {
  type Budget,
  conditions,
  parseSpec,
  type Spec,
  specSchema,
  uniformTrajectory,
} from "./models/spec.ts";
export { allTrajectories, type SamplerName, samplerNames } from "./models/trajectories.ts";
export { encodeGraph, toOnnx } from "./onnx/encode.ts";
export type { Weights } from "./optim/adamw.ts";
export { interpreterRuntime } from "./runtime/interpreter.ts";
export type { Program, Runtime } from "./runtime/runtime.ts";
export { type Objective, objectiveSchema, stepGraph } from "./train/objective.ts";
export {
  initialState,
  type Optimisation,
  optimise,
  type TrainEvent,
  type TrainState,
} from "./train/optimise.ts";
export { parseTraining, type TrainingInput, type TrainingOptions, trainingSchema } from "./train/options.ts";
export { type TrainRun, train } from "./train/train.ts";
export { GyreError, listOf } from "./util/errors.ts";
export type { Tensor } from "./util/tensor.ts";
