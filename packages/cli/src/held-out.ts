import { type HeldOutValues, heldOutIn, isBetter, type MetricsRecord, usualEvalEvery } from "gyre/node";

/** Quality on held-out data at one number of loops. */
export type HeldOutPoint = HeldOutValues["points"][number];

/** What is measured on held-out data while a model trains. */
export interface HeldOutMeasure {
  /** How the value is called in metrics.jsonl. */
  readonly name: HeldOutValues["measure"];
  /** The value in words, without its unit. */
  readonly text: (value: number) => string;
  readonly unit: string;
  readonly points: () => Promise<readonly HeldOutPoint[]>;
}

/** The flags that say how often, and when to give up. */
export interface HeldOutOptions {
  /** Optimizer steps between measurements; 0 measures nothing. By default a tenth of the run, and 100 at least. */
  readonly evalEvery?: number;
  /** Stop after this step, which is measured. */
  readonly stopAt?: number;
  /** Stop after so many measurements that were no better. */
  readonly patience?: number;
}

/** What a measurement found. */
export interface HeldOutResult {
  /** For the step's record in metrics.jsonl. */
  readonly record: Readonly<Record<string, unknown>>;
  /** A line of its own, and the end of the status line. */
  readonly line: string;
  readonly brief: string;
  readonly isBest: boolean;
  readonly isOver: boolean;
}

/** Measures now and then, and remembers which step was best at full depth: the last of the budgets. */
export class HeldOut {
  readonly #measure: HeldOutMeasure;
  readonly #every: number;
  readonly patience: number;
  readonly #steps: number;
  readonly #stopAt: number | undefined;
  #best: { readonly step: number; readonly value: number } | undefined;
  #worse = 0;

  constructor(measure: HeldOutMeasure, options: HeldOutOptions & { readonly steps: number }) {
    const { evalEvery, patience = Number.POSITIVE_INFINITY, steps, stopAt } = options;
    this.#measure = measure;
    this.#every = evalEvery ?? usualEvalEvery(steps);
    this.patience = patience;
    this.#steps = steps;
    this.#stopAt = stopAt;
  }

  /** The best step so far, and its value in words. */
  get best(): { readonly step: number; readonly text: string } | undefined {
    const { text, unit } = this.#measure;
    return this.#best && { step: this.#best.step, text: `${text(this.#best.value)} ${unit}` };
  }

  /** Whether a step is one to measure after: every so many, where it stops, and the last of a run that has measured before. */
  isDue(step: number): boolean {
    if (this.#every === 0) return false;
    return step % this.#every === 0 || step === this.#stopAt || (step === this.#steps && step > this.#every);
  }

  /** Takes up what a run measured before it was stopped. */
  recall(records: readonly MetricsRecord[]): void {
    for (const record of records) {
      const value = heldOutIn(record)?.points.at(-1)?.value;
      if (value !== undefined) this.#remember(record.step, value);
    }
  }

  async measure(step: number): Promise<HeldOutResult> {
    const { name, text, unit, points } = this.#measure;
    const found = await points();
    const last = found.at(-1) as HeldOutPoint;
    const isBest = this.#remember(step, last.value);
    const values = Object.fromEntries(found.map(({ loops, value }) => [String(loops), value]));
    const at = found.length > 1 ? ` at ${found.map(({ loops }) => loops).join(", ")} loops` : "";
    const told = found.map(({ value }) => text(value)).join("  ");
    return {
      record: { heldOut: { [name]: values } },
      line: `step ${step}: held out${at}: ${told} ${unit}${isBest ? ", the best so far" : ""}`,
      brief: `held out ${text(last.value)} ${unit}`,
      isBest,
      isOver: this.#worse >= this.patience,
    };
  }

  #remember(step: number, value: number): boolean {
    const isBest = !this.#best || isBetter(this.#measure.name, value, this.#best.value);
    if (isBest) this.#best = { step, value };
    this.#worse = isBest ? 0 : this.#worse + 1;
    return isBest;
  }
}
