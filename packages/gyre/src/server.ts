export { type AppOptions, createApp, defaultLimits, type Limits, type Metrics } from "./server/app.ts";
export { chatPrompt, chatStop } from "./server/chat.ts";
export { Lifecycle } from "./server/lifecycle.ts";
export { openApi } from "./server/openapi.ts";
export type { PlanLimits, ServedModel } from "./server/plan.ts";
export type { Engine, Job, JobEvent, Load } from "./server/protocol.ts";
export { Scheduler, type SchedulerOptions, type Task } from "./server/scheduler.ts";
export { type RunningServer, type ServeOptions, serve } from "./server/serve.node.ts";
