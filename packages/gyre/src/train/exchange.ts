import { alone, type Collective } from "../ranks/collective.ts";
import { sha256Of } from "../util/checksum.ts";
import { ranksDiffer } from "./errors.ts";

/** What a micro-batch measured, by name; the same names in each. */
export type Measured = ReadonlyMap<string, number>;

/** A step's sums of gradients by weight, and what each of its micro-batches measured, in order. */
export interface StepSums {
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly measured: readonly Measured[];
}

/** What the ranks of a run tell each other: one sum a step, and now and then whether they agree. */
export class Exchange {
  readonly #ranks: Collective;
  #buffer = new Float32Array(0);

  constructor(ranks: Collective = alone) {
    this.#ranks = ranks;
  }

  /**
   * The sums over all ranks, of which this one had the micro-batches from `first` on, `own`. Numbers are sent as float32, as
   * runtimes compute losses. Ranks add gradients in the same order each time, so that a run repeats bit for bit.
   */
  sum(
    own: StepSums,
    { first, microBatches }: { readonly first: number; readonly microBatches: number },
  ): StepSums {
    if (this.#ranks.size === 1) return own;
    const names = [...(own.measured[0]?.keys() ?? [])];
    const gradientSizes = [...own.gradients.values()].map(({ length }) => length);
    const size = gradientSizes.reduce((sum, length) => sum + length, 0);
    const buffer = this.#bufferOf(size + microBatches * names.length);
    const gradients = new Map<string, Float32Array>();
    let at = 0;
    for (const [name, gradient] of own.gradients) {
      buffer.set(gradient, at);
      gradients.set(name, buffer.subarray(at, at + gradient.length));
      at += gradient.length;
    }
    const table = buffer.subarray(at).fill(0);
    for (const [micro, numbers] of own.measured.entries())
      for (const [column, name] of names.entries())
        table[(first + micro) * names.length + column] = numbers.get(name) as number;
    this.#ranks.sum(buffer);
    const measured = Array.from({ length: microBatches }, (_, micro) => {
      const row = table.subarray(micro * names.length, (micro + 1) * names.length);
      return new Map(names.map((name, column) => [name, row[column] as number]));
    });
    return { gradients, measured };
  }

  /** Whether it holds for any rank. */
  isAny(holds: boolean): boolean {
    if (this.#ranks.size === 1) return holds;
    const flag = Float32Array.of(holds ? 1 : 0);
    this.#ranks.sum(flag);
    return (flag[0] as number) > 0;
  }

  /** Checks that all ranks have the same text, such as options or a checksum. Throws RANKS_DIFFER, on every rank. */
  requireSame(what: string, text: () => string): void {
    if (this.#ranks.size === 1) return;
    const own = sha256Of(text());
    const first = Uint8Array.from(own, (digit) => digit.charCodeAt(0));
    this.#ranks.broadcast(first);
    const isOther = String.fromCharCode(...first) !== own;
    if (this.isAny(isOther)) throw ranksDiffer(what, this.#ranks.rank, isOther);
  }

  #bufferOf(length: number): Float32Array {
    if (this.#buffer.length !== length) this.#buffer = new Float32Array(length);
    return this.#buffer;
  }
}
