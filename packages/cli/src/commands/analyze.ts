import { analyze, heldOutProblems, type Report, textsOfProblems } from "gyre";
import { type ConfigOf, dataOf, openRunData, openRunTask, type Run } from "gyre/node";
import { type Measurement, type MeasureOptions, measureRun, ofText } from "../measure-run.ts";
import { type LoopsRange, UsageError } from "../options.ts";
import { askedOf, hardestOf, titleOf } from "../token-tasks.ts";

export interface AnalyzeCommandOptions extends MeasureOptions {
  readonly loops?: LoopsRange;
  readonly tokens: number;
  readonly traced: number;
}

/** `gyre analyze`: what each loop does to the states of a text's tokens, and what follows from it. */
export async function analyzeCommand(path: string, options: AnalyzeCommandOptions): Promise<number> {
  await measureRun(path, options, statesOf(options));
  return 0;
}

/** What is looked at, and how its tokens are called. */
interface Texts {
  readonly source: Parameters<typeof analyze>[1];
  readonly textOf: (token: number) => string;
  readonly data: Report["provenance"]["data"];
}
const kinds = [...ofText, "task"] as const;
type Kinds = (typeof kinds)[number];

/** A look inside the loops, on validation text or on held-out problems. */
export const statesOf = ({
  loops,
  tokens,
  traced,
  data,
}: AnalyzeCommandOptions): Measurement<"states", Texts, Kinds> => ({
  kind: "states",
  of: kinds,
  async open(run) {
    const { spec } = run.config;
    if (spec.loops < 2)
      throw new UsageError(`${run.path} is a ${spec.family} of one loop: there is nothing to look into.`);
    return textsFor(run, tokens, data);
  },
  async measure(model, { source, textOf }, status) {
    const analysis = await analyze(model, source, {
      ...(loops === undefined ? {} : { loops: loops(model.spec.loops) }),
      tokens,
      traced,
      textOf,
      onPart: (part) => status.update(part, false),
    });
    return { analysis };
  },
  data: ({ data }) => data,
});

/** The validation split of a run on text; of one on a task held-out problems of the hardest difficulty. */
async function textsFor(
  { path, config }: Run<ConfigOf<Kinds>>,
  tokens: number,
  data?: string,
): Promise<Texts> {
  if (config.kind !== "task") {
    const { validation, tokenizer, manifest } = await openRunData({ path, config }, data);
    const textOf = (token: number) => tokenizer.decode([token]);
    return { source: validation, textOf, data: dataOf(manifest) };
  }
  if (data !== undefined) throw new UsageError("--data is not for runs on tasks.");
  const task = await openRunTask({ path, config });
  const difficulties = [hardestOf(config.training)];
  const problems = heldOutProblems(task, { seed: 1, count: askedOf(task, tokens), difficulties });
  return {
    source: textsOfProblems(problems, tokens),
    textOf: (token: number) => task.vocabulary[token] ?? `?${token}`,
    data: { name: titleOf(task), split: "held-out" },
  };
}
