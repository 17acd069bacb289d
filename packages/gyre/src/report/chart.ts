import * as z from "zod";

/** A number that JSON may hold as null, where it is not finite. */
export const real = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const pointSchema = z.strictObject({
  x: real,
  y: real,
  /** Ends of its band or error bar. */
  low: real.optional(),
  high: real.optional(),
  /** A text beside the marker. */
  label: z.string().optional(),
  /** An empty marker, for a point that is unlike the others. */
  isHollow: z.boolean().optional(),
});

const seriesSchema = z.strictObject({
  name: z.string(),
  /** A second, smaller line under the name. */
  detail: z.string().optional(),
  points: z.array(pointSchema),
  /** Series of one group share a colour and a marker. */
  group: z.int().nonnegative().optional(),
  /** Solid by default. */
  line: z.enum(["solid", "dashed", "none"]).optional(),
  /** Whether the points' lows and highs are a band (the default) or error bars. */
  spread: z.enum(["band", "bars"]).optional(),
  /** Markers stand at every point where there are few, by default; `dots` are small ones. */
  markers: z.enum(["auto", "none", "dots"]).optional(),
  /** Drawn without its name, beside the series of its group that has one. */
  isUnnamed: z.boolean().optional(),
});

const axisSchema = z.strictObject({
  title: z.string(),
  /** Left out, logarithmic where the values span more than a factor of 4. */
  kind: z.enum(["linear", "log"]).optional(),
  /** Smaller values are drawn here: what is exact would flatten all others. */
  least: z.number().optional(),
  /** Larger values are drawn here, where a few would hide all others. */
  most: z.number().optional(),
  /** Numbers with an SI prefix: 12.3M. */
  hasPrefixes: z.boolean().optional(),
  /** Texts of one's own instead of numbers. */
  ticks: z.array(z.strictObject({ at: z.number(), text: z.string() })).optional(),
});

const guideSchema = z.strictObject({
  /** A value of y. */
  at: z.number(),
  text: z.string(),
  /** A line, or a floor: everything below it is noise of the arithmetic and says nothing. */
  kind: z.enum(["line", "floor"]),
});

/** Points, lines, bands and what they mean: everything that is drawn, before it is drawn. */
export const chartSchema = z.strictObject({
  title: z.string(),
  subtitle: z.string(),
  x: axisSchema,
  y: axisSchema,
  series: z.array(seriesSchema),
  guides: z.array(guideSchema).optional(),
  /** What the marks mean. */
  notes: z.array(z.string()).optional(),
});

/** A chart in plain data: axes, series, and lines to compare them with. */
export type Chart = z.infer<typeof chartSchema>;
/** The points of one thing that was measured, drawn in one colour. */
export type Series = z.infer<typeof seriesSchema>;
/** One point of a series, perhaps with the span of its repetitions. */
export type Point = z.infer<typeof pointSchema>;
/** One axis of a chart. */
export type Axis = z.infer<typeof axisSchema>;
/** A straight line of a chart that series are compared with. */
export type Guide = z.infer<typeof guideSchema>;

/** A part of a chart's series, on the axes of all of them. */
export interface Panel extends Chart {
  /** The chart's other series, which shape the axes and are drawn in grey. */
  readonly others: readonly Series[];
}

/** Colours that can be told apart at a glance. */
export const MOST_COLORS = 6;

/** The number that decides a series' colour. */
export const groupOf = ({ group }: Series, index: number): number => group ?? index;

/** A chart in panels of at most six colours, in the order of its series. */
export function panelsOf(chart: Chart): Panel[] {
  const groups = [...new Set(chart.series.map(groupOf))];
  const count = Math.max(1, Math.ceil(groups.length / MOST_COLORS));
  return Array.from({ length: count }, (_, index) => {
    const own = groups.slice(index * MOST_COLORS, (index + 1) * MOST_COLORS);
    const isOwn = (series: Series, at: number) => own.includes(groupOf(series, at));
    return {
      ...chart,
      title: count === 1 ? chart.title : `${chart.title} (${index + 1} of ${count})`,
      series: chart.series
        .map((series, at) => ({ ...series, group: groupOf(series, at) }))
        .filter(isOwn)
        .map((series) => ({ ...series, group: own.indexOf(series.group) })),
      others: chart.series.filter((series, at) => !isOwn(series, at)),
    };
  });
}
