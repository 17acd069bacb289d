import { type CachePolicy, Decoder, type ExitSeries, exitStudy } from "gyre";
import { type Dataset, dataOf, type LanguageConfig, openRunData } from "gyre/node";
import { type Measurement, type MeasureOptions, measureRun, ofText } from "../measure-run.ts";
import { UsageError } from "../options.ts";

export interface ExitsOptions extends MeasureOptions {
  readonly maxTokens: number;
  readonly cachePolicy?: CachePolicy;
}

/** `gyre exits`: reads the validation split under each exit rule, beside fixed depths and random exits. */
export async function exitsCommand(path: string, options: ExitsOptions): Promise<number> {
  await measureRun(path, options, exitsOf(options));
  return 0;
}

/** What leaving loops early costs. */
export const exitsOf = ({
  maxTokens: tokens,
  cachePolicy = "recompute",
  data,
}: ExitsOptions): Measurement<"exits", Dataset, LanguageConfig["kind"]> => ({
  kind: "exits",
  of: ofText,
  async open(run) {
    const { spec } = run.config;
    if (spec.loops < 2)
      throw new UsageError(`${run.path} is a ${spec.family} of one loop: there is nothing to leave.`);
    return openRunData(run, data);
  },
  async measure(model, { validation }, status) {
    await using decoder = new Decoder(model);
    const series: ExitSeries[] = [];
    status.update("fixed depths", false);
    for await (const one of exitStudy(decoder, { split: validation, tokens, cachePolicy })) {
      series.push(one);
      status.update(`${one.name}: ${one.points.map(({ loss }) => loss.toFixed(3)).join(" ")}`, true);
    }
    return { cachePolicy, tokens: series[0]?.points[0]?.tokens ?? 0, series };
  },
  data: ({ manifest }) => dataOf(manifest),
});
