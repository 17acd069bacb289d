import { sizeOf } from "../../util/tensor.ts";
import { reshape, transpose } from "../ops.ts";
import { type Graph, isOp, type Value } from "../types.ts";
import { rebuild } from "./rebuild.ts";

/** Elements below which a transpose is not worth two. */
const SMALL = 2 ** 12;

/**
 * Transposes of many small matrices become one of a single matrix and one that moves whole rows. onnxruntime shares
 * each small matrix among its threads, which costs more than to transpose it.
 */
export function transposesInSteps(graph: Graph): Graph {
  return rebuild(graph, (value, inputs) =>
    isOp(value, "transpose") ? inSteps(value, inputs[0] as Value) : undefined,
  );
}

function inSteps({ shape, attrs: { perm } }: Value<"transpose">, x: Value): Value | undefined {
  const last = perm.at(-1) as number;
  if (last === perm.length - 1 || sizeOf(shape) < SMALL) return undefined;
  const axes = perm.toSorted((a, b) => a - b);
  const moved = [...axes.slice(last + 1), ...axes.slice(0, last + 1)];
  if (moved.join() === perm.join()) return undefined;
  const size = (part: readonly number[]) =>
    part.reduce((product, axis) => product * (x.shape[axis] as number), 1);
  const rows = size(axes.slice(0, last + 1));
  const columns = size(axes.slice(last + 1));
  const one = transpose(reshape(x, [rows, columns]), [1, 0]);
  const apart = reshape(
    one,
    moved.map((axis) => x.shape[axis] as number),
  );
  return transpose(
    apart,
    perm.map((axis) => moved.indexOf(axis)),
  );
}
