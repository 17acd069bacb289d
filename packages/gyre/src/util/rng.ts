/**
 * Counter-based random numbers: every draw is a pure function of (seed, stream, index), so that a resumed
 * run needs no saved generator state. The mixer is the 32-bit finaliser of MurmurHash3 (public domain).
 */
export interface Rng {
  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
}

/** A generator for the stream named by `seed` and any further whole numbers or words. */
export function rng(seed: number, ...stream: readonly (number | string)[]): Rng {
  let key = mix(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0);
  for (const part of stream) {
    if (typeof part === "number") key = mix(mix(key, part >>> 0), Math.floor(part / 2 ** 32) >>> 0);
    else for (const char of part) key = mix(key, char.codePointAt(0) ?? 0);
  }
  let counter = 0;
  let spare: number | undefined;
  const word = () => mix(mix(key, ++counter), 0x9e3779b9 ^ counter);
  const uniform = () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
  return {
    uniform,
    below: (bound) => Math.floor(uniform() * bound),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** The numbers 0 .. length-1 in an order fixed by the generator (Fisher-Yates). */
export function permutation(length: number, random: Rng): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const kept = order[last] as number;
    order[last] = order[other] as number;
    order[other] = kept;
  }
  return order;
}

function mix(state: number, value: number): number {
  let h = Math.imul(state ^ Math.imul(value ^ (value >>> 16), 0x85ebca6b), 0xc2b2ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
