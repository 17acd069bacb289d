/** A dense row-major tensor on the host. `float` values may be 32-bit (runtimes) or 64-bit (the interpreter). */
export interface Tensor<Data extends TensorData = TensorData> {
  readonly data: Data;
  readonly shape: readonly number[];
}

export type FloatData = Float32Array | Float64Array;
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
