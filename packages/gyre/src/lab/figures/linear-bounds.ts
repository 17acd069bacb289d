import { atMost } from "../../report/report.ts";
import {
  type BoundCell,
  type BoundResult,
  checkThroughGraph,
  floorAt,
  measureBounds,
} from "../linear/bounds.ts";
import { type InputName, inputNames } from "../linear/prompts.ts";
import { type FigureContext, type FigureRecipe, findingsOf, overSeeds } from "./figure.ts";

const allDims = [5, 8, 16, 32, 64];
const ratios = [2, 4, 8, 16];
const settings = { prompts: 50, loops: 200 };

interface Measured {
  readonly cell: BoundCell;
  readonly results: readonly BoundResult[];
}

async function sweep(
  context: FigureContext,
  inputs: readonly InputName[],
  loops: number,
): Promise<Measured[]> {
  const cells = inputs.flatMap((name) =>
    allDims
      .filter((dims) => !context.isBrief || dims <= 16)
      .flatMap((dims) => ratios.map((ratio) => ({ inputs: name, dims, ratio }))),
  );
  const measured: Measured[] = [];
  for (const [index, cell] of cells.entries()) {
    context.signal?.throwIfAborted();
    context.onProgress?.(`${cell.inputs}, d ${cell.dims}, n ${cell.ratio}d: ${index + 1} of ${cells.length}`);
    const results = context.seeds.map((seed) =>
      measureBounds(cell, { ...settings, ...(context.isBrief ? { prompts: 5 } : {}), loops, seed }),
    );
    measured.push({ cell, results });
    await new Promise((resolve) => setTimeout(resolve));
  }
  return measured;
}

/** The floor of a result's median prompt. */
const floorOf = ({ conditionMedian }: BoundResult) => floorAt(conditionMedian);

const sum = (all: readonly Measured[], of: (result: BoundResult) => number) =>
  all.flatMap(({ results }) => results).reduce((total, result) => total + of(result), 0);

/** Errors against loops with their bounds, over every law of inputs. */
export const linearBound: FigureRecipe = {
  name: "linear-bound",
  summary: "errors against loops stay below the textbook and the exponential bound",
  async measure(context) {
    const all = await sweep(context, inputNames, settings.loops);
    await using runtime = await context.openRuntime("float64");
    let tie = 0;
    for (const inputs of inputNames)
      for (const [dims, ratio] of [
        [5, 2],
        [16, 4],
        [32, 8],
      ] as const)
        tie = Math.max(
          tie,
          await checkThroughGraph(runtime, { inputs, dims, ratio }, { ...settings, seed: 0 }),
        );
    const shown = all.filter(({ cell }) => cell.inputs === "gaussian" && cell.dims === 16);
    const series = shown.flatMap(({ cell, results }, group) => {
      const loops = Array.from({ length: settings.loops / 2 + 1 }, (_, at) => 2 * at);
      const at = (field: "errorMedian" | "boundMedian") =>
        loops
          .map((loop) => ({
            x: loop,
            y: results.reduce((total, one) => total + (one[field][loop] ?? 0), 0) / results.length,
          }))
          .filter(({ y }) => y > 1e-18);
      return [
        { name: `n = ${cell.ratio}d, median error`, points: at("errorMedian"), group },
        { name: `n = ${cell.ratio}d, bound`, points: at("boundMedian"), group, line: "dashed" as const },
      ];
    });
    const floor = Math.min(...shown.flatMap(({ results }) => results.map(floorOf)));
    const checks = sum(all, ({ checks: count }) => count);
    return findingsOf(
      {
        title: "Errors of the linear looped transformer stay below the bounds, down to the floor of float64",
        subtitle: "Gaussian inputs, d = 16; dashed: exp(-T / (2 kappa)) at the median condition number",
        x: { title: "loops T", kind: "linear" },
        y: { title: "|prediction - target| / (|x_q| |w*|)", kind: "log" },
        series,
        guides: [{ at: floor, text: "below 16 eps kappa, the floor of float64: no claim", kind: "floor" }],
      },
      {
        claims: [
          atMost(
            `errors above alpha (1 - 1/kappa)^T and the floor, of ${checks / 3}`,
            sum(all, (r) => r.violations.textbook),
            0,
          ),
          atMost(
            "errors above alpha exp(-T/(2 kappa)) and the floor",
            sum(all, (r) => r.violations.exponential),
            0,
          ),
          atMost(
            "errors above alpha ((kappa-1)/(kappa+1))^T and the floor",
            sum(all, (r) => r.violations.optimal),
            0,
          ),
          atMost(
            "with alpha = the query's initial error instead: errors above the bound and the floor",
            sum(all, (r) => r.violationsOfInitialError),
            0,
          ),
          atMost("max difference of the graph from the sweep, over alpha", tie, 1e-12),
        ],
        settings: { ...settings, dims: allDims, ratios, inputs: inputNames },
      },
    );
  },
};

/** Errors after 40 loops against d at n = 2d .. 16d. */
export const linearDimension: FigureRecipe = {
  name: "linear-dimension",
  summary: "with n = 4d examples the error after 40 loops does not grow with d",
  async measure(context) {
    const all = await sweep(context, ["gaussian"], 40);
    const valueAt = (dims: number, ratio: number) =>
      (all.find(({ cell }) => cell.dims === dims && cell.ratio === ratio)?.results ?? []).map(
        ({ errorMedian }) => errorMedian[40] ?? Number.NaN,
      );
    const series = ratios.map((ratio) => ({
      name: `n = ${ratio}d`,
      points: [...new Set(all.map(({ cell }) => cell.dims))].map((dims) =>
        overSeeds(dims, valueAt(dims, ratio)),
      ),
    }));
    const four = (series[1]?.points ?? []).filter(({ x }) => x >= 8).map(({ y }) => y);
    const mid = (index: number) => series[index]?.points[2]?.y ?? Number.NaN;
    return findingsOf(
      {
        title: "A number of examples in proportion to d is enough",
        subtitle: "median error after 40 loops, step size 1 / largest eigenvalue; band: range over seeds",
        x: { title: "dimension d", kind: "log" },
        y: { title: "|prediction - target| / (|x_q| |w*|)", kind: "log" },
        series,
      },
      {
        claims: [
          atMost("n = 4d: median relative error, worst d of 8 .. 64", Math.max(...four), 1e-3),
          atMost(
            "n = 4d: largest over smallest median, d of 8 .. 64",
            Math.max(...four) / Math.min(...four),
            10,
          ),
          atMost("d = 16: error at n = 8d over error at n = 2d", mid(2) / mid(0), 1e-3),
        ],
        settings: { ...settings, loops: 40, dims: allDims, ratios },
      },
    );
  },
};
