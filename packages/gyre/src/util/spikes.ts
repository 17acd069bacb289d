import { median } from "./statistics.ts";

/** A number of a step that is far above what was usual. */
export interface Spike {
  readonly what: "loss" | "gradient norm";
  readonly value: number;
  /** The median of the steps before. */
  readonly usual: number;
}

/** What is watched of a step. */
export interface Watched {
  readonly loss: number;
  readonly gradientNorm: number;
  /** Steps of another size are not compared: a curriculum grows. */
  readonly tokens: number;
}

/** Steps that decide what is usual; as many must be done before anything is a spike. */
const WINDOW = 32;
/** Steps after the first spike in which others are not told; after each further one that is told, four times as many. */
const QUIET = 100;
const QUIETER = 4;
/** So many robust standard deviations above the median, and so many times the median at least. */
const limits = {
  loss: { deviations: 8, times: 1.1 },
  "gradient norm": { deviations: 8, times: 10 },
} as const;
/** The median of absolute deviations of normal numbers, as a share of their standard deviation. */
const NORMAL = 0.6745;

/** Finds losses and gradient norms that jump, by the median of the steps before and their median deviation from it. */
export class SpikeWatch {
  readonly #recent: Watched[] = [];
  #quiet = 0;
  #nextQuiet = QUIET;

  /** What of a step is a spike, unless one was told a while ago. */
  next(step: Watched): Spike | undefined {
    const spike = this.look(step);
    if (--this.#quiet >= 0 || !spike) return undefined;
    this.#quiet = this.#nextQuiet;
    this.#nextQuiet *= QUIETER;
    return spike;
  }

  /** What of a step is a spike. */
  look(step: Watched): Spike | undefined {
    if (this.#recent.at(-1)?.tokens !== step.tokens) this.#recent.length = 0;
    const spike = this.#recent.length < WINDOW ? undefined : this.#spikeOf(step);
    this.#recent.push(step);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    return spike;
  }

  #spikeOf({ loss, gradientNorm }: Watched): Spike | undefined {
    const found: readonly (readonly [Spike["what"], number, number[]])[] = [
      ["loss", loss, this.#recent.map((one) => one.loss)],
      ["gradient norm", gradientNorm, this.#recent.map((one) => one.gradientNorm)],
    ];
    for (const [what, value, before] of found) {
      const usual = median(before);
      const deviation = median(before.map((one) => Math.abs(one - usual))) / NORMAL;
      const { deviations, times } = limits[what];
      if (value > times * usual && value > usual + deviations * deviation) return { what, value, usual };
    }
    return undefined;
  }
}
