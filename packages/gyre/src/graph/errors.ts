import { GyreError } from "../util/errors.ts";
import type { Shape } from "./types.ts";

const show = (shape: Shape) => `[${shape.join(", ")}]`;

export function shapeMismatch(op: string, shapes: readonly Shape[], expected: string): GyreError {
  return new GyreError("GRAPH_SHAPE", {
    given: `${op}: operands ${shapes.map(show).join(" and ")}`,
    expected,
    fix: "reshape, transpose or slice one of the operands before this operation",
  });
}

export function badAttribute(op: string, shape: Shape, given: string, expected: string): GyreError {
  return new GyreError("GRAPH_ATTRIBUTE", {
    given: `${op} of ${show(shape)}: ${given}`,
    expected,
    fix: "correct the argument of this operation",
  });
}

export function badDType(op: string, position: number, given: string, expected: string): GyreError {
  return new GyreError("GRAPH_DTYPE", {
    given: `${op}: operand ${position} is ${given}`,
    expected,
    fix: "pass a value of the expected element type",
  });
}

export function mixedBuilders(op: string): GyreError {
  return new GyreError("GRAPH_BUILDERS", {
    given: `${op}: operands that belong to two graphs`,
    expected: "operands built by one GraphBuilder",
    fix: "build the whole expression with the same GraphBuilder",
  });
}

export function duplicateInput(name: string): GyreError {
  return new GyreError("GRAPH_INPUT", {
    given: `two inputs named ${JSON.stringify(name)} of different types`,
    expected: "one type for each input name",
    fix: "rename one of the inputs",
  });
}
