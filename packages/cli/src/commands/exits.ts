import { type CachePolicy, Decoder, type ExitSeries, exitStudy } from "gyre";
import { dataOf, openRunData } from "gyre/node";
import { type MeasureOptions, measureRun } from "../measure-run.ts";
import { UsageError } from "../options.ts";

export interface ExitsOptions extends MeasureOptions {
  readonly maxTokens: number;
  readonly cachePolicy?: CachePolicy;
}

/** `gyre exits`: reads the validation split under each exit rule, beside fixed depths and random exits. */
export async function exitsCommand(path: string, options: ExitsOptions): Promise<number> {
  const { maxTokens: tokens, cachePolicy = "recompute", data } = options;
  await measureRun(path, "exits", options, {
    async open(run) {
      const { spec } = run.config;
      if (spec.loops < 2)
        throw new UsageError(`${path} is a ${spec.family} of one loop: there is nothing to leave.`);
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
  return 0;
}
