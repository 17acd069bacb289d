import { bytesTokenizer, evaluate, interpreterRuntime, memorySplit, uniformTrajectory } from "gyre";
import { openOnnxRuntime } from "gyre/node";
import type { FaultPart } from "./part.ts";
import { randomOf, sharedOut } from "./part.ts";
import { PlainModel, surprise } from "./plain-model.ts";
import { spec, tinyWeights } from "./tiny.ts";

/** Losses are means over some hundred tokens, so that rounding in float32 averages out. */
const tolerances = { float32: 2e-7, float64: 1e-12 } as const;
const open = {
  float32: () => openOnnxRuntime({ threads: 1 }),
  float64: async () => interpreterRuntime(),
} as const;
const budgets = [1, 2, 4, [0.5, 0.25, 0.25], [0.125, 0.875]];

/** What `evaluate` reports, against a computation that shares no code with it. */
export const evaluation: FaultPart = {
  name: "evaluation",
  summary: "evaluation against an independent computation in float64",
  async run(context) {
    const tokenizer = bytesTokenizer();
    const models = sharedOut(4, context);
    const gaps = { float32: 0, float64: 0 };
    const broken: string[] = [];
    for (let index = 0; index < models; index++) {
      const weights = tinyWeights(context.seed + index);
      const plain = new PlainModel(spec, weights);
      const random = randomOf(context, "evaluation", index);
      const tokens = Uint16Array.from({ length: 3 * spec.context + 17 }, () => random.below(256));
      const split = memorySplit(tokens);
      const expected = budgets.map((budget) => {
        const trajectory = typeof budget === "number" ? uniformTrajectory(budget) : budget;
        let sum = 0;
        for (let start = 0; start < tokens.length - 1; start += spec.context) {
          const window = tokens.subarray(start, Math.min(start + spec.context, tokens.length - 1));
          for (const [at, logits] of plain.logits(window, trajectory).entries())
            sum += surprise(logits, tokens[start + at + 1] as number);
        }
        return sum / (tokens.length - 1);
      });
      for (const precision of ["float32", "float64"] as const) {
        await using runtime = await open[precision]();
        const byteLength = (token: number) => tokenizer.byteLength(token);
        let at = 0;
        for await (const { loss } of evaluate({ spec, weights, runtime, split, byteLength, budgets })) {
          const gap = Math.abs(loss - (expected[at] as number));
          gaps[precision] = Math.max(gaps[precision], gap);
          if (!(gap <= tolerances[precision]))
            broken.push(`model ${index}, ${precision}, budget ${JSON.stringify(budgets[at])}: ${gap} off`);
          at++;
        }
      }
    }
    const measured = `float32 within ${gaps.float32.toExponential(1)}, float64 ${gaps.float64.toExponential(1)}`;
    return { attacks: models * budgets.length * 2, broken, measured };
  },
};
