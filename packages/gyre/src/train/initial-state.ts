import { initialWeights } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { startFrom, type TrainState } from "../optim/state.ts";

/** A state with fresh weights, N(0, `std`) where 0.02 is usual, and zero moments. */
export const initialState = (spec: Spec, seed: number, std?: number): TrainState =>
  startFrom(initialWeights(spec, seed, std));
