import { mean } from "../../util/statistics.ts";
import { badBaseline } from "../errors.ts";
import { type Baseline, baseline, type Examples } from "./baseline.ts";

/** The mean label of the `count` nearest examples. Throws LAB_BASELINE. */
export function nearestNeighbours({ count = 3 }: { count?: number } = {}): Baseline {
  if (!Number.isInteger(count) || count < 1)
    throw badBaseline("count", count, "a whole number of at least 1");
  return baseline("nearest-neighbours", `mean of the ${count} nearest examples`, ({ xs, ys, outputs }, x) => {
    const nearest = xs
      .map((other, at) => ({
        at,
        distance: other.reduce((sum, value, i) => sum + (value - (x[i] as number)) ** 2, 0),
      }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count);
    return Array.from(
      { length: outputs },
      (_, output) => nearest.reduce((sum, { at }) => sum + (ys[at]?.[output] ?? 0), 0) / nearest.length,
    );
  });
}

/** The last label of a series again: the last part of its window. */
export const repeatLast: Baseline = baseline("repeat-last", "the last vector again", ({ outputs }, x) =>
  x.slice(x.length - outputs),
);

type Tree =
  | { readonly value: number }
  | { readonly at: number; readonly split: number; readonly less: Tree; readonly more: Tree };

/** A regression tree (CART): the split of least squared error, halfway between neighbours, down to `depth`. */
function growTree(xs: readonly Float64Array[], y: readonly number[], depth: number): Tree {
  const value = mean(y);
  const best = depth > 0 ? bestSplit(xs, y) : undefined;
  if (!best) return { value };
  const grow = (isLess: boolean): Tree => {
    const rows = y.flatMap((_, row) => ((xs[row]?.[best.at] ?? 0) < best.split === isLess ? [row] : []));
    return growTree(
      rows.map((row) => xs[row] as Float64Array),
      rows.map((row) => y[row] as number),
      depth - 1,
    );
  };
  return { ...best, less: grow(true), more: grow(false) };
}

/** The split that lowers the squared error most; undefined where none does. */
function bestSplit(
  xs: readonly Float64Array[],
  y: readonly number[],
): { at: number; split: number } | undefined {
  const total = y.reduce((sum, one) => sum + one, 0);
  let best: { at: number; split: number } | undefined;
  let most = (total * total) / y.length + 1e-12;
  for (let at = 0; at < (xs[0]?.length ?? 0); at++) {
    const order = y
      .map((_, row) => ({ x: xs[row]?.[at] ?? 0, y: y[row] as number }))
      .sort((a, b) => a.x - b.x);
    let left = 0;
    for (let count = 1; count < order.length; count++) {
      const [before, here] = [order[count - 1], order[count]] as [
        { x: number; y: number },
        { x: number; y: number },
      ];
      left += before.y;
      if (before.x === here.x) continue;
      const gain = (left * left) / count + (total - left) ** 2 / (order.length - count);
      if (gain <= most) continue;
      most = gain;
      best = { at, split: (before.x + here.x) / 2 };
    }
  }
  return best;
}

function predictTree(tree: Tree, x: Float64Array): number {
  if ("value" in tree) return tree.value;
  return predictTree((x[tree.at] as number) < tree.split ? tree.less : tree.more, x);
}

const eachOutput = ({ ys, outputs }: Examples, predict: (y: readonly number[]) => number) =>
  Array.from({ length: outputs }, (_, output) => predict(ys.map((y) => y[output] as number)));

/** One greedy regression tree. Throws LAB_BASELINE. */
export function greedyTree({ depth = 2 }: { depth?: number } = {}): Baseline {
  if (!Number.isInteger(depth) || depth < 1)
    throw badBaseline("depth", depth, "a whole number of at least 1");
  return baseline("decision-tree", `a greedy regression tree of depth ${depth}`, (examples, x) =>
    eachOutput(examples, (y) => predictTree(growTree(examples.xs, y, depth), x)),
  );
}

/** Gradient boosting with squared error: `trees` trees, each fitted to what is left and added at `rate`. Throws LAB_BASELINE. */
export function gradientBoosting({ trees = 50, depth = 4, rate = 0.1 } = {}): Baseline {
  if (!Number.isInteger(trees) || trees < 1)
    throw badBaseline("trees", trees, "a whole number of at least 1");
  if (!(rate > 0 && rate <= 1)) throw badBaseline("rate", rate, "a number above 0 and at most 1");
  return baseline(
    "gradient-boosting",
    `${trees} boosted trees of depth ${depth}, rate ${rate}`,
    (examples, x) =>
      eachOutput(examples, (y) => {
        let left = [...y];
        let prediction = 0;
        for (let round = 0; round < trees; round++) {
          const tree = growTree(examples.xs, left, depth);
          left = left.map((value, row) => value - rate * predictTree(tree, examples.xs[row] as Float64Array));
          prediction += rate * predictTree(tree, x);
        }
        return prediction;
      }),
  );
}
