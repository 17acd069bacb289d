import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { Tokenizer } from "../data/tokenizer.ts";
import { Decoder } from "../decode/decoder.ts";
import { openRun } from "../runs/run.node.ts";
import { loadTokenizer } from "../runs/tokenizer.node.ts";
import { loadWeights, type WhichWeights } from "../runs/weights.node.ts";
import type { DeviceChoice } from "../runtime/devices.node.ts";
import { openOnnxRuntime } from "../runtime/onnx.node.ts";
import { GyreError } from "../util/errors.ts";
import { runReplaced } from "./errors.ts";
import { runJob } from "./job.ts";
import type { FromWorker, JobEvent, ToWorker } from "./protocol.ts";
import { Scheduler } from "./scheduler.ts";
import { modelKey } from "./served-run.node.ts";

// A thread that computes for one model: onnxruntime blocks whichever event loop it is called from.

export interface WorkerData {
  readonly path: string;
  /** What the server answers with, as `modelKey` gives it. */
  readonly model: string;
  readonly slots: number;
  readonly threads: number | undefined;
  readonly device?: DeviceChoice | undefined;
  readonly weights: WhichWeights | undefined;
}

const { path, model, slots, threads, device = "cpu", weights: which } = workerData as WorkerData;
const post = (message: FromWorker) => parentPort?.postMessage(message);

try {
  const run = await openRun(path);
  if (modelKey(run) !== model) throw runReplaced(path);
  const tokenizer = await loadTokenizer(run);
  const { weights, warnings } = await loadWeights(run, "latest", which);
  const runtime = await openOnnxRuntime({ device, ...(threads === undefined ? {} : { threads }) });
  const decoder = new Decoder({ spec: run.config.spec, weights, runtime });
  compute(decoder, tokenizer);
  post({ type: "ready", warnings });
} catch (error) {
  if (!(error instanceof GyreError)) throw error;
  post({ type: "refused", code: error.code, detail: error.detail });
}

/** Takes jobs from the port; tells what came of them after every call of the core. */
function compute(decoder: Decoder, tokenizer: Tokenizer): void {
  const cancels = new Map<number, () => void>();
  let events: [number, JobEvent][] = [];
  const tell = () => {
    post({ type: "turn", events, load: scheduler.load });
    events = [];
  };
  const betweenCalls = async () => {
    tell();
    await setImmediate();
  };
  const scheduler = new Scheduler(decoder, { slots, betweenCalls });
  parentPort?.on("message", (message: ToWorker) => {
    if (message.type === "close") process.exit(0);
    const { id } = message;
    if (message.type === "start") {
      const report = (event: JobEvent) => {
        events.push([id, event]);
        if (event.type !== "piece") cancels.delete(id);
      };
      try {
        cancels.set(id, runJob(scheduler, tokenizer, message.job, report));
      } catch (error) {
        report({ type: "failure", isGone: false, reason: String(error) });
        tell();
      }
    } else {
      cancels.get(id)?.();
      cancels.delete(id);
      // No call may follow that would tell of the free slot.
      tell();
    }
  });
}
