import { basename, join, resolve } from "node:path";
import { numberText, type TrainEvent, type TrainState } from "gyre";
import { EventsFile, type MetricsRecord } from "gyre/node";
import type { HeldOut } from "./held-out.ts";
import type { Interrupt } from "./interrupt.ts";
import { duration, short } from "./render/format.ts";
import type { StatusLine } from "./render/status-line.ts";
import { TrainLine } from "./render/train-line.ts";
import type { Samples } from "./samples.ts";

/** How a training is followed. */
export interface Following {
  /** The run, which only rank 0 has; a new one comes to be when this is first asked for. */
  readonly run?:
    | (() => Promise<
        {
          appendMetrics(record: MetricsRecord): Promise<void>;
          saveBest?(state: TrainState): Promise<void>;
        } & AsyncDisposable
      >)
    | undefined;
  /** Folder in which TensorBoard looks for runs, of this one's numbers too. */
  readonly tensorboard?: string | undefined;
  /** The run's folder. */
  readonly path: string;
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  readonly status: StatusLine;
  readonly interrupt: Interrupt;
  /** Step to stop after; the last one where it is left out. */
  readonly stopAt?: number | undefined;
  /** Commands to name at the end: one goes on with a stopped run, the others are for a finished one. */
  readonly next: { readonly goOn: string; readonly done: readonly string[] };
  /** What the machine does at most, in FLOPs per second; left out where that says little, as of several ranks. */
  readonly peak?: (() => Promise<number>) | undefined;
  /** What is measured now and then, and the state whose best is kept. */
  readonly heldOut?: { readonly measurer: HeldOut; readonly state: TrainState };
  /** What is written every so many steps, and shown. */
  readonly sampling?: { readonly every: number; readonly write: () => Promise<Samples> } | undefined;
}

/** Writes each step to the run's metrics and the status line; the exit code: 0, or 130 where it was stopped. */
export async function followTraining(
  events: AsyncIterable<TrainEvent>,
  { run, path, tensorboard, steps, stopAt, status, interrupt, next, heldOut, sampling, peak }: Following,
): Promise<number> {
  const line = new TrainLine(steps);
  const started = performance.now();
  let tokens = 0;
  let lastMeasured = "";
  let stoppedAt: number | undefined;
  let isOver = false;
  const logged =
    run && tensorboard ? await EventsFile.open(join(tensorboard, basename(resolve(path)))) : undefined;
  try {
    for await (const event of events) {
      if (event.type === "step") {
        const { type: _, ...record } = event;
        const found = heldOut?.measurer.isDue(event.step)
          ? await heldOut.measurer.measure(event.step)
          : undefined;
        const samples = sampling && event.step % sampling.every === 0 ? await sampling.write() : undefined;
        const held = await run?.();
        const written = { ...record, ...found?.record, ...samples?.record };
        await held?.appendMetrics(written);
        await logged?.append(written);
        tokens += event.tokens;
        if (found) lastMeasured = `  ${found.brief}`;
        status.update(line.next(event) + lastMeasured, event.step === 1 || event.step === steps);
        if (found) status.print(found.line);
        if (samples)
          status.print([`step ${event.step}: ${samples.lines[0]}`, ...samples.lines.slice(1)].join("\n"));
        if (found?.isBest && heldOut) await held?.saveBest?.(heldOut.state);
        if (event.step === stopAt) interrupt.stop();
        if (found?.isOver && event.step < steps) {
          isOver = true;
          interrupt.stop();
        }
      } else if (event.type === "spike") {
        status.print(`warning: ${spikeText(event)}`);
      } else if (event.type === "compiled") {
        interrupt.listen();
        const seconds = (event.elapsedMs / 1e3).toFixed(1);
        status.update(`step ${event.step + 1}/${steps} runs; compiled in ${seconds} s`, true);
      } else if (event.type === "end" && event.reason === "stopped") stoppedAt = event.step;
    }
  } finally {
    status.clear();
  }
  if (tokens > 0) await (await run?.())?.[Symbol.asyncDispose]();
  const loss = line.lossText === undefined ? "" : `${line.lossText}, `;
  const spent = `${loss}${short(tokens)} tokens in ${duration((performance.now() - started) / 1e3)}${await speedText(line, peak)}`;
  const best = heldOut?.measurer.best;
  const kept = best ? `; best on held-out data: ${best.text} at step ${best.step}, kept beside the last` : "";
  if (isOver) {
    status.print(
      `stopped at step ${stoppedAt}: no better for ${heldOut?.measurer.patience} measurements${kept}. ${spent}`,
    );
    return 0;
  }
  if (stoppedAt !== undefined) {
    status.print(`stopped and saved at step ${stoppedAt}: ${spent}; continue with: ${next.goOn}`);
    return stoppedAt === stopAt ? 0 : 130;
  }
  status.print(`done: ${steps} steps, ${spent}${kept}. next: ${next.done.join("  or  ")}`);
  return 0;
}

/** A machine is measured where a training was long enough for its speed to mean something. */
const notableSeconds = 30;

async function speedText({ speed }: TrainLine, peak: Following["peak"]): Promise<string> {
  if (!peak || speed.seconds < notableSeconds) return "";
  const share = speed.flopsPerSecond / (await peak());
  return ` at ${(speed.flopsPerSecond / 1e9).toFixed(0)} GFLOP/s, ${(100 * share).toFixed(0)} % of what matrix products reach here`;
}

const spikeText = ({ step, what, value, usual, origin }: Extract<TrainEvent, { readonly type: "spike" }>) =>
  `step ${step}: the ${what} is ${numberText(value)}, where ${numberText(usual)} was usual, on ${origin}. Where it does not come ` +
  "down again: a lower learning rate, a longer warm-up, or a smaller --clip";
