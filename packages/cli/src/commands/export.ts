import { exportOfficial, openRun, type WhichCheckpoint, type WhichWeights } from "gyre/node";

export interface ExportOptions {
  /** As imported, or float32, when left out. */
  readonly dtype?: keyof typeof types;
  /** What stands before each tensor's name: `gpt.` or nothing; as imported, or `gpt.`, when left out. */
  readonly prefix?: keyof typeof prefixes;
  readonly force?: boolean;
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
}

const types = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;
const prefixes = { gpt: "gpt.", none: "" } as const;

/** `gyre export`: the model of a run as an official checkpoint. */
export async function exportCommand(
  path: string,
  target: string,
  { dtype, prefix, force = false, checkpoint, weights }: ExportOptions,
): Promise<number> {
  const files = await exportOfficial(await openRun(path, ["text", "imported", "task"]), target, {
    force,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(weights === undefined ? {} : { weights }),
    ...(dtype === undefined ? {} : { dtype: types[dtype] }),
    ...(prefix === undefined ? {} : { prefix: prefixes[prefix] }),
  });
  console.log(`${target}: ${files.join(", ")}`);
  return 0;
}
