import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Spec } from "gyre";
import { type Arm, compare, examplesFigure, loopsFigure, noiseFigure, vectorTaskNamed } from "gyre/lab";
import { loadWeights, openOnnxRuntime, openRun, type PromptsConfig, type Run } from "gyre/node";
import { badOutput, otherTasks } from "../errors.ts";
import { labText, saveLabReport } from "../lab-reports.ts";
import type { LoopsRange } from "../options.ts";
import { StatusLine } from "../render/status-line.ts";

type PromptRun = Run<PromptsConfig>;

export interface LabEvalOptions {
  readonly loops?: LoopsRange;
  readonly noise: readonly number[];
  readonly prompts: number;
  readonly seed: number;
  readonly out?: string;
}

/** `gyre lab eval`: errors of runs of one task and of its classical algorithms, against examples, loops and noise. */
export async function labEvalCommand(paths: readonly string[], options: LabEvalOptions): Promise<number> {
  const runs = await Promise.all(paths.map((path) => openRun(path, ["prompts"])));
  const [first] = runs as [PromptRun, ...PromptRun[]];
  const task = vectorTaskNamed(first.config.task);
  const others = runs.filter((run) => run.config.task !== task.name);
  if (others.length > 0)
    throw otherTasks(
      task.name,
      others.map((run) => `${run.path} (${run.config.task})`),
    );
  const out = options.out ?? join(first.path, "reports");
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw badOutput(out, cause);
  });
  const status = new StatusLine();
  try {
    const arms = new Map<string, Arm>();
    for (const run of runs) {
      const { weights, warnings } = await loadWeights(run);
      for (const warning of warnings) status.print(`warning: ${run.path}: ${warning}`);
      const name = armName(run);
      const { spec } = run.config;
      arms.set(name, { name, spec, weights: [...(arms.get(name)?.weights ?? []), weights] });
    }
    await using runtime = await openOnnxRuntime({ threads: 1, keep: 2 });
    const { out: _, loops, ...measure } = options;
    const common = {
      ...measure,
      ...(loops ? { loops: ({ loops: trained }: Spec) => loops(trained) } : {}),
      task,
      arms: [...arms.values()],
      runtime,
      onProgress: (text: string) => status.update(text, false),
    };
    const comparison = await compare(common);
    const figures = {
      examples: examplesFigure(comparison),
      loops: loopsFigure(comparison),
      noise: await noiseFigure(comparison, common),
    };
    status.clear();
    console.log(labText(figures.examples));
    for (const [name, figure] of Object.entries(figures))
      console.log(await saveLabReport(out, name, [options.seed], figure));
    return 0;
  } finally {
    status.clear();
  }
}

/** Runs that differ by nothing but their seed are one arm. */
const armName = ({ config: { recipe, training } }: PromptRun) => `${recipe}, lr ${training.learningRate}`;
