import { add, after, broadcastTo } from "../graph/ops.ts";
import type { OpName, Value } from "../graph/types.ts";
import { lossNotScalar } from "./errors.ts";
import { rules, type VjpRule } from "./rules.ts";

/**
 * Reverse-mode differentiation as a graph transformation: extends the graph of `loss` (a scalar) by the
 * gradients of `loss` with respect to each value of `wrt`, in the same order. Values built inside
 * `builder.recomputed` are rebuilt here rather than kept from the forward pass. `start` holds gradients of
 * another loss, to which these are added. Throws GRAD_LOSS.
 */
export function gradients(loss: Value, wrt: readonly Value[], start: readonly Value[] = []): Value[] {
  if (loss.shape.length > 0) throw lossNotScalar(loss.shape);
  const { builder } = loss;
  const forward = builder.values.slice(0, loss.id + 1);
  const reached = dependents(forward, wrt);
  const cotangents = new Map<Value, Value>([[loss, builder.scalar(1)]]);
  for (const [index, sum] of start.entries()) cotangents.set(wrt[index] as Value, sum);
  const rebuilt = new Map<Value, Value>();
  const current = (value: Value) => rebuilt.get(value) ?? value;

  for (const value of forward.reverse()) {
    const dy = cotangents.get(value);
    if (!dy || !reached.has(value) || value.inputs.length === 0) continue;
    if (value.segment !== undefined && !rebuilt.has(value)) {
      recompute(value.segment, forward, dy, rebuilt);
    }
    const node = { inputs: value.inputs.map(current), attrs: value.attrs, out: current(value) };
    const parts = (rules[value.op] as VjpRule<OpName>)(dy, node as never);
    for (const [index, input] of value.inputs.entries()) {
      const part = parts[index];
      if (!part || !reached.has(input)) continue;
      const sum = cotangents.get(input);
      cotangents.set(input, sum ? add(sum, part) : part);
    }
  }
  return wrt.map((value) => cotangents.get(value) ?? broadcastTo(builder.scalar(0), value.shape));
}

/** The values that depend on one of `wrt` by a differentiable path. */
function dependents(forward: readonly Value[], wrt: readonly Value[]): ReadonlySet<Value> {
  const reached = new Set(wrt);
  for (const value of forward) {
    if (value.op !== "stopGradient" && value.inputs.some((input) => reached.has(input))) reached.add(value);
  }
  return reached;
}

/** Builds the values of a segment again, from its inputs, once the cotangent `dy` of its result is known. */
function recompute(segment: number, reversed: readonly Value[], dy: Value, rebuilt: Map<Value, Value>): void {
  const { builder } = dy;
  const barriers = new Map<Value, Value>();
  const take = (value: Value): Value => {
    const again = rebuilt.get(value);
    if (again || value.inputs.length === 0) return again ?? value;
    const barrier = barriers.get(value) ?? after(value, dy);
    barriers.set(value, barrier);
    return barrier;
  };
  for (const value of reversed.filter((candidate) => candidate.segment === segment).reverse()) {
    if (value.inputs.length === 0) continue;
    rebuilt.set(value, builder.emit(value.op as "add", value.inputs.map(take), value.attrs as never));
  }
}
