import { noSuchModel, unclearDepth } from "./errors.ts";
import type { ServedModel } from "./plan.ts";

/** A depth that a model's name asks for: one of the fields of a request. */
export type NamedDepth =
  | { readonly loops: number }
  | { readonly trajectory: number[] }
  | { readonly exit: string };

/** A model as a request names it. */
export interface NamedModel {
  readonly model: ServedModel;
  /** The whole name. */
  readonly name: string;
  readonly depth?: NamedDepth;
}

/**
 * The model of a name: its id, alone or with a depth behind it. `first@2` asks for loops, `first@0.5:0.25:0.25` for step
 * sizes, `first@kl<0.01` for an exit rule: so clients that send nothing but a model's name can turn the dial. Throws
 * MODEL_NOT_FOUND or INVALID_VALUE.
 */
export function modelNamed(models: readonly ServedModel[], name: string): NamedModel {
  const whole = models.find(({ id }) => id === name);
  if (whole) return { model: whole, name };
  const at = name.lastIndexOf("@");
  const model = at < 0 ? undefined : models.find(({ id }) => id === name.slice(0, at));
  if (model) return { model, name, depth: depthIn(name.slice(at + 1)) };
  throw noSuchModel(
    name,
    models.map(({ id }) => id),
  );
}

function depthIn(text: string): NamedDepth {
  if (/^\d+$/.test(text)) return { loops: Number(text) };
  if (/[<>]/.test(text)) return { exit: text };
  const steps = text.split(":").map((step) => (/^[\d.]+(e-\d+)?$/.test(step) ? Number(step) : Number.NaN));
  if (steps.some((step) => !(step > 0))) throw unclearDepth(text);
  return { trajectory: steps };
}

/** More can be asked for, but nobody reads a longer list. */
const MOST_LISTED = 64;

/** The names of a model that /v1/models lists: its id, and its id at each number of loops that may be asked for. */
export function listedNames({ id, spec }: ServedModel, maxLoops = spec.loops): string[] {
  const loops = Math.min(spec.loops, maxLoops, MOST_LISTED);
  return [id, ...(loops > 1 ? Array.from({ length: loops }, (_, index) => `${id}@${index + 1}`) : [])];
}
