import type { Spec } from "../models/spec.ts";

/** A group of models as the code that they came with stores them. */
export interface Family {
  readonly name: string;
  /** Our presets that this code has. */
  readonly presets: readonly Spec["family"][];
  /** What a parameter is called in its files. */
  readonly tensorName: (spec: Spec, name: string) => string;
}
