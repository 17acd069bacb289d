import type { Axis, Chart, Series } from "./chart.ts";
import type { Analysis, LoopMeasures, RunAnalysis, Spread } from "./states.ts";

type Points = Series["points"];

/** Something that is drawn against the loops of a run; `isSpread` where points have the quartiles of tokens. */
interface Quantity {
  readonly what: string;
  readonly y: Axis;
  readonly isSpread?: true;
  readonly points: (run: RunAnalysis) => Points;
}

export const degrees = (radians: number): number => (radians * 180) / Math.PI;

const spread = (pick: (step: LoopMeasures) => Spread | undefined, scale = (value: number) => value) => ({
  isSpread: true as const,
  points: ({ steps }: RunAnalysis): Points =>
    steps.flatMap((step) => {
      const found = pick(step);
      if (!found) return [];
      const { low, median, high } = found;
      return [{ x: step.loops, y: scale(median), low: scale(low), high: scale(high) }];
    }),
});
const one = (pick: (step: LoopMeasures) => number) => ({
  points: ({ steps }: RunAnalysis): Points => steps.map((step) => ({ x: step.loops, y: pick(step) })),
});

const quantities: readonly Quantity[] = [
  {
    what: "how far each loop moves the states",
    y: { title: "relative change" },
    ...spread(({ change }) => change),
  },
  {
    what: "how much attention moves from loop to loop",
    y: { title: "share that went elsewhere", kind: "linear" },
    ...spread(({ attentionDrift }) => attentionDrift),
  },
  {
    what: "how far predictions are from the last loop's",
    y: { title: "KL to the last loop, nats", kind: "linear" },
    ...spread(({ lens }) => lens?.kl),
  },
  {
    what: "curvature of texts",
    y: { title: "degrees", kind: "linear" },
    ...one(({ curvature }) => degrees(curvature)),
  },
  {
    what: "anisotropy of texts",
    y: { title: "mean cosine of two tokens", kind: "linear" },
    ...one(({ anisotropy }) => anisotropy),
  },
  {
    what: "entropy of texts",
    y: { title: "prompt entropy, nats", kind: "linear" },
    ...one(({ promptEntropy }) => promptEntropy),
  },
  {
    what: "effective rank of texts",
    y: { title: "directions in use", kind: "linear" },
    ...one(({ effectiveRank }) => effectiveRank),
  },
  {
    what: "how alike states are to the last loop's",
    y: { title: "linear CKA with the last loop", kind: "linear" },
    points: ({ steps, cka }) =>
      steps.map(({ loops }, index) => ({ x: loops, y: cka.at(-1)?.[index] ?? Number.NaN })),
  },
];

/** What stands over charts, whose title is made of `what` they show. */
export interface Heading {
  readonly title: (what: string) => string;
  readonly subtitle: string;
}

/** Charts with a line for each run: how far loops move the states, what turning the dial costs, then every other quantity. */
export function stateCharts(
  runs: readonly { readonly name: string; readonly run: RunAnalysis }[],
  dials: readonly { readonly name: string; readonly dial: Analysis["dial"] }[],
  { title, subtitle, withBands }: Heading & { readonly withBands: boolean },
): Chart[] {
  const [first, ...others] = quantities.flatMap(({ what, y, isSpread, points }): Chart[] => {
    const series = runs.map(({ name, run }) => ({
      name,
      points: withBands ? points(run) : bare(points(run)),
    }));
    if (series.every((line) => line.points.length === 0)) return [];
    const notes = isSpread && withBands ? { notes: ["bands: half of all tokens"] } : {};
    return [
      { title: title(what), subtitle, x: { title: "after loop", kind: "linear" }, y, series, ...notes },
    ];
  });
  const dial: Chart = {
    title: title("what turning the dial costs"),
    subtitle,
    x: { title: "loops of the run", kind: "linear" },
    y: { title: "nats per token (lower is better)" },
    series: dials.map(({ name, dial: points }) => ({
      name,
      points: points.map(({ loops, loss }) => ({ x: loops, y: loss })),
    })),
  };
  return [...(first ? [first] : []), dial, ...others];
}

/** Points without the ends of their bands. */
const bare = (points: Points): Points => points.map(({ x, y }) => ({ x, y }));
