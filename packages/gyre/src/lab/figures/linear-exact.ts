import { linearGraph } from "../../models/linear.ts";
import type { Series } from "../../report/chart.ts";
import { atMost } from "../../report/report.ts";
import { interpreterRuntime } from "../../runtime/interpreter.ts";
import { construct } from "../linear/construct.ts";
import { gradientDescent, scaledIdentity } from "../linear/descent.ts";
import { drawLinear, inputLaw } from "../linear/prompts.ts";
import { type FigureContext, type FigureRecipe, findingsOf, resolution } from "./figure.ts";

const eta = 0.4;
const loops = 30;
/** What two ways of rounding may differ by. */
const limit = 1e-12;

/** |transformer - gradient descent| against loops, on both runtimes. */
export const linearExact: FigureRecipe = {
  name: "linear-exact",
  summary: "T loops with constructed weights equal T steps of gradient descent, in float64",
  async measure({ seeds, openRuntime }) {
    await using onnx = await openRuntime("float64");
    const series: Series[] = [];
    for (const [dims, outputs] of [
      [5, 1],
      [8, 1],
      [8, 3],
    ] as const)
      for (const runtime of [interpreterRuntime(), onnx]) {
        const gaps = await gapsByLoop(runtime, seeds, dims, outputs);
        const name = `d ${dims}, k ${outputs}, ${runtime === onnx ? "onnxruntime" : "interpreter"}`;
        const points = gaps.map((gap, loop) => ({ x: loop, y: Math.max(gap, 1e-17) })).slice(1);
        series.push({ name, points });
      }
    const worst = Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y)));
    return findingsOf(
      {
        title: "Loops of the constructed transformer are steps of gradient descent",
        subtitle: "largest difference of predictions over 20 prompts a seed, n = 4d, step size 0.4, float64",
        x: { title: "loops", kind: "linear" },
        y: { title: "|transformer - gradient descent|", kind: "log" },
        series,
        guides: [{ at: limit, text: "claimed", kind: "line" }, resolution],
      },
      {
        claims: [atMost(`max |TF - GD| <= ${limit} for T = 1 .. ${loops}`, worst, limit)],
        settings: { eta, loops, prompts: 20, examples: "4d" },
      },
    );
  },
};

async function gapsByLoop(
  runtime: Awaited<ReturnType<FigureContext["openRuntime"]>>,
  seeds: readonly number[],
  dims: number,
  outputs: number,
): Promise<number[]> {
  const taps = Array.from({ length: loops + 1 }, (_, loop) => loop);
  const gaps = taps.map(() => 0);
  for (const seed of seeds) {
    const inputs = inputLaw("gaussian", dims);
    const shape = { batch: 20, examples: 4 * dims, outputs };
    const prompts = drawLinear({ seed, stream: "exact", ...shape, inputs, prior: "isotropic" });
    const Z = { data: prompts.Z, shape: [20, dims + outputs, 4 * dims + 1] };
    const weights = construct({ dims, outputs, preconditioner: eta });
    const program = await runtime.compile(linearGraph({ ...shape, dims, taps }));
    const results = await program.run(new Map(Object.entries({ Z, ...weights })));
    for (let prompt = 0; prompt < 20; prompt++) {
      const expected = gradientDescent(prompts, prompt, scaledIdentity(dims, eta), loops);
      for (const loop of taps)
        for (let output = 0; output < outputs; output++) {
          const given = results.get(`prediction/${loop}`)?.data[prompt * outputs + output] ?? Number.NaN;
          const gap = Math.abs(given - (expected[loop * outputs + output] as number));
          gaps[loop] = Math.max(gaps[loop] as number, gap);
        }
    }
  }
  return gaps;
}
