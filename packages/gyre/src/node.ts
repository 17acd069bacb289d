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
export { type Corpus, type CorpusOptions, loadCorpus, type Skipped } from "./data/corpus.node.ts";
export { gpt2Tokenizer } from "./data/gpt2.node.ts";
export {
  type Dataset,
  DEFAULT_VOCAB,
  openDataset,
  type PrepareOptions,
  prepareDataset,
  type TokenizerChoice,
} from "./data/shards.node.ts";
export { readOfficialFolder, writeOfficialFolder } from "./families/official.node.ts";
export { readBenchmarks } from "./measure/benchmarks/files.node.ts";
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
export type { LoadedCheckpoint, RunCheckpoint } from "./runs/checkpoints.node.ts";
export { type MetricsRecord, RunDirectory, type SaveCheckpointOptions } from "./runs/directory.node.ts";
export { type EvaluateRunsOptions, evaluateRuns, type RunProgress } from "./runs/evaluate.node.ts";
export {
  type ExportOptions,
  exportOfficial,
  type ImportOptions,
  importOfficial,
} from "./runs/official.node.ts";
export { createLabRun, type LabRun, openLabRun, type RunRecipe } from "./runs/prompts-run.node.ts";
export {
  type CreateRunOptions,
  createRun,
  depthWarning,
  type LoadedWeights,
  loadCalibration,
  loadTokenizer,
  loadWeights,
  openRun,
  openRunData,
  type Run,
  type RunConfig,
  resumeState,
  saveCalibration,
  saveState,
  type WeightsRun,
} from "./runs/run.node.ts";
export { type OnnxRuntimeOptions, openOnnxRuntime, threadCount } from "./runtime/onnx.node.ts";
export { OnnxRuntime } from "./runtime/session-runtime.ts";
