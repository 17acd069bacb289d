import { basename, join, resolve } from "node:path";
import { analyze } from "gyre";
import { dataOf, loadWeights, measuredModel, openOnnxRuntime, openRun, openRunData } from "gyre/node";
import { type LoopsRange, UsageError } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";
import { makeOutput, presentReport, provenanceNow } from "../reports.ts";

export interface AnalyzeCommandOptions {
  readonly loops?: LoopsRange;
  readonly tokens: number;
  readonly traced: number;
  readonly threads?: number;
  readonly data?: string;
  readonly out?: string;
  readonly name?: string;
}

/** `gyre analyze`: what each loop does to the states of the validation split's tokens, and what follows from it. */
export async function analyzeCommand(path: string, options: AnalyzeCommandOptions): Promise<number> {
  const { loops, tokens, traced, threads, out, name } = options;
  const run = await openRun(path);
  const { spec } = run.config;
  if (spec.loops < 2)
    throw new UsageError(`${path} is a ${spec.family} of one loop: there is nothing to look into.`);
  const { validation, manifest, tokenizer } = await openRunData(run, options.data);
  const loaded = await loadWeights(run);
  await makeOutput(out);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(threads === undefined ? {} : { threads });
  try {
    const analysis = await analyze({ spec, weights: loaded.weights, runtime }, validation, {
      ...(loops === undefined ? {} : { loops: loops(spec.loops) }),
      tokens,
      traced,
      textOf: (token) => tokenizer.decode([token]),
      onPart: (part) => status.update(part, false),
    });
    status.clear();
    await presentReport(
      {
        version: 2,
        kind: "states",
        provenance: await provenanceNow({ runtime: runtime.name, data: dataOf(manifest) }),
        model: measuredModel(basename(resolve(path)), loaded),
        analysis,
      },
      { folder: out ?? join(path, "reports"), ...(name === undefined ? {} : { name }) },
    );
    return 0;
  } finally {
    status.clear();
  }
}
