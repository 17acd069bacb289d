import { numbers } from "./vocabulary.ts";

/** A finite group as its table. */
export interface Group {
  readonly name: string;
  /** A name for each element; the neutral one comes first. */
  readonly elements: readonly string[];
  /** a then b, at a * order + b; made when it is first asked for. */
  table(): Int32Array;
}

export const groupNames = ["S3", "A5", "S5", "Z60"] as const;
export type GroupName = (typeof groupNames)[number];

/** S3 and S5: all permutations; A5: the even ones of five; Z60: addition modulo 60. */
export function groupNamed(name: GroupName): Group {
  switch (name) {
    case "S3":
      return permutationGroup(name, permutationsOf(3));
    case "S5":
      return permutationGroup(name, permutationsOf(5));
    case "A5":
      return permutationGroup(name, permutationsOf(5).filter(isEven));
    case "Z60":
      return cyclicGroup(name, 60);
  }
}

/** Permutations p of 0 .. n-1, in the order of their images p(0), p(1), ...; the identity is the first. */
function permutationsOf(n: number): number[][] {
  if (n === 0) return [[]];
  const shorter = permutationsOf(n - 1);
  return Array.from({ length: n }, (_, first) =>
    shorter.map((rest) => [first, ...rest.map((image) => (image < first ? image : image + 1))]),
  ).flat();
}

function isEven(images: readonly number[]): boolean {
  const inversions = images.flatMap((a, at) => images.slice(at + 1).filter((b) => a > b));
  return inversions.length % 2 === 0;
}

/** Elements are named by their images, counted from 1: 213 swaps the first two. */
function permutationGroup(name: string, elements: readonly (readonly number[])[]): Group {
  const names = elements.map((images) => images.map((image) => image + 1).join(""));
  const places = new Map(names.map((one, place) => [one, place]));
  const products = () =>
    elements.flatMap((a) =>
      elements.map((b) => places.get(a.map((image) => (b[image] as number) + 1).join("")) as number),
    );
  return { name, elements: names, table: once(products) };
}

function cyclicGroup(name: string, order: number): Group {
  const values = numbers(order);
  const sums = () => values.flatMap((a) => values.map((b) => (a + b) % order));
  return { name, elements: values.map(String), table: once(sums) };
}

function once(make: () => readonly number[]): () => Int32Array {
  let table: Int32Array | undefined;
  return () => {
    table ??= Int32Array.from(make());
    return table;
  };
}
