import { gradients } from "../../grad/gradients.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { add, gather, meanAll, mul, reshape, sub } from "../../graph/ops.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { forward, parameterInputs, readOut } from "../../models/assembly.ts";
import { parameters } from "../../models/parameters.ts";
import { hasVectors, type Spec } from "../../models/spec.ts";
import { badBackprop, badReading, badWindow, notPrompts } from "../errors.ts";

// Shapes: B prompts, T tokens, R readings, k outputs.

/** The sizes of a graph over prompts. */
export interface PromptShape {
  readonly batch: number;
  readonly tokens: number;
  readonly readAt: readonly number[];
  readonly loops: number;
}

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

/**
 * What a model predicts for prompts: `prompts` [B, T, width] and every parameter -> `prediction/LOOP` [B, R, k]
 * after each loop of `taps`. Throws LAB_MODEL, LAB_READING, CONTEXT.
 */
export function predictionGraph(spec: Spec, shape: PromptShape, taps: readonly number[]): Graph {
  const builder = new GraphBuilder();
  const predicted = predictions(builder, spec, shape, taps, {});
  return builder.graph(
    Object.fromEntries([...predicted].map(([loop, value]) => [`prediction/${loop}`, value])),
  );
}

const predictionShape = (spec: Spec, { batch, readAt }: PromptShape) => [
  batch,
  readAt.length,
  spec.readout.kind === "vectors" ? spec.readout.outputs : 0,
];

/** Predictions [B, R, k] by number of loops. All tokens are read out and then some chosen: few numbers move. */
function predictions(
  builder: GraphBuilder,
  spec: Spec,
  shape: PromptShape,
  taps: readonly number[],
  options: { readonly recompute?: boolean; readonly detachedLoops?: number },
): Map<number, Value> {
  const { batch, tokens, readAt, loops } = shape;
  if (!hasVectors(spec)) throw notPrompts(spec.family);
  const wrong = readAt.find((at) => !(Number.isInteger(at) && at >= 0 && at < tokens));
  if (wrong !== undefined || readAt.length === 0) throw badReading(readAt, tokens);
  const rows = Array.from({ length: batch }, (_, prompt) => readAt.map((at) => prompt * tokens + at)).flat();
  const ids = builder.constant(rows, [rows.length], "int");
  const states = forward(builder, spec, { batch, tokens, loops, taps, ...options });
  return new Map(
    taps.map((loop) => {
      const read = gather(readOut(builder, spec, states.get(loop) as Value), ids);
      return [loop, reshape(read, predictionShape(spec, shape))];
    }),
  );
}
