import { permutation, rng } from "../../util/rng.ts";
import { mean } from "../../util/statistics.ts";
import type { VectorTask } from "../task.ts";
import { assemble, checkDraw, interleaved } from "./draw.ts";
import { irisTable } from "./iris-table.ts";

/** Rows that only streams whose name starts with this word see. */
const heldOut = "evaluation";

/**
 * Fisher's table: each prompt takes two of the three species, calls one of them 1 and the other -1, and shows flowers by
 * their four standardised measurements in a random order and with random signs. Streams that start with
 * "evaluation" draw from every fifth row, all others from the rest.
 */
export function irisTask(): VectorTask {
  const names = Object.keys(irisTable) as (keyof typeof irisTable)[];
  const flowers = names.flatMap((name) =>
    irisTable[name]
      .flatMap((line) => line.split(", "))
      .map((flower) => ({ name, row: flower.split(" ").map((millimetres) => Number(millimetres) / 10) })),
  );
  const rows = flowers.map(({ row }) => row);
  const species = flowers.map(({ name }) => name);
  const dims = 4;
  const columns = Array.from({ length: dims }, (_, at) => standardised(rows.map((row) => row[at] as number)));
  return {
    kind: "vectors",
    name: "iris",
    summary: "which of two species of iris a flower is, from four measurements (a real table)",
    dims,
    outputs: 1,
    tokenWidth: dims,
    points: 13,
    scale: 1,
    baselines: ["least-squares", "ridge", "nearest-neighbours", "decision-tree"],
    draw(options) {
      checkDraw({ ...options, noise: 0 }, dims);
      const { seed, stream, batch, points, dims: inUse, noise = 0 } = options;
      const random = rng(seed, "iris", stream);
      const rowsOf = (name: string) =>
        species.flatMap((one, at) =>
          one === name && (at % 5 === 0) === stream.startsWith(heldOut) ? [at] : [],
        );
      const prompts = Array.from({ length: batch }, () => {
        const chosen = [...permutation(names.length, random)]
          .slice(0, 2)
          .map((at) => rowsOf(names[at] as string));
        const order = permutation(dims, random);
        const signs = Array.from({ length: dims }, () => (random.below(2) === 0 ? -1 : 1));
        const pairs = Array.from({ length: points }, () => {
          const side = random.below(2);
          const pool = chosen[side] as number[];
          const row = pool[random.below(pool.length)] as number;
          const x = Float64Array.from({ length: dims }, (_, at) => {
            const value = columns[order[at] as number]?.[row] ?? 0;
            return at < inUse ? value * (signs[at] as number) : 0;
          });
          return { x, y: Float64Array.of(2 * side - 1 + noise * random.normal()) };
        });
        return interleaved(pairs);
      });
      return assemble(prompts, dims);
    },
  };
}

function standardised(values: readonly number[]): number[] {
  const centre = mean(values);
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length);
  return values.map((value) => (value - centre) / spread);
}
