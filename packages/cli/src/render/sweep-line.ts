import type { SweepEvent, SweepFolder, SweepRun } from "gyre/node";
import { counted, duration } from "./format.ts";
import type { StatusLine } from "./status-line.ts";

/** Turns what a sweep tells into lines that stay and one that says how far it is. */
export class SweepLine {
  readonly #folder: SweepFolder;
  readonly #status: StatusLine;
  readonly #steps = new Map<SweepRun, { first: number; last: number }>();
  #rung = { steps: 0, runs: 0, ended: 0, startedMs: 0, text: "" };

  constructor(folder: SweepFolder, status: StatusLine) {
    this.#folder = folder;
    this.#status = status;
  }

  next(event: SweepEvent): void {
    if (event.type === "rung") {
      const { index, rung, waiting } = event;
      const { rungs } = this.#folder;
      const text = rungs.length > 1 ? `rung ${index + 1} of ${rungs.length}: ` : "";
      this.#steps.clear();
      this.#rung = { steps: rung.steps, runs: waiting, ended: 0, startedMs: performance.now(), text };
      this.#status.print(
        `${text}${counted(rung.trials, "trial")} to step ${rung.steps}, ${counted(waiting, "run")} to train`,
      );
    } else if (event.type === "step") {
      const { first = event.step } = this.#steps.get(event.run) ?? {};
      this.#steps.set(event.run, { first, last: event.step });
      this.#status.update(this.#line());
    } else {
      this.#rung.ended++;
      const { run, best, problem } = event;
      const known = this.#steps.get(run);
      if (known && problem === undefined) known.last = this.#rung.steps;
      const found = best ? `${best.value.toFixed(3)} at step ${best.step}, the best so far` : "not measured";
      this.#status.print(
        `${run.trial.name}, seed ${run.seed}: ${problem === undefined ? found : `failed: ${problem}`}`,
      );
      this.#status.update(this.#line());
    }
  }

  #line(): string {
    const { steps, runs, ended, startedMs, text } = this.#rung;
    const known = [...this.#steps.values()];
    const done = known.reduce((sum, { first, last }) => sum + last - first, 0);
    const left = runs * steps - known.reduce((sum, { last }) => sum + last, 0);
    const seconds = (performance.now() - startedMs) / 1e3;
    const eta = done > 0 ? `  ETA ${duration((left * seconds) / done)}` : "";
    return `${text}${ended} of ${counted(runs, "run")} done, ${done} steps in ${duration(seconds)}${eta}`;
  }
}
