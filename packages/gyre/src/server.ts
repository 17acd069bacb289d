export type { AnswersOptions, Metrics } from "./server/answers.ts";
export { type App, type AppOptions, createApp } from "./server/app.ts";
export { chatPrompt, chatStop } from "./server/chat.ts";
export type { OnFault } from "./server/faults.ts";
export { Lifecycle } from "./server/lifecycle.ts";
export { type LogFormat, logFormats, logLine, type RequestRecord } from "./server/log.ts";
export { openApi } from "./server/openapi.ts";
export { defaultLimits, type Limits, limitsSchema, serveDefaults, serveSchema } from "./server/options.ts";
export type { PlanLimits, ServedModel } from "./server/plan.ts";
export type {
  ChosenToken,
  Engine,
  Job,
  JobEnd,
  JobEvent,
  JobFailure,
  Load,
  Piece,
  TokenChance,
} from "./server/protocol.ts";
export type { ReadSubmission } from "./server/reads.ts";
export { Scheduler, type SchedulerOptions, type Submission } from "./server/scheduler.ts";
export type { ChatMessage } from "./server/schemas.ts";
export { type RunningServer, type ServeOptions, serve } from "./server/serve.node.ts";
