import { linearGraph } from "../../models/linear.ts";
import { atMost } from "../../report/report.ts";
import { interpreterRuntime } from "../../runtime/interpreter.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { median, quantile } from "../../util/statistics.ts";
import { descentErrors } from "../linear/descent.ts";
import { constructNewton, newtonPrompt, newtonSteps, normalEquations } from "../linear/newton.ts";
import {
  alphaOf,
  drawLinear,
  inputLaw,
  type LinearPrompts,
  momentsOf,
  queryOf,
  truthOf,
} from "../linear/prompts.ts";
import { type FigureRecipe, findingsOf, resolution } from "./figure.ts";

const dims = 8;
const batch = 50;
const loopsOf = { newton: 14, descent: 200 };
const methodNames = { newton: "Newton's method", descent: "gradient descent" };
const enough = 1e-10;

/** The second construction of AlgoFormer's theory: with other weights and columns, a loop is a step of Newton's method. */
export const linearNewton: FigureRecipe = {
  name: "linear-newton",
  summary: "with other weights a loop is a step of Newton's method, which converges quadratically",
  async measure({ seeds, openRuntime }) {
    await using onnx = await openRuntime("float64");
    const measured: Measured[] = [];
    for (const seed of seeds) measured.push(await measure(seed, [interpreterRuntime(), onnx]));
    const series = (["newton", "descent"] as const).map((method) => ({
      name: methodNames[method],
      points: Array.from({ length: loopsOf[method] + 1 }, (_, loop) => {
        const errors = measured.flatMap((one) => [...(one[method][loop] as Float64Array)]);
        return { x: loop, y: median(errors), low: quantile(errors, 0.05), high: quantile(errors, 0.95) };
      }),
    }));
    const needed = series.map(({ points }) => points.findIndex(({ y }) => y <= enough));
    const worst = Math.max(...measured.map(({ gap }) => gap));
    const violations = measured.reduce((sum, one) => sum + one.violations, 0);
    return findingsOf(
      {
        title: "Loops that are steps of Newton's method",
        subtitle: `error at the query, median and 90 % of ${batch} prompts a seed, d = ${dims}, n = 4d, constructed weights`,
        x: { title: "loops", kind: "linear" },
        y: { title: "|prediction - target| / |x_q| |w*|", kind: "log", least: 1e-16 },
        series,
        guides: [resolution],
      },
      {
        claims: [
          atMost(
            `max |transformer - Newton's method| <= 1e-12 |w*|, T = 1 .. ${loopsOf.newton}`,
            worst,
            1e-12,
          ),
          atMost("errors of w above (1 - 1/kappa^2)^(2^T) |w*|", violations, 0),
          atMost(
            "loops to a median error of 1e-10, Newton's method over gradient descent <= 0.2",
            (needed[0] as number) / (needed[1] as number),
            0.2,
          ),
        ],
        settings: {
          dims,
          examples: "4d",
          prompts: batch,
          start: "M = S / most^2",
          stepSize: "1 / most",
          loopsTo1e10: needed,
        },
      },
    );
  },
};

interface Measured {
  /** Errors at the queries over |x_q| |w*|, by loop. */
  readonly newton: readonly Float64Array[];
  readonly descent: readonly Float64Array[];
  /** Largest |transformer - Newton's method| over |w*|. */
  readonly gap: number;
  readonly violations: number;
}

async function measure(seed: number, runtimes: readonly Runtime[]): Promise<Measured> {
  const inputs = inputLaw("gaussian", dims);
  const shape = { batch, examples: 4 * dims, outputs: 1 };
  const prompts = drawLinear({ seed, stream: "newton", ...shape, inputs, prior: "isotropic" });
  const moments = momentsOf(prompts);
  const problems = Array.from({ length: batch }, (_, prompt) => normalEquations(prompts, moments, prompt));
  const of = <T>(what: (drawn: LinearPrompts, prompt: number) => T) =>
    problems.map((_, prompt) => what(prompts, prompt));
  const [truths, queries, alphas] = [of(truthOf), of(queryOf), of(alphaOf)];
  const expected = problems.map((equations) => newtonSteps(equations, loopsOf.newton));
  const taps = Array.from({ length: loopsOf.newton + 1 }, (_, loop) => loop);
  const graph = linearGraph({ batch, examples: dims, dims: 2 * dims, outputs: dims, taps });
  const feeds = new Map(Object.entries({ Z: newtonPrompt(problems), ...constructNewton(dims) }));
  const newton = taps.map(() => new Float64Array(batch));
  let [gap, violations] = [0, 0];
  for (const runtime of runtimes) {
    const results = await (await runtime.compile(graph)).run(feeds);
    for (const loop of taps) {
      const found = results.get(`prediction/${loop}`)?.data ?? [];
      for (const [prompt, { most, least }] of problems.entries()) {
        const truth = truths[prompt] as Float64Array;
        const w = Array.from({ length: dims }, (_, dim) => -(found[prompt * dims + dim] as number));
        const size = Math.hypot(...truth);
        const distance = (to: ArrayLike<number>) =>
          Math.hypot(...w.map((value, dim) => value - (to[dim] as number)));
        gap = Math.max(gap, distance(expected[prompt]?.[loop] ?? []) / size);
        const bound = (1 - (least / most) ** 2) ** (2 ** loop);
        if (distance(truth) > Math.max(bound * (1 + 1e-9), (16 * Number.EPSILON * most) / least) * size)
          violations++;
        const query = queries[prompt] as Float64Array;
        const error = w.reduce(
          (sum, value, dim) => sum + (value - (truth[dim] as number)) * (query[dim] as number),
          0,
        );
        (newton[loop] as Float64Array)[prompt] = Math.abs(error) / (alphas[prompt] as number);
      }
    }
  }
  const squares = descentErrors(
    prompts,
    moments,
    (prompt) => new Array(dims).fill(1 / (problems[prompt]?.most ?? Number.NaN)),
    loopsOf.descent,
  );
  const descent = Array.from({ length: loopsOf.descent + 1 }, (_, loop) =>
    Float64Array.from(alphas, (alpha, prompt) => Math.sqrt(squares[loop * batch + prompt] as number) / alpha),
  );
  return { newton, descent, gap, violations };
}
