import { type Rng, rng } from "../../packages/gyre/src/util/rng.ts";

/** What a part is given. */
export interface FaultContext {
  readonly seed: number;
  /** Share of the attacks to make, 1 for all. */
  readonly share: number;
  /** An empty folder of its own. */
  readonly folder: string;
  readonly note: (text: string) => void;
}

export interface Outcome {
  readonly attacks: number;
  /** One line for each attack that did not hold. */
  readonly broken: readonly string[];
  /** What was measured, in a few words. */
  readonly measured: string;
}

/** One kind of attack, which anyone can make again by its name and a seed. */
export interface FaultPart {
  readonly name: string;
  readonly summary: string;
  run(context: FaultContext): Promise<Outcome>;
}

/** So many attacks of a whole part, at least one. */
export const sharedOut = (attacks: number, { share }: FaultContext): number =>
  Math.max(1, Math.round(attacks * share));

/** Random numbers of one attack: the same for a seed, whatever else was run. */
export const randomOf = ({ seed }: FaultContext, ...stream: readonly (number | string)[]): Rng =>
  rng(seed, "faults", ...stream);

/** One of some. */
export const pick = <Item>(items: readonly Item[], random: Rng): Item =>
  items[random.below(items.length)] as Item;
