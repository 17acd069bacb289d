export {
  type MetricsRecord,
  RunDirectory,
  readOfficialFolder,
  readSafetensorsFile,
  writeFileAtomic,
  writeOfficialFolder,
  writeSafetensorsFile,
} from "./checkpoint/index.node.ts";
export {
  type Dataset,
  gpt2Tokenizer,
  loadBpe,
  loadCorpus,
  openDataset,
  prepareDataset,
  type TokenizerChoice,
  trainBpe,
} from "./data/index.node.ts";
export { createLabRun, type LabRun, openLabRun } from "./lab/run.node.ts";
export { OnnxRuntime, type OnnxRuntimeOptions, openOnnxRuntime } from "./runtime/onnx.node.ts";
export { type EvaluateRunsOptions, evaluateRuns, type RunProgress } from "./train/evaluate-runs.node.ts";
export {
  type ExportOptions,
  exportOfficial,
  type ImportOptions,
  importOfficial,
} from "./train/official-run.node.ts";
export {
  createRun,
  depthWarning,
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
} from "./train/run.node.ts";
