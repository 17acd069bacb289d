/** A dense row-major tensor on the host. `float` values may be 32-bit (runtimes) or 64-bit (the interpreter). */
export interface Tensor<Data extends TensorData = TensorData> {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** The values of a float tensor. */
export type FloatData = Float32Array | Float64Array;
/** The element type of every float of a program. */
export type Precision = "float32" | "float64";

/** Zeros of a precision. */
export const zeros = (precision: Precision, size: number): FloatData =>
  precision === "float32" ? new Float32Array(size) : new Float64Array(size);

/** The values of a tensor. */
export type TensorData = FloatData | Int32Array | Uint8Array;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] as number) * (shape[axis + 1] as number);
  }
  return strides;
}

/** The float32 tensors of a model, by parameter name. */
export type Weights = ReadonlyMap<string, Tensor<Float32Array>>;
