import { firstName } from "../models/first-names.ts";
import type { Family } from "./family.ts";

/**
 * The in-context models as the Looped Transformer's code stores them (Yang et al., arXiv 2311.12424; models.py,
 * nano_gpt.py): a state dict without a config. AlgoFormer's preludes and codas are named in its manner.
 */
export const loopedIcl: Family = {
  name: "looped-icl",
  presets: ["transformer", "tiedTransformer", "loopedTransformer", "algoformer"],
  tensorName: firstName,
};
