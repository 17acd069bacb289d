import { groupedText, parameterCount } from "gyre";
import { importOfficial, type ImportOptions as OfficialImportOptions } from "gyre/node";
import { UsageError } from "../options.ts";
import { counted } from "../render/format.ts";
import { openTask, titleOf } from "../token-tasks.ts";

export interface ImportOptions extends Omit<OfficialImportOptions, "task"> {
  /** The name of the task that the model learned, with its form and its difficulties. */
  readonly task?: string;
  readonly group?: string;
  readonly variant?: string;
  readonly difficulty?: { readonly from: number; readonly to: number };
}

/** `gyre import`: an official checkpoint, config.json and model.safetensors, becomes a run. */
export async function importCommand(
  source: string,
  { task: name, group, variant, difficulty, ...options }: ImportOptions,
): Promise<number> {
  const { config, path } = await importOfficial(source, {
    ...options,
    ...learned(name, { group, variant, difficulty }),
  });
  const { family, layers, loops } = config.spec;
  const size = `${groupedText(parameterCount(config.spec))} parameters`;
  console.log(`${path}: ${family}, ${counted(layers.core, "layer")} x ${counted(loops, "loop")}, ${size}`);
  console.log(`${config.tokenizer.kind} tokenizer, ${groupedText(config.tokenizer.vocab)} entries`);
  if (config.task) {
    const { easiest, hardest } = config.task;
    console.log(`learned ${titleOf(config.task)}, difficulties ${easiest} to ${hardest}`);
  }
  return 0;
}

/** The task that the flags name. Throws UsageError, TASK_NAME, TASK_VARIANT. */
function learned(
  name: string | undefined,
  { difficulty, ...form }: { [Flag in "group" | "variant" | "difficulty"]: ImportOptions[Flag] | undefined },
): Pick<OfficialImportOptions, "task"> {
  if (name === undefined) {
    if (difficulty ?? form.group ?? form.variant)
      throw new UsageError("--group, --variant and --difficulty need --task.");
    return {};
  }
  const { variant } = openTask(name, form);
  const range = difficulty && { easiest: difficulty.from, hardest: difficulty.to };
  return { task: { name, ...(variant === undefined ? {} : { variant }), ...range } };
}
