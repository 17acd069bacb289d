import { add, mul, pad, reshape, transpose } from "../ops.ts";
import { type Graph, isOp, type OpName, type Value } from "../types.ts";
import { rebuild, useCounts } from "./rebuild.ts";

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
  const uses = useCounts(graph);
  return rebuild(graph, (value, inputs, builder) => {
    const [a, b] = inputs;
    const scalars = inputs.map(scalarValue);
    const fold = scalarFunctions[value.op];
    if (fold && value.shape.length === 0 && scalars.every((scalar) => scalar !== undefined)) {
      return builder.scalar(fold(scalars[0] as number, scalars[1] as number));
    }
    if (value.op === "stopGradient") return a;
    if (a && b && value.op === "mul") {
      const once = value.inputs.map((input) => uses.get(input) === 1);
      return simplifyMul(a, b, once);
    }
    if (a && b && value.op === "add" && scalars[1] === 0) return a.shape.length > 0 ? a : undefined;
    if (a && b && isBroadcasting(value)) {
      const [left, right] = [unspread(a, b), unspread(b, a)];
      if (left !== a || right !== b) return builder.emit(value.op as "add", [left, right], {});
    }
    if (a && value.op === "reshape" && a.op === "reshape") return reshape(a.inputs[0] as Value, value.shape);
    if (a && isOp(value, "transpose") && keepsOrder(value)) return reshape(a, value.shape);
    if (a && isOp(value, "transpose") && isOp(a, "transpose")) {
      const { perm } = a.attrs;
      return transpose(
        a.inputs[0] as Value,
        value.attrs.perm.map((axis) => perm[axis] as number),
      );
    }
    return transposeLater(value, inputs);
  });
}

const isBroadcasting = ({ op }: Value) => op === "add" || op === "sub" || op === "mul" || op === "div";

/** What `value` was spread from, if it was spread to the shape of `other`, which spreads it just as well. */
function unspread(value: Value, other: Value): Value {
  const isSpread = isOp(value, "broadcastTo") && value.shape.join() === other.shape.join();
  return isSpread && !isOp(other, "broadcastTo") ? (value.inputs[0] as Value) : value;
}

/** Whether a transpose moves only axes of size 1, and so no element. */
function keepsOrder({ attrs, inputs }: Value<"transpose">): boolean {
  const moved = attrs.perm.filter((axis) => inputs[0]?.shape[axis] !== 1);
  return moved.every((axis, index) => index === 0 || axis > (moved[index - 1] as number));
}

/** Transposes move out of sums and paddings, towards others that they can merge with. */
function transposeLater(value: Value, inputs: readonly Value[]): Value | undefined {
  const [a, b] = inputs;
  if (!a || !isOp(a, "transpose")) return undefined;
  const { perm } = a.attrs;
  const source = a.inputs[0] as Value;
  if (isOp(value, "pad")) {
    const { axis, before, after } = value.attrs;
    return transpose(pad(source, perm[axis] as number, before, after), perm);
  }
  const alike = value.op === "add" && b && isOp(b, "transpose") && b.attrs.perm.join() === perm.join();
  return alike ? transpose(add(source, b.inputs[0] as Value), perm) : undefined;
}

/** Scalars gather on the right and outside: (c x) d = x (c d), and x (y c) = (x y) c where y c is read once. */
function simplifyMul(a: Value, b: Value, once: readonly (boolean | undefined)[]): Value | undefined {
  const left = scalarValue(a);
  const right = scalarValue(b);
  if (left !== undefined && right === undefined) return simplifyMul(b, a, []) ?? mul(b, a);
  if (right === 1) return a;
  if (right !== undefined) {
    const inner = scaled(a);
    return inner && mul(inner.x, inner.factor * right);
  }
  const [innerLeft, innerRight] = [once[0] && scaled(a), once[1] && scaled(b)];
  if (!innerLeft && !innerRight) return undefined;
  const product = mul(innerLeft ? innerLeft.x : a, innerRight ? innerRight.x : b);
  return mul(product, (innerLeft ? innerLeft.factor : 1) * (innerRight ? innerRight.factor : 1));
}

/** x and c where `value` is x times a scalar constant c. */
export function scaled(value: Value): { readonly x: Value; readonly factor: number } | undefined {
  if (value.op !== "mul") return undefined;
  const [x, c] = value.inputs as [Value, Value];
  const factor = scalarValue(c);
  return factor === undefined || x.shape.length === 0 ? undefined : { x, factor };
}

function scalarValue(value: Value): number | undefined {
  return isOp(value, "constant") && value.shape.length === 0 ? value.attrs.data[0] : undefined;
}
