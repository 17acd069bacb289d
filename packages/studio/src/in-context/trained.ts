import { predictionGraph, type Spec } from "gyre";
import { fetchPrompts, openWebRuntime } from "gyre/web";
import { host } from "../engine/engine.ts";
import { modelUrl } from "../engine/models.ts";
import type { Line, Point } from "./plane.ts";

// Trained models that read points (1, x), y in pairs, and are asked for y at the end.

/** Where the models are asked: across the plane. */
export const places: readonly number[] = Array.from({ length: 9 }, (_, at) => (at - 4) / 4);

/** What a model says at `places` after each loop, from the first. */
export type Answers = readonly (readonly number[])[];

/** A trained model, ready to be asked about any points. */
export interface TrainedModel {
  readonly name: string;
  /** Loops that it was trained with. */
  readonly trainedLoops: number;
  readonly ask: (points: readonly Point[]) => Promise<Answers>;
}

const shipped = [
  { folder: "line-looped", name: "Looped Transformer" },
  { folder: "line-algoformer", name: "AlgoFormer" },
] as const;

/** Whether this site was built with them. */
export const hasTrained = (): boolean => shipped.some(({ folder }) => modelUrl(folder) !== undefined);

/** The models that this site was built with; they are small, and run in the page itself. */
export async function openTrained(loops: number): Promise<readonly TrainedModel[]> {
  const { runtime } = await openWebRuntime(host(1));
  return await Promise.all(
    shipped.flatMap(({ folder, name }) => {
      const url = modelUrl(folder);
      return url === undefined ? [] : [open(url, name)];
    }),
  );

  async function open(url: string, name: string): Promise<TrainedModel> {
    const { config, weights } = await fetchPrompts(url);
    const { spec } = config;
    const ask = async (points: readonly Point[]) => {
      const { graph, taps } = graphOf(spec, points.length, loops);
      const program = await runtime.compile(graph);
      const outputs = await program.run(new Map([...weights, ["prompts", promptsOf(points)]]));
      return taps.map((tap) => [...(outputs.get(`prediction/${tap}`)?.data ?? [])]);
    };
    return { name, trainedLoops: spec.loops, ask };
  }
}

/** One graph for each number of points, so that the runtime finds its program again. */
const graphs = new WeakMap<Spec, Map<number, ReturnType<typeof predictionGraph>>>();
function graphOf(spec: Spec, count: number, loops: number) {
  const taps = Array.from({ length: loops }, (_, at) => at + 1);
  const known = graphs.get(spec) ?? new Map<number, ReturnType<typeof predictionGraph>>();
  graphs.set(spec, known);
  const tokens = 2 * count + 1;
  const graph =
    known.get(count) ??
    predictionGraph(spec, { batch: places.length, tokens, readAt: [tokens - 1], loops }, taps);
  known.set(count, graph);
  return { graph, taps };
}

/** One prompt for each place: all points, and the place as the query [places, 2 points + 1, 2]. */
function promptsOf(points: readonly Point[]) {
  const pairs = points.flatMap(({ x, y }) => [1, x, y, 0]);
  const data = Float32Array.from(places.flatMap((place) => [...pairs, 1, place]));
  return { data, shape: [places.length, 2 * points.length + 1, 2] };
}

/** Root of the mean square distance between answers and a line. */
export function distanceFrom(line: Line, answers: readonly number[]): number {
  const squares = answers.map((y, at) => (line.intercept + line.slope * (places[at] as number) - y) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

/** A line's values at `places`. */
export const valuesOf = ({ intercept, slope }: Line): number[] => places.map((x) => intercept + slope * x);
