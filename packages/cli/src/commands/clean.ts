import { cleanRun, type SpareCheckpoint } from "gyre/node";
import { bytesText, counted } from "../render/format.ts";

export interface CleanFlags {
  readonly keep: number;
  readonly dryRun?: boolean;
}

/** `gyre clean RUN...`: deletes checkpoints that are not the newest good ones. */
export async function cleanCommand(paths: readonly string[], options: CleanFlags): Promise<number> {
  const { keep, dryRun = false } = options;
  // a run that cannot be cleaned is found before anything of the others is deleted
  const spare: SpareCheckpoint[] = [];
  for (const path of paths) spare.push(...(await cleanRun(path, { keep, isTrial: true })));
  if (!dryRun) for (const path of paths) await cleanRun(path, { keep });
  for (const one of spare)
    console.log(`${dryRun ? "would delete" : "deleted"} ${one.path}  ${bytesText(one.bytes)}`);
  const bytes = spare.reduce((total, one) => total + one.bytes, 0);
  if (spare.length === 0) console.log("nothing to delete");
  else console.log(`${counted(spare.length, "checkpoint")}, ${bytesText(bytes)}`);
  return 0;
}
