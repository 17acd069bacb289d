import type { TrainEvent } from "gyre";
import type { MetricsRecord } from "gyre/node";
import type { Interrupt } from "./interrupt.ts";
import { duration, short } from "./render/format.ts";
import type { StatusLine } from "./render/status-line.ts";
import { TrainLine } from "./render/train-line.ts";

interface Following {
  /** The run; a new one comes to be when this is first asked for. */
  readonly run: () => Promise<{ appendMetrics(record: MetricsRecord): Promise<void> } & AsyncDisposable>;
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  readonly status: StatusLine;
  readonly interrupt: Interrupt;
  /** Commands to name at the end: one goes on with a stopped run, the others are for a finished one. */
  readonly next: { readonly goOn: string; readonly done: readonly string[] };
  /** What is measured `every` so many steps and after the last one, to stand at the end of the line. */
  readonly measured?: { readonly every: number; readonly text: () => Promise<string> };
}

/** Writes each step to the run's metrics and the status line; the exit code: 0, or 130 where it was stopped. */
export async function followTraining(
  events: AsyncIterable<TrainEvent>,
  { run, steps, status, interrupt, next, measured }: Following,
): Promise<number> {
  const line = new TrainLine(steps);
  const started = performance.now();
  let tokens = 0;
  let lastMeasured = "";
  let stoppedAt: number | undefined;
  try {
    for await (const event of events) {
      if (event.type === "step") {
        const { type: _, ...record } = event;
        await (await run()).appendMetrics(record);
        tokens += event.tokens;
        const isLast = event.step === steps;
        const isMeasured = measured && (event.step % measured.every === 0 || isLast);
        if (isMeasured) lastMeasured = `  ${await measured.text()}`;
        status.update(line.next(event) + lastMeasured, event.step === 1 || isLast);
      } else if (event.type === "compiled") {
        interrupt.listen();
        const seconds = (event.elapsedMs / 1e3).toFixed(1);
        status.update(`step ${event.step + 1}/${steps} runs; compiled in ${seconds} s`, true);
      } else if (event.type === "end" && event.reason === "stopped") stoppedAt = event.step;
    }
  } finally {
    status.clear();
  }
  if (tokens > 0) await (await run())[Symbol.asyncDispose]();
  const loss = line.loss === undefined ? "" : `loss ${line.loss.toFixed(4)}, `;
  const spent = `${loss}${short(tokens)} tokens in ${duration((performance.now() - started) / 1e3)}`;
  if (stoppedAt !== undefined) {
    status.print(`stopped and saved at step ${stoppedAt}: ${spent}; go on with: ${next.goOn}`);
    return 130;
  }
  status.print(`done: ${steps} steps, ${spent}. next: ${next.done.join("  or  ")}`);
  return 0;
}
