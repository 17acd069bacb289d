import { noFeatures } from "../errors.ts";
import type { Problem } from "../task.ts";

/** A classical algorithm, fitted anew before every reading to the earlier ones of its stage. */
export interface Baseline {
  readonly name: string;
  readonly description: string;
  /** Predictions [B, R, outputs]. Throws LAB_FEATURES where it needs features that the problem does not say. */
  predict(problem: Problem): Float64Array;
}

/** The examples that come before a reading. */
export interface Examples {
  /** Inputs [count][width]. */
  readonly xs: readonly Float64Array[];
  /** Labels [count][outputs]. */
  readonly ys: readonly Float64Array[];
  readonly width: number;
  readonly outputs: number;
}

/** From examples, of which there is at least one, to a prediction for x. */
export type Fit = (examples: Examples, x: Float64Array) => ArrayLike<number>;

/** A baseline that predicts 0 while there are no examples, as Yang et al. do. */
export function baseline(
  name: string,
  description: string,
  fit: Fit,
  { reads = "xs" }: { readonly reads?: "xs" | "features" } = {},
): Baseline {
  return {
    name,
    description,
    predict(problem) {
      const { batch, readings, outputs, stages, ys } = problem;
      const source = problem[reads];
      const width = reads === "xs" ? problem.width : problem.featureWidth;
      if (!source || !width) throw noFeatures(name);
      const predictions = new Float64Array(ys.length);
      for (let prompt = 0; prompt < batch; prompt++) {
        const start = prompt * readings;
        const row = (all: Float64Array, size: number, at: number) =>
          all.subarray((start + at) * size, (start + at + 1) * size);
        for (let reading = stages; reading < readings; reading++) {
          const earlier = Array.from(
            { length: Math.floor(reading / stages) },
            (_, at) => (reading % stages) + at * stages,
          );
          const examples = {
            xs: earlier.map((at) => row(source, width, at)),
            ys: earlier.map((at) => row(ys, outputs, at)),
            width,
            outputs,
          };
          predictions.set(
            Array.from(fit(examples, row(source, width, reading))),
            (start + reading) * outputs,
          );
        }
      }
      return predictions;
    },
  };
}
