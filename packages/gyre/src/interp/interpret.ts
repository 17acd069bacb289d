import { expand } from "../graph/passes/expand.ts";
import { type Graph, isOp, type OpAttrs, type OpName, type Value } from "../graph/types.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import { inputSize, inputUnknown } from "./errors.ts";
import { kernels, type PlainOp } from "./kernels.ts";

type AnyKernel = (
  inputs: readonly Tensor[],
  attrs: OpAttrs[OpName],
  shape: readonly number[],
) => Tensor["data"];

/**
 * Runs a graph in float64, one value after another: the meaning of every operation, against which runtimes
 * and gradients are tested. Throws INTERPRET_INPUT, INTERPRET_SHAPE or INTERPRET_INDEX.
 */
export function interpret(graph: Graph, inputs: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const plain = expand(graph);
  const known = new Map<Value, Tensor>();
  for (const value of plain.values)
    known.set(value, { data: compute(value, known, inputs), shape: value.shape });
  return new Map([...plain.outputs].map(([name, value]) => [name, known.get(value) as Tensor]));
}

function compute(
  value: Value,
  known: ReadonlyMap<Value, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
): Tensor["data"] {
  if (isOp(value, "constant")) return value.attrs.data;
  if (isOp(value, "input")) {
    const { name } = value.attrs;
    const tensor = inputs.get(name);
    if (!tensor) throw inputUnknown(name, [...inputs.keys()]);
    if (tensor.data.length !== sizeOf(value.shape)) throw inputSize(name, tensor.shape, value.shape);
    return tensor.data;
  }
  const kernel = kernels[value.op as PlainOp] as AnyKernel;
  return kernel(
    value.inputs.map((input) => known.get(input) as Tensor),
    value.attrs,
    value.shape,
  );
}
