import type { TrainEvent } from "gyre";
import { duration, short } from "./format.ts";
import { sparkline } from "./sparkline.ts";

type StepEvent = Extract<TrainEvent, { type: "step" }>;

/** Turns training steps into one line of text: where it is, how fast, how long still, and the loss as a curve. */
export class TrainLine {
  readonly #steps: number;
  readonly #losses: number[] = [];
  readonly #recent: StepEvent[] = [];

  constructor(steps: number) {
    this.#steps = steps;
  }

  /** The line after one more step. */
  next(event: StepEvent): string {
    this.#losses.push(event.loss);
    this.#recent.push(event);
    if (this.#recent.length > 20) this.#recent.shift();
    const total = (pick: (step: StepEvent) => number) =>
      this.#recent.reduce((sum, step) => sum + pick(step), 0);
    const seconds = total((step) => step.elapsedMs) / 1e3;
    const left = ((this.#steps - event.step) * seconds) / this.#recent.length;
    return [
      `step ${event.step}/${this.#steps}`,
      `loss ${event.loss.toFixed(4)}`,
      `${short(total((step) => step.tokens) / seconds)} tokens/s`,
      `${(total((step) => step.flops) / seconds / 1e9).toFixed(0)} GFLOP/s`,
      `ETA ${duration(left)}`,
      sparkline(this.#losses, 24),
    ].join("  ");
  }
}
