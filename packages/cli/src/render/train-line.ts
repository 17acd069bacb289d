import type { StepEvent } from "gyre";
import { counted, duration, short } from "./format.ts";
import { sparkline } from "./sparkline.ts";

/** Steps that rates are averaged over, and that the curve shows. */
const rateSteps = 20;
const curveSteps = 96;
const curveWidth = 24;

/** What evaluation would measure: the first part of the loss, or the loss itself where it has none. */
const measuredLoss = ({ loss, parts }: Pick<StepEvent, "loss" | "parts">): number =>
  Object.values(parts)[0] ?? loss;

/** Turns training steps into one line of text: where it is, how fast, how long still, and recent losses as a curve. */
export class TrainLine {
  readonly #steps: number;
  readonly #recent: StepEvent[] = [];
  #seconds = 0;
  #flops = 0;

  constructor(steps: number) {
    this.#steps = steps;
  }

  /** The line after one more step. */
  next(event: StepEvent): string {
    this.#recent.push(event);
    if (this.#recent.length > curveSteps) this.#recent.shift();
    this.#seconds += event.elapsedMs / 1e3;
    this.#flops += event.flops;
    const last = this.#recent.slice(-rateSteps);
    const total = (pick: (step: StepEvent) => number) => last.reduce((sum, step) => sum + pick(step), 0);
    const seconds = total((step) => step.elapsedMs) / 1e3;
    const left = ((this.#steps - event.step) * seconds) / last.length;
    const others = Object.entries(event.parts).slice(1);
    return [
      `step ${event.step}/${this.#steps}`,
      `loss ${measuredLoss(event).toFixed(4)}`,
      ...others.map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`),
      `${short(total((step) => step.tokens) / seconds)} tokens/s`,
      `${(total((step) => step.flops) / seconds / 1e9).toFixed(0)} GFLOP/s`,
      `ETA ${duration(left)}`,
      sparkline(this.#recent.map(measuredLoss), curveWidth),
    ].join("  ");
  }

  /** Seconds in steps, and FLOPs per second of them. */
  get speed(): { readonly seconds: number; readonly flopsPerSecond: number } {
    return { seconds: this.#seconds, flopsPerSecond: this.#flops / this.#seconds };
  }

  /** The mean of the last losses, which is steadier than the last one, in words; nothing before the first step. */
  get lossText(): string | undefined {
    const last = this.#recent.slice(-rateSteps).map(measuredLoss);
    if (last.length === 0) return undefined;
    const mean = last.reduce((sum, loss) => sum + loss, 0) / last.length;
    return `loss ${mean.toFixed(4)} (mean of the last ${counted(last.length, "step")})`;
  }
}
