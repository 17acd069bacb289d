import { type StoredTensor, toFloat32 } from "../packages/gyre/src/checkpoint/safetensors.ts";
import type { Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { GyreError } from "../packages/gyre/src/util/errors.ts";

/** One thing that a case file holds, and how far a runtime is from it. */
export interface Quantity {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

const float32Tolerances = { state: 5e-5, loss: 5e-6, grad: 5e-5, stepped: 1e-4 };
const float64Tolerances = { state: 1e-5, loss: 5e-6, grad: 1e-5, stepped: 1e-4 };
export type Tolerances = typeof float32Tolerances;

/** What a runtime must meet: float32 ones the file's stated tolerances, a float64 reference tighter ones. */
export const tolerancesOf = (runtime: Runtime): Tolerances =>
  runtime.name.includes("float64") ? float64Tolerances : float32Tolerances;

/** The tensors of a case file and its metadata, parsed. */
export interface CaseFile {
  readonly source: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

export function badCase(given: string, expected: string): GyreError {
  return new GyreError("CASE", {
    given,
    expected,
    fix: "pass a case file as golden/oracle/README.md describes it",
  });
}

/** The tensors below a prefix, without it. */
export function section(
  tensors: ReadonlyMap<string, StoredTensor>,
  prefix: string,
): Map<string, StoredTensor> {
  return new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

export const expectFloats = ({ tensors }: CaseFile, name: string): Float32Array | undefined => {
  const stored = tensors.get(name);
  return stored && toFloat32(stored, name);
};

/** The largest difference, over `scale`, of what was computed from what was expected. */
export function compare(
  name: string,
  given: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  scale = 1,
): Quantity {
  let error = given.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  for (let index = 0; index < expected.length; index++) {
    const gap = Math.abs((given[index] as number) - (expected[index] as number)) / scale;
    if (!(gap <= error)) error = gap;
  }
  return { name, error, tolerance, ok: error <= tolerance };
}

export const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);

/** What a case with prompts calls an output of the step's graph; `names` are those of its parameters, by ours. */
export const storedName = (output: string, names: ReadonlyMap<string, string>): string =>
  output.startsWith("grad/")
    ? `grad/${names.get(output.slice("grad/".length))}`
    : `out/${output.replace("prediction/", "pred_")}`;
