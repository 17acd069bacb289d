import { mul, reshape, transpose } from "../ops.ts";
import { type Graph, isOp, type OpName, type Value } from "../types.ts";
import { rebuild } from "./rebuild.ts";

const scalarFunctions: Partial<Record<OpName, (a: number, b: number) => number>> = {
  neg: (a) => -a,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (a) => 1 / a,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** Folds scalar constants and removes movement that undoes itself; the graph computes the same values. */
export function simplify(graph: Graph): Graph {
  return rebuild(graph, (value, inputs, builder) => {
    const [a, b] = inputs;
    const scalars = inputs.map(scalarValue);
    const fold = scalarFunctions[value.op];
    if (fold && value.shape.length === 0 && scalars.every((scalar) => scalar !== undefined)) {
      return builder.scalar(fold(scalars[0] as number, scalars[1] as number));
    }
    if (value.op === "stopGradient") return a;
    if (a && b && value.op === "mul") return simplifyMul(a, b);
    if (a && b && value.op === "add" && scalars[1] === 0) return a.shape.length > 0 ? a : undefined;
    if (a && value.op === "reshape" && a.op === "reshape") return reshape(a.inputs[0] as Value, value.shape);
    if (a && isOp(value, "transpose") && isOp(a, "transpose")) {
      const { perm } = a.attrs;
      return transpose(
        a.inputs[0] as Value,
        value.attrs.perm.map((axis) => perm[axis] as number),
      );
    }
    return undefined;
  });
}

/** Scalars gather on one side: (x c) d = x (c d). */
function simplifyMul(a: Value, b: Value): Value | undefined {
  const left = scalarValue(a);
  const right = scalarValue(b);
  if (left !== undefined && right === undefined) return simplifyMul(b, a) ?? mul(b, a);
  if (right === undefined) return undefined;
  if (right === 1) return a;
  const [inner, factor] = a.op === "mul" ? a.inputs : [];
  const known = factor && scalarValue(factor);
  return inner && known !== undefined ? mul(inner, known * right) : undefined;
}

function scalarValue(value: Value): number | undefined {
  return isOp(value, "constant") && value.shape.length === 0 ? value.attrs.data[0] : undefined;
}
