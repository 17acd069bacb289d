import { sizeOf, stridesOf } from "../util/tensor.ts";

/** The storage offset of every element of a strided view, in row-major order of `shape`. */
export function offsets(shape: readonly number[], strides: readonly number[], start = 0): Int32Array {
  const all = new Int32Array(sizeOf(shape));
  let filled = 1;
  all[0] = start;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const stride = strides[axis] as number;
    for (let index = 1; index < (shape[axis] as number); index++) {
      for (let inner = 0; inner < filled; inner++)
        all[index * filled + inner] = (all[inner] as number) + index * stride;
    }
    filled *= shape[axis] as number;
  }
  return all;
}

/** Strides that read an operand of shape `from` as if it had the broadcast shape `to`. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from);
  const extra = to.length - from.length;
  return to.map((_, axis) => (axis < extra || from[axis - extra] === 1 ? 0 : (own[axis - extra] as number)));
}
