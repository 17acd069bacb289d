import { GyreError } from "../util/errors.ts";

export function inputUnknown(name: string, given: readonly string[]): GyreError {
  return new GyreError("INTERPRET_INPUT", {
    given: `inputs ${given.join(", ") || "(none)"}`,
    expected: `a value for the graph's input "${name}"`,
    fix: `pass a tensor named "${name}"`,
  });
}

export function inputSize(name: string, given: readonly number[], expected: readonly number[]): GyreError {
  return new GyreError("INTERPRET_SHAPE", {
    given: `"${name}" of shape [${given.join(", ")}]`,
    expected: `shape [${expected.join(", ")}]`,
    fix: "pass a tensor with that many elements",
  });
}

export function indexOutOfRange(op: string, index: number, size: number): GyreError {
  return new GyreError("INTERPRET_INDEX", {
    given: `index ${index} in ${op}`,
    expected: `a whole number from 0 to ${size - 1}`,
    fix: "check the token ids against the model's vocabulary",
  });
}
