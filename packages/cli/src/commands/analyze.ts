import { analyze } from "gyre";
import { dataOf, openRunData } from "gyre/node";
import { type MeasureOptions, measureRun } from "../measure-run.ts";
import { type LoopsRange, UsageError } from "../options.ts";

export interface AnalyzeCommandOptions extends MeasureOptions {
  readonly loops?: LoopsRange;
  readonly tokens: number;
  readonly traced: number;
}

/** `gyre analyze`: what each loop does to the states of the validation split's tokens, and what follows from it. */
export async function analyzeCommand(path: string, options: AnalyzeCommandOptions): Promise<number> {
  const { loops, tokens, traced, data } = options;
  await measureRun(path, "states", options, {
    async open(run) {
      const { spec } = run.config;
      if (spec.loops < 2)
        throw new UsageError(`${path} is a ${spec.family} of one loop: there is nothing to look into.`);
      return openRunData(run, data);
    },
    async measure(model, { validation, tokenizer }, status) {
      const analysis = await analyze(model, validation, {
        ...(loops === undefined ? {} : { loops: loops(model.spec.loops) }),
        tokens,
        traced,
        textOf: (token) => tokenizer.decode([token]),
        onPart: (part) => status.update(part, false),
      });
      return { analysis };
    },
    data: ({ manifest }) => dataOf(manifest),
  });
  return 0;
}
