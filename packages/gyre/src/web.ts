export type { FetchProgress, FileStore } from "./runs/downloads.ts";
export {
  type FetchedModel,
  type FetchedPrompts,
  type FetchedRun,
  type FetchedTask,
  type FetchModelOptions,
  fetchModel,
  fetchPrompts,
  fetchTask,
} from "./runs/fetch-model.ts";
export type { StoredRun } from "./runs/read-run.ts";
export {
  mostWebThreads,
  openWebRuntime,
  type WebRuntime,
  type WebRuntimeOptions,
} from "./runtime/onnx.web.ts";
export { SELF_TEST_TOLERANCE, selfTest, type WrongOperation } from "./runtime/self-test.ts";
export { type Host, OnnxRuntime, type SessionOptions } from "./runtime/session-runtime.ts";
export { type Abortable, connectWorker, type WorkerLike, WorkerModel } from "./web/client.ts";
export type {
  AnswersRequest,
  CreateRequest,
  LensRequest,
  LensToken,
  Loaded,
  LoadRequest,
  OpenRequest,
  Prepared,
  QualityRequest,
  TaskRequest,
  TrainRequest,
  WorkerHost,
  WriteOptions,
  Written,
} from "./web/protocol.ts";
