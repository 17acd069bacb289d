export type { FloatDType, SafetensorsFile } from "./checkpoint/safetensors.ts";
export { type BpeTokenizer, bpeTokenizer } from "./data/bpe.ts";
export type { Document } from "./data/document.ts";
export type { DatasetManifest } from "./data/manifest.ts";
export { type DocumentSplit, splitDocuments } from "./data/split.ts";
export { bytesTokenizer, type DecodeStream, type Tokenizer, type TokenizerKind } from "./data/tokenizer.ts";
export {
  type Batch,
  type BatchOptions,
  batch,
  type EvaluationWindow,
  evaluationWindows,
  memorySplit,
  type TokenSplit,
  windowCount,
} from "./data/windows.ts";
export type { KeyValueCache, NewRows } from "./decode/cache.ts";
export type { End } from "./decode/calls.ts";
export { type Beginning, Decoder } from "./decode/decoder.ts";
export {
  type ExitRule,
  exitAtRandom,
  exitRule,
  type LoopsSoFar,
  type MostLoops,
  type OneOf,
  untilConfident,
  untilSettled,
} from "./decode/exits.ts";
export { type GenerateOptions, generate } from "./decode/generate.ts";
export { generationSchema, textDefaults } from "./decode/options.ts";
export type { Pack, PackedText } from "./decode/packs.ts";
export type { Passage, Route, Sequence } from "./decode/passage.ts";
export type { Reading } from "./decode/read.ts";
export type { SamplingOptions } from "./decode/sampling.ts";
export { type Draft, draftKinds, type SpeculateOptions, Speculation } from "./decode/speculate.ts";
export {
  advance,
  type CachePolicy,
  cachePolicies,
  type Finish,
  type GeneratedToken,
  type Loops,
  type LoopsAtOnce,
  Stream,
  type StreamOptions,
  type WindowMode,
  windowModes,
} from "./decode/stream.ts";
export type { PlaceInPack } from "./decode/whole.ts";
export type { LearnedTask } from "./families/loopformer-config.ts";
export {
  type OfficialFiles,
  type OfficialModel,
  type OfficialOrigin,
  type ReadOfficialOptions,
  readOfficial,
  type WriteOfficialOptions,
  writeOfficial,
} from "./families/official.ts";
export { gradients } from "./grad/gradients.ts";
export { GraphBuilder } from "./graph/builder.ts";
export { type PrepareOptions, prepareGraph } from "./graph/passes/index.ts";
export type { LowerOptions } from "./graph/passes/lower.ts";
export { printGraph } from "./graph/print.ts";
export type { Repeat } from "./graph/repeat.ts";
export type {
  DType,
  Graph,
  None as NoAttrs,
  OpAttrs,
  OpName,
  Product as ProductAttrs,
  Shape,
  Value,
} from "./graph/types.ts";
export { interpret } from "./interp/interpret.ts";
export { type AnswerExitsOptions, answerExits, triedOnAnswers } from "./measure/answer-exits.ts";
export {
  type EvaluateAnswersOptions,
  evaluateAnswers,
  exampleOf,
  reportTask,
  SOLVED,
} from "./measure/answers.ts";
export { formatNames } from "./measure/benchmarks/formats.ts";
export type {
  Benchmark,
  BenchmarkMetric,
  ChoiceQuestion,
  GenerationQuestion,
  LastWordQuestion,
  Place,
  Question,
  QuestionKind,
  Request,
  RollingQuestion,
  Writing,
} from "./measure/benchmarks/question.ts";
export { firstQuestions } from "./measure/benchmarks/score.ts";
export { type CalibrateOptions, calibrate } from "./measure/calibrate.ts";
export {
  type EvaluateOptions,
  type EvaluateProgress,
  evaluate,
  lossGraph,
  predictedTokens,
} from "./measure/evaluate.ts";
export {
  type ExitPoint,
  type ExitSeries,
  exitStudy,
  type ReadingOptions,
  readWithExits,
  triedRules,
} from "./measure/exit-quality.ts";
export { type MatmulPeakOptions, matmulPeak } from "./measure/matmul-peak.ts";
export {
  type ErrorCurve,
  type EvaluatePromptsOptions,
  errorCurve,
  evaluatePrompts,
  type PromptEvaluation,
} from "./measure/prompts.ts";
export { measureSpeed, type SpeedOptions } from "./measure/speed.ts";
export { type AnalyzeOptions, analyze, textsOfProblems } from "./measure/states/analyze.ts";
export { angles, norms, relativeChange, secondDifference } from "./measure/states/change.ts";
export {
  type CollectedStates,
  type LensReader,
  openLensReader,
  openStateReader,
  type StateReader,
} from "./measure/states/collect.ts";
export {
  anisotropy,
  curvature,
  effectiveRank,
  type Orbits,
  orbits,
  promptEntropy,
} from "./measure/states/geometry.ts";
export {
  directional,
  type JacobianReader,
  type LoopJacobian,
  openJacobian,
} from "./measure/states/jacobian.ts";
export { type LensReading, lensReading } from "./measure/states/lens.ts";
export type { ReadText } from "./measure/states/losses.ts";
export {
  type PowerOptions,
  type Product,
  type Radius,
  spectralNorm,
  spectralRadius,
} from "./measure/states/radius.ts";
export type { Rows } from "./measure/states/rows.ts";
export { linearCka } from "./measure/states/similarity.ts";
export { judge, thresholds as verdictThresholds } from "./measure/states/verdict.ts";
export type { CacheKind, Layer } from "./models/decoding.ts";
export { type BudgetCost, type Description, describe, trainingFlops } from "./models/describe.ts";
export type { Model } from "./models/model.ts";
export {
  type Init,
  initialWeights,
  type Parameter,
  parameterCount,
  parameters,
  type StageName,
} from "./models/parameters.ts";
export { type PromptShape, predictionGraph } from "./models/predictions.ts";
export {
  algoformer,
  baseLoop,
  type FamilyName,
  familyNames,
  gpt,
  loopedTransformer,
  loopformer,
  type ModelInput,
  modelSchema,
  modelSpec,
  type PresetOptions,
  type PromptFamilyName,
  type PromptPresetOptions,
  type PromptSize,
  presetOptionsSchema,
  presets,
  promptFamilyNames,
  promptPresets,
  type Size,
  sizeSchema,
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
export { type BoundGraph, type EncodeOptions, encodeGraph, toOnnx } from "./onnx/encode.ts";
export type {
  OnnxAttribute,
  OnnxData,
  OnnxDType,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from "./onnx/proto.ts";
export type { AdamWState } from "./optim/adamw.ts";
export { startFrom, type TrainState, usedWeights } from "./optim/state.ts";
export type { AnswerClaim, AnswerExit, AnswerPoint, ReportTask } from "./report/answers.ts";
export {
  type Axis,
  type Chart,
  type Guide,
  type Panel,
  type Point,
  panelsOf,
  type Series,
} from "./report/chart.ts";
export type { ModelCost, Speed } from "./report/cost.ts";
export { type CurveSpike, type CurveStep, curveCharts, type TrainingCurve } from "./report/curves.ts";
export { draftText, speedup, WORTHWHILE } from "./report/drafts-page.ts";
export { drawChart } from "./report/draw.ts";
export { pageOf, reportFiles } from "./report/files.ts";
export { type Fitted, type Frame, fitChart } from "./report/fit.ts";
export { drawHeatMap, type HeatMap, type HeatPanel, type HeatRow } from "./report/heat-map.ts";
export type { ComparableReport } from "./report/merge.ts";
export { type LookedInto, type Movement, movementClaims, movementOf } from "./report/movement.ts";
export { reportName } from "./report/name.ts";
export { counted, groupedText, milliseconds, numberText, siText } from "./report/numbers.ts";
export {
  type Figure as PageFigure,
  type Page,
  pageMarkdown,
  type Source as PageSource,
} from "./report/page.ts";
export { readReport } from "./report/read.ts";
export type {
  AnswerModel,
  BenchmarkEntry,
  BenchmarkMean,
  BenchmarkModel,
  BenchmarkPoint,
  BudgetPoint,
  Calibration,
  Claim,
  ExitCurve,
  ExitOutcome,
  Findings,
  MeasuredModel,
  ModelReport,
  Provenance,
  QualityReport,
  Report,
  ReportKind,
  ReportOf,
  TimedDraft,
} from "./report/report.ts";
export type { Scale, Tick } from "./report/scale.ts";
export type {
  Analysis,
  DialPoint,
  LoopMeasures,
  LoopStability,
  RunAnalysis,
  Spread,
  Tendency,
  TokenTrace,
  Verdict,
} from "./report/states.ts";
export type { SweepTrial } from "./report/sweep.ts";
export { chosenText } from "./report/sweep-page.ts";
export {
  type Column,
  type Table,
  type TableCell,
  type TableHeading,
  tableMarkdown,
  tableOf,
  tableText,
  textTable,
} from "./report/table.ts";
export { isUniform, trajectoryText } from "./report/trajectory.ts";
export { interpreterRuntime } from "./runtime/interpreter.ts";
export type { CompileOptions, Program, Runtime } from "./runtime/runtime.ts";
export { difficultyAt, ramp, type Schedule, scheduled, scheduledValues } from "./tasks/curriculum.ts";
export { promptInputs } from "./tasks/inputs.ts";
export { type Examples, interleave } from "./tasks/interleave.ts";
export type {
  AnswerBaseline,
  DifficultyRange,
  DrawOptions,
  Prompts,
  PromptTask,
  Task,
  TokenBatch,
  TokenDrawOptions,
  TokenProblem,
  TokenTask,
  VectorTask,
} from "./tasks/task.ts";
export { answerOf, problemsIn } from "./tasks/tokens/generator.ts";
export {
  type DifficultyScore,
  type HeldOutOptions,
  heldOutProblems,
  scoreAnswers,
} from "./tasks/tokens/grading.ts";
export { formsOf, tokenTaskNamed, tokenTasks } from "./tasks/tokens/index.ts";
export { problemLines, readAnswers, readProblems } from "./tasks/tokens/jsonl.ts";
export { problemText } from "./tasks/tokens/show.ts";
export { CLASSIFY, type ClassifiedText, type TextsOptions, textsTask } from "./tasks/tokens/texts.ts";
export {
  type AnswerTraining,
  type AnswerTrainingInput,
  answerTrainingSchema,
  parseAnswerTraining,
} from "./train/answer-options.ts";
export { type AnswerRun, trainAnswers } from "./train/answers.ts";
export { initialState } from "./train/initial-state.ts";
export {
  keptSteps,
  mostKeptSteps,
  promptNeeds,
  requireMemory,
  requirePromptMemory,
  requireTextMemory,
  type TrainingNeeds,
  textNeeds,
} from "./train/needs.ts";
export { type StepOptions, type StepShape, stepGraph } from "./train/objectives/elastic.ts";
export { type PromptStepOptions, promptStepGraph } from "./train/objectives/prompts.ts";
export {
  type MicroBatch,
  type Optimisation,
  optimise,
  type Progress,
  requireEqualShares,
  type Source,
  type StepEvent,
  type TrainEvent,
} from "./train/optimise.ts";
export {
  type Objective,
  type OptimiserOptions,
  objectiveSchema,
  optimiserSchema,
  parseTraining,
  type TrainingInput,
  type TrainingOptions,
  trainingSchema,
  usualObjective,
} from "./train/options.ts";
export {
  type PromptTraining,
  type PromptTrainingInput,
  parsePromptTraining,
  promptTrainingSchema,
} from "./train/prompt-options.ts";
export { type PromptRun, trainPrompts } from "./train/prompts.ts";
export { type AnswerRecipe, parseAnswerRecipe, parseRecipe, type Recipe } from "./train/recipe.ts";
export { requireFit, type TrainRun, train } from "./train/text.ts";
export { type ErrorDetail, GyreError, listOf } from "./util/errors.ts";
export type { Rng } from "./util/rng.ts";
export type { Spike } from "./util/spikes.ts";
export type { FloatData, Precision, Tensor, TensorData, Weights } from "./util/tensor.ts";
