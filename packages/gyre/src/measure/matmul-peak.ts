import { GraphBuilder } from "../graph/builder.ts";
import { matmul } from "../graph/ops.ts";
import type { Value } from "../graph/types.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Tensor } from "../util/tensor.ts";

/** How large the matrices are, and how long they are multiplied. */
export interface MatmulPeakOptions {
  /** Rows and columns; 512 by default. */
  readonly size?: number;
  /** Runs begin for as long; half a second by default, two runs at least. */
  readonly ms?: number;
}

/** Products in a row: what enters and leaves the runtime counts little beside them. */
const PRODUCTS = 4;

/**
 * The FLOPs per second that a runtime reaches in products of square float matrices, the best of several runs: what training on it could reach
 * at most. Less than the machine's own peak where others are at work on it.
 *
 * @example
 * console.log(`${(await matmulPeak(runtime)) / 1e9} GFLOP/s`);
 */
export async function matmulPeak(
  runtime: Runtime,
  { size = 512, ms = 500 }: MatmulPeakOptions = {},
): Promise<number> {
  const builder = new GraphBuilder();
  const [first, other] = [builder.input("first", [size, size]), builder.input("other", [size, size])];
  let product: Value = first;
  for (let index = 0; index < PRODUCTS; index++) product = matmul(product, other);
  await using program = await runtime.compile(builder.graph({ product }), { buffers: 1 });
  const filled = (value: number): Tensor => ({
    data: new Float32Array(size * size).fill(value),
    shape: [size, size],
  });
  const inputs = new Map([
    ["first", filled(1)],
    ["other", filled(1 / size)],
  ]);
  let best = Number.POSITIVE_INFINITY;
  const begun = performance.now();
  for (let run = 0; run < 2 || performance.now() - begun < ms; run++) {
    const started = performance.now();
    await program.run(inputs);
    best = Math.min(best, performance.now() - started);
  }
  return (1e3 * PRODUCTS * 2 * size ** 3) / best;
}
