import type { Graph } from "../graph/types.ts";
import { trainingFlops } from "../models/describe.ts";
import { conditions, type Spec } from "../models/spec.ts";
import { sampleUnits } from "../models/trajectories.ts";
import { rng } from "../util/rng.ts";
import type { Tensor } from "../util/tensor.ts";
import { SHORT_ROUTE, stepGraph } from "./objectives/elastic.ts";
import type { MicroBatch, Source } from "./optimise.ts";
import type { TrainingOptions } from "./options.ts";

/** The rows of one micro-batch: what `stepGraph` reads besides weights and trajectories. */
export interface Rows {
  readonly inputs: Iterable<readonly [string, Tensor]>;
  /** Tokens of a row. */
  readonly length: number;
  /** Which part of the data they are, in words. */
  readonly origin?: () => string;
  /** Rows that are scored, where not every position is. */
  readonly scored?: number;
}

/**
 * The micro-batches of an objective over tokens. Trajectories are a pure function of (seed, step), or of (seed, step, micro); rows
 * are what `rowsAt` says. Every shape has one graph.
 */
export function elasticSource(
  spec: Spec,
  training: TrainingOptions,
  rowsAt: (step: number, micro: number) => Rows,
): Source {
  const { batch, seed, objective, sampler, trajectoryPer } = training;
  const { loops } = spec;
  const hasOwnRoute = spec.conditioning.kind === "time";
  const graphs = new Map<string, Graph>();
  const graphFor = ({ length: tokens, scored }: Rows, shortLoops: number | undefined): Graph => {
    const key = `${tokens} ${scored} ${shortLoops}`;
    const found = graphs.get(key);
    if (found) return found;
    const graph = elasticGraph(spec, training, { tokens, loops, shortLoops, scored });
    graphs.set(key, graph);
    return graph;
  };
  return (step, micro): MicroBatch => {
    const units =
      objective.kind === "elastic"
        ? sampleUnits(sampler, loops, rng(seed, "trajectory", step, trajectoryPer === "step" ? 0 : micro))
        : undefined;
    const rows = rowsAt(step, micro);
    const inputs = new Map<string, Tensor>(rows.inputs);
    addRoute(inputs, "", conditions(spec, loops));
    if (units && hasOwnRoute) {
      const trajectory = units.map((unit) => unit / loops);
      addRoute(inputs, SHORT_ROUTE, conditions(spec, trajectory));
    }
    const tokens = batch * rows.length;
    const flopsOf = (count: number) =>
      trainingFlops({ ...spec, context: rows.length }, count, tokens, rows.scored);
    return {
      graph: graphFor(rows, units?.length),
      inputs,
      ...(rows.origin ? { origin: rows.origin } : {}),
      ...(units ? { noted: { shortLoops: units.length } } : {}),
      tokens,
      flops: flopsOf(loops) + (units && hasOwnRoute ? flopsOf(units.length) : 0),
    };
  };
}

interface GraphSize {
  readonly tokens: number;
  readonly loops: number;
  readonly shortLoops?: number | undefined;
  readonly scored?: number | undefined;
}

/** The graph of one micro-batch of that size. */
export function elasticGraph(
  spec: Spec,
  { batch, objective, recompute }: Pick<TrainingOptions, "batch" | "objective" | "recompute">,
  { tokens, loops, shortLoops, scored }: GraphSize,
): Graph {
  const shape = {
    batch,
    tokens,
    loops,
    ...(shortLoops ? { shortLoops } : {}),
    ...(scored === undefined ? {} : { scored }),
  };
  return stepGraph(spec, objective, shape, { recompute, ...tuning(spec, recompute) });
}

/** Block sizes that proved fast, or small; they change the order of sums, never the mathematics. */
export function tuning(
  spec: Spec,
  recompute: boolean,
): { readonly tile: number; readonly logitRows: number } {
  return { tile: Math.min(spec.context, 128), logitRows: recompute ? 256 : 1024 };
}

function addRoute(
  inputs: Map<string, Tensor>,
  route: string,
  { loops, t, dt }: ReturnType<typeof conditions>,
): void {
  inputs.set(`${route}t`, { data: t, shape: [loops] });
  inputs.set(`${route}dt`, { data: dt, shape: [loops] });
}
