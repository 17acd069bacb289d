import { initialWeights } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { startFrom, type TrainState } from "../optim/state.ts";

/** A state with fresh weights and zero moments. */
export const initialState = (spec: Spec, seed: number): TrainState => startFrom(initialWeights(spec, seed));
