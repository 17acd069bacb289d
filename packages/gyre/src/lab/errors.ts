import { GyreError } from "../util/errors.ts";

export function badPreconditioner(length: number, dims: number): GyreError {
  return new GyreError("LAB_CONSTRUCT", {
    given: `a preconditioner of ${length} numbers for inputs of ${dims} coordinates`,
    expected: `${dims * dims} numbers, a [${dims}, ${dims}] matrix row by row, or one step size`,
    fix: "pass the matrix that multiplies the gradient",
  });
}

export function badLinearTraining(option: string, given: string, expected: string): GyreError {
  return new GyreError("LAB_LINEAR", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}`,
  });
}

export function badLabRecipe(from: string, problems: readonly string[]): GyreError {
  return new GyreError("LAB_RECIPE", {
    given: `${from} with problems:\n    ${problems.join("\n    ")}`,
    expected: "a recipe: name, summary, task, model and training",
    fix: "correct the fields named above",
  });
}
