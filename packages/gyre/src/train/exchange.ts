import { alone, type Collective } from "../ranks/collective.ts";

/** What a micro-batch measured, by name; the same names in each. */
export type Measured = ReadonlyMap<string, number>;

/** A step's sums of gradients by weight, and what each of its micro-batches measured, in order. */
export interface StepSums {
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly measured: readonly Measured[];
}

/** How the ranks of a run add up a step. */
export class Exchange {
  readonly #ranks: Collective;
  #buffer = new Float32Array(0);

  constructor(ranks: Collective = alone) {
    this.#ranks = ranks;
  }

  /**
   * The sums over all ranks, of which this one had the micro-batches from `first` on, `own`. Ranks add gradients in the same order each time, so that a run repeats bit for bit.
   */
  async sum(
    own: StepSums,
    { first, microBatches }: { readonly first: number; readonly microBatches: number },
  ): Promise<StepSums> {
    if (this.#ranks.size === 1) return own;
    const names = [...(own.measured[0]?.keys() ?? [])];
    const gradientSizes = [...own.gradients.values()].map(({ length }) => length);
    const size = gradientSizes.reduce((sum, length) => sum + length, 0);
    const buffer = this.#bufferOf(size);
    const gradients = new Map<string, Float32Array>();
    let at = 0;
    for (const [name, gradient] of own.gradients) {
      buffer.set(gradient, at);
      gradients.set(name, buffer.subarray(at, at + gradient.length));
      at += gradient.length;
    }
    await this.#ranks.sum(buffer);
    const table = new Float64Array(microBatches * names.length);
    for (const [micro, numbers] of own.measured.entries())
      for (const [column, name] of names.entries())
        table[(first + micro) * names.length + column] = numbers.get(name) as number;
    await this.#ranks.sum(table);
    const measured = Array.from({ length: microBatches }, (_, micro) => {
      const row = table.subarray(micro * names.length, (micro + 1) * names.length);
      return new Map(names.map((name, column) => [name, row[column] as number]));
    });
    return { gradients, measured };
  }

  #bufferOf(length: number): Float32Array {
    if (this.#buffer.length !== length) this.#buffer = new Float32Array(length);
    return this.#buffer;
  }
}
