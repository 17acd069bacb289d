import { basename, join, resolve } from "node:path";
import { type CachePolicy, Decoder, type ExitSeries, exitStudy } from "gyre";
import { dataOf, loadWeights, measuredModel, openOnnxRuntime, openRun, openRunData } from "gyre/node";
import { UsageError } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";
import { makeOutput, presentReport, provenanceNow } from "../reports.ts";

export interface ExitsOptions {
  readonly maxTokens: number;
  readonly cachePolicy?: CachePolicy;
  readonly threads?: number;
  readonly data?: string;
  readonly out?: string;
  readonly name?: string;
}

/** `gyre exits`: reads the validation split under each exit rule, beside fixed depths and random exits. */
export async function exitsCommand(path: string, options: ExitsOptions): Promise<number> {
  const { maxTokens: tokens, cachePolicy = "recompute", threads, out, name } = options;
  const run = await openRun(path);
  const { spec } = run.config;
  if (spec.loops < 2)
    throw new UsageError(`${path} is a ${spec.family} of one loop: there is nothing to leave.`);
  const { validation, manifest } = await openRunData(run, options.data);
  const loaded = await loadWeights(run);
  const { weights } = loaded;
  await makeOutput(out);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(threads === undefined ? {} : { threads });
  await using decoder = new Decoder({ spec, weights, runtime });
  try {
    const series: ExitSeries[] = [];
    const study = { split: validation, tokens, cachePolicy };
    status.update("fixed depths", false);
    for await (const one of exitStudy(decoder, study)) {
      series.push(one);
      status.update(`${one.name}: ${one.points.map(({ loss }) => loss.toFixed(3)).join(" ")}`, true);
    }
    status.clear();
    await presentReport(
      {
        version: 2,
        kind: "exits",
        provenance: await provenanceNow({ runtime: runtime.name, data: dataOf(manifest) }),
        model: measuredModel(basename(resolve(path)), loaded),
        cachePolicy,
        tokens: series[0]?.points[0]?.tokens ?? 0,
        series,
      },
      { folder: out ?? join(path, "reports"), ...(name === undefined ? {} : { name }) },
    );
    return 0;
  } finally {
    status.clear();
  }
}
