/**
 * Element types of safetensors with their bits per element, in ascending rank: the reference library lays
 * tensors out from the last of these to the first.
 */
const dtypeBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type of safetensors, by the name it has in the file. */
export type DType = keyof typeof dtypeBits;

/** All element types, in ascending rank. */
export const dtypes = Object.keys(dtypeBits) as readonly DType[];

export function isDType(name: string): name is DType {
  return Object.hasOwn(dtypeBits, name);
}

/** Bytes of a tensor; undefined when they are not whole or too many to address. */
export function byteLength(dtype: DType, shape: readonly number[]): number | undefined {
  const bits = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, dtypeBits[dtype]);
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}

let floatOfHalf: Uint32Array | undefined;

/** The float32 values of IEEE half-precision bit patterns; exact, and NaN payloads are kept. */
export function halfToFloat32(halves: Uint16Array): Float32Array {
  floatOfHalf ??= Uint32Array.from({ length: 65_536 }, (_, half) => floatBitsOfHalf(half));
  const table = floatOfHalf;
  const bits = new Uint32Array(halves.length);
  for (let at = 0; at < bits.length; at++) bits[at] = table[halves[at] as number] as number;
  return new Float32Array(bits.buffer);
}

/**
 * The half-precision bit patterns nearest to float32 values: ties go to even, from 65520 on to infinity.
 * NaN stays NaN, with its sign and the upper bits of its payload.
 */
export function float32ToHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let at = 0; at < halves.length; at++) halves[at] = halfOfFloatBits(bits[at] as number);
  return halves;
}

/** The float32 values of bfloat16 bit patterns; exact, and NaN payloads are kept. */
export function bfloat16ToFloat32(brains: Uint16Array): Float32Array {
  const bits = new Uint32Array(brains.length);
  for (let at = 0; at < bits.length; at++) bits[at] = (brains[at] as number) << 16;
  return new Float32Array(bits.buffer);
}

/**
 * The bfloat16 bit patterns nearest to float32 values: ties go to even. NaN stays NaN, with its sign and the
 * upper bits of its payload.
 */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const brains = new Uint16Array(values.length);
  for (let at = 0; at < brains.length; at++) {
    const word = bits[at] as number;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    const nan = (word >>> 16) | ((word & 0x7f0000) === 0 ? 0x40 : 0);
    brains[at] = isNan ? nan : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return brains;
}

function floatBitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

function halfOfFloatBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7c00 | ((size >>> 13) & 0x3ff || 0x200);
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  if (size < 0x33000000) return sign;
  const shift = 126 - (size >>> 23);
  const fraction = (size & 0x7fffff) | 0x800000;
  const half = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}
