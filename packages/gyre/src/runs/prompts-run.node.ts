import * as z from "zod";
import { type Spec, storedSpecSchema } from "../models/spec.ts";
import type { VectorTask } from "../tasks/task.ts";
import { taskNamed } from "../tasks/vectors/index.ts";
import { type PromptTraining, parsePromptTraining, promptTrainingSchema } from "../train/prompt-options.ts";
import { RunDirectory } from "./directory.node.ts";
import { badLabRun } from "./errors.ts";

/** What config.json of a run on prompts says: enough to go on with it and to evaluate it. */
const labConfigSchema = z.strictObject({
  format: z.literal(1),
  kind: z.literal("lab"),
  recipe: z.string(),
  task: z.string(),
  spec: storedSpecSchema,
  training: promptTrainingSchema,
});

/** A run on prompts on disk, with its checked config. */
export interface LabRun {
  readonly directory: RunDirectory;
  readonly config: {
    readonly recipe: string;
    readonly spec: Spec;
    readonly training: PromptTraining;
  };
  readonly task: VectorTask;
}

/** A recipe of the laboratory, opened. */
export interface RunRecipe {
  readonly name: string;
  readonly task: VectorTask;
  readonly spec: Spec;
  readonly training: PromptTraining;
}

/** Makes a run directory for a recipe. Throws RUN_EXISTS, RUN_NOT_EMPTY, CHECKPOINT_WRITE. */
export async function createLabRun(
  path: string,
  { name, task, spec, training }: RunRecipe,
  options: { readonly force?: boolean } = {},
): Promise<LabRun> {
  const config = { recipe: name, spec, training };
  const directory = await RunDirectory.create(
    path,
    { format: 1, kind: "lab", task: task.name, ...config },
    options,
  );
  return { directory, config, task };
}

/** Opens a run on prompts. Throws RUN_MISSING, RUN_DAMAGED, LAB_RUN, LAB_NAME, LAB_OPTIONS. */
export async function openLabRun(path: string): Promise<LabRun> {
  const directory = await RunDirectory.open(path);
  const parsed = labConfigSchema.safeParse(await directory.readConfig());
  if (!parsed.success)
    throw badLabRun(
      path,
      parsed.error.issues.map((issue) => `${issue.path.join(".") || "config"}: ${issue.message}`),
    );
  const { recipe, task: name, spec } = parsed.data;
  const task = taskNamed(name);
  return {
    directory,
    config: { recipe, spec, training: parsePromptTraining(parsed.data.training, spec, task) },
    task,
  };
}
