export type { DType as StoredDType } from "./checkpoint/dtypes.ts";
export { type Content, writeFileAtomic } from "./checkpoint/files.node.ts";
export {
  type OpenSafetensors,
  openSafetensorsFile,
  readSafetensorsFile,
  writeSafetensorsFile,
} from "./checkpoint/safetensors.node.ts";
export type { StoredTensor } from "./checkpoint/safetensors.ts";
export type { TensorEntry } from "./checkpoint/safetensors-header.ts";
export { loadBpe, type TrainBpeOptions, trainBpe } from "./data/bpe.node.ts";
export {
  type Corpus,
  type CorpusOptions,
  type CorpusStream,
  loadCorpus,
  openCorpus,
  type StreamOptions,
} from "./data/corpus.node.ts";
export type { Skipped } from "./data/corpus-files.node.ts";
export { gpt2Tokenizer } from "./data/gpt2.node.ts";
export { DEFAULT_VOCAB, type TokenizerChoice } from "./data/inputs.node.ts";
export type { LabelledText, LabelledTexts } from "./data/labelled/labelled.ts";
export { type TextsManifest, textsChecksum } from "./data/labelled/manifest.ts";
export { type PrepareTextsOptions, prepareTexts } from "./data/labelled/prepare.node.ts";
export { readLabelled } from "./data/labelled/read.node.ts";
export { contentChecksum } from "./data/manifest.ts";
export type { Mixture, MixtureSource } from "./data/mixture.ts";
export {
  type Prepared,
  type PrepareOptions,
  type PrepareProgress,
  prepareDataset,
} from "./data/prepare.node.ts";
export { type Dataset, openDataset } from "./data/shards.node.ts";
export type { Stretch, TextSource } from "./data/stretches.ts";
export { readOfficialFolder, writeOfficialFolder } from "./families/official.node.ts";
export { readBenchmarks } from "./measure/benchmarks/files.node.ts";
export { broadcastJson, ranksWhere, requireSame, requireSameWeights } from "./ranks/agreement.ts";
export { alone, type Collective, shareOf } from "./ranks/collective.ts";
export { type Launched, launched, type MpiLibrary } from "./ranks/launcher.ts";
export { openCollective } from "./ranks/mpi.node.ts";
export {
  type BenchmarkProgress,
  type EvaluateBenchmarksOptions,
  type EvaluateServerOptions,
  evaluateBenchmarks,
  evaluateServer,
} from "./runs/benchmarks.node.ts";
export { loadCalibration, saveCalibration } from "./runs/calibration.node.ts";
export { type CardParts, costOf, type GatherOptions, gatherCard, trainingOf } from "./runs/card.node.ts";
export { type CleanOptions, cleanRun, type SpareCheckpoint } from "./runs/clean.node.ts";
export { type CompareOptions, compareRuns } from "./runs/compare.node.ts";
export {
  type AnswersConfig,
  type ConfigOf,
  type DataReference,
  depthWarning,
  type ImportedConfig,
  isOnTask,
  type LanguageConfig,
  learnedTask,
  type NamedData,
  type PromptsConfig,
  type Run,
  type RunConfig,
  type RunKind,
  runKinds,
  type TaskConfig,
  type TextConfig,
} from "./runs/config.ts";
export { type RunCurve, readCurves, runName } from "./runs/curves.node.ts";
export { openRunData, openTrainingData, type RunOnData } from "./runs/data.node.ts";
export {
  type EvaluateRunsOptions,
  evaluateRuns,
  openComparable,
  type RunProgress,
} from "./runs/evaluate.node.ts";
export { EventsFile, writeEvents } from "./runs/events.node.ts";
export { listRuns, type RunSummary, type UnreadableRun } from "./runs/list.node.ts";
export {
  type BestHeldOut,
  bestIn,
  type HeldOutValues,
  heldOutIn,
  isBetter,
  type MetricsFile,
  type MetricsRecord,
  usualEvalEvery,
  type WrittenSamples,
} from "./runs/metrics.node.ts";
export {
  type ExportOptions,
  exportOfficial,
  type ImportOptions,
  importOfficial,
} from "./runs/official.node.ts";
export { requireWritable } from "./runs/place.node.ts";
export { dataOf, measuredModel, type SaveReportOptions, saveReport } from "./runs/reports.node.ts";
export {
  type CreateRunOptions,
  createRun,
  HeldRun,
  holdRun,
  type NewData,
  type NewRun,
  openAnswersRun,
  openRun,
  type PlannedRun,
  planRun,
} from "./runs/run.node.ts";
export { holdsTexts, openRunTask, openTexts, type Texts } from "./runs/texts.node.ts";
export { loadTokenizer } from "./runs/tokenizer.node.ts";
export {
  type LoadedWeights,
  loadWeights,
  type WeightsOf,
  type WhichCheckpoint,
  type WhichWeights,
} from "./runs/weights.node.ts";
export { type DeviceChoice, deviceChoices, openDevice } from "./runtime/devices.node.ts";
export type { Device, OpenDevice } from "./runtime/host.node.ts";
export { machineMemory } from "./runtime/memory.node.ts";
export { type OnnxRuntimeOptions, openOnnxRuntime } from "./runtime/onnx.node.ts";
export { OnnxRuntime } from "./runtime/session-runtime.ts";
export { mostThreads, threadCount } from "./runtime/threads.node.ts";
export { badSweep } from "./sweep/errors.ts";
export type { Job } from "./sweep/jobs.node.ts";
export {
  nextArray,
  reportedTrial,
  type SweepEvent,
  type SweepJobs,
  trainSweep,
} from "./sweep/progress.node.ts";
export type { Rung } from "./sweep/rungs.ts";
export { requireSlurm, type SlurmArray, slurmScript, submit, tasksLeft } from "./sweep/slurm.node.ts";
export { SweepFolder, type SweepRun, type TrainHow, type TrialResult } from "./sweep/sweep.node.ts";
export { parseSweep, type Sweep, sweepSchema } from "./sweep/sweep-file.ts";
export { stepsOf, type Trial, trialsOf } from "./sweep/trials.ts";
