import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { add, meanAll, mul, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { parameterInputs } from "../../models/assembly.ts";
import { parameters } from "../../models/parameters.ts";
import { type PromptShape, predictionShape, predictions } from "../../models/predictions.ts";
import type { Spec } from "../../models/spec.ts";
import { badBackprop, badWindow } from "../errors.ts";

// Shapes: B prompts, T tokens, R readings, k outputs.

/** How a training step on prompts is built. */
export interface PromptStepOptions {
  /** The loss is the mean over the last so many loops. */
  readonly window: number;
  /** Gradients flow through the last so many loops, no fewer than the window, which is the default. */
  readonly backprop?: number;
  /** Rebuild the core's activations in the backward pass, block by block of each loop. */
  readonly recompute?: boolean;
  /** Also return the gradients, as `grad/NAME`; true by default. */
  readonly backward?: boolean;
  /** Also return the predictions [B, R, k] after each loop of the window, as `prediction/LOOP`. */
  readonly inspect?: boolean;
}

/**
 * The graph of one training step on prompts: inputs `prompts` [B, T, width], `targets` [B, R, k] and every
 * parameter; outputs `loss` and `grad/NAME`. The loss is the squared error averaged over prompts, readings, outputs
 * and the last `window` of the loops; the state that enters the last `backprop` loops carries no gradient (Looped
 * Transformer, train.py). Throws LAB_MODEL, LAB_WINDOW, LAB_READING, CONTEXT.
 */
export function promptStepGraph(spec: Spec, shape: PromptShape, options: PromptStepOptions): Graph {
  const { loops } = shape;
  const { window, backprop = window, recompute = false, backward = true, inspect = false } = options;
  if (!(Number.isInteger(window) && window >= 1 && window <= loops)) throw badWindow(window, loops);
  if (!(Number.isInteger(backprop) && backprop >= window && backprop <= loops))
    throw badBackprop(backprop, window, loops);
  const builder = new GraphBuilder();
  const taps = Array.from({ length: window }, (_, index) => loops - window + 1 + index);
  const predicted = predictions(builder, spec, shape, taps, {
    recompute,
    ...(backprop < loops ? { detachedLoops: loops - backprop } : {}),
  });
  const targets = builder.input("targets", predictionShape(spec, shape));
  const outputs: Record<string, Value> = {};
  const errors = taps.map((loop) => {
    const prediction = predicted.get(loop) as Value;
    if (inspect) outputs[`prediction/${loop}`] = prediction;
    const gap = sub(prediction, targets);
    return meanAll(mul(gap, gap));
  });
  const loss = mul(
    errors.reduce((sum, part) => add(sum, part)),
    1 / window,
  );
  outputs["loss"] = loss;
  if (backward) {
    const params = parameterInputs(builder, spec);
    const names = [...parameters(spec).keys()];
    const grads = gradients(
      loss,
      names.map((name) => params(name)),
    );
    for (const [index, name] of names.entries()) outputs[`grad/${name}`] = grads[index] as Value;
  }
  return builder.graph(outputs);
}
