import { parameters } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import type { Family } from "./family.ts";
import { loopedIcl } from "./looped-icl.ts";
import { loopformer } from "./loopformer.ts";

/** Every group of models whose files gyre knows. */
const families: readonly Family[] = [loopformer, loopedIcl];

/** What the parameters of a model are called in the files of its own code, by our names and in our order. */
export function officialNames(spec: Spec): ReadonlyMap<string, string> {
  const family = families.find(({ presets }) => presets.includes(spec.family)) as Family;
  return new Map([...parameters(spec).keys()].map((name) => [name, family.tensorName(spec, name)]));
}

/** The shapes of a model's tensors by official names. */
export function officialShapes(spec: Spec): Map<string, readonly number[]> {
  const names = officialNames(spec);
  return new Map([...parameters(spec)].map(([name, { shape }]) => [names.get(name) ?? name, shape]));
}

/** The same tensors by official names; those of other names keep theirs. */
export function toOfficialNames<Entry>(spec: Spec, tensors: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return renamed(tensors, officialNames(spec));
}

/**
 * The same tensors by our names, whether they had those or the official ones, as in runs of the first format; those
 * of other names keep theirs.
 */
export function toOwnNames<Entry>(spec: Spec, tensors: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return renamed(tensors, new Map([...officialNames(spec)].map(([own, official]) => [official, own])));
}

const renamed = <Entry>(tensors: ReadonlyMap<string, Entry>, names: ReadonlyMap<string, string>) =>
  new Map([...tensors].map(([name, entry]) => [names.get(name) ?? name, entry]));
