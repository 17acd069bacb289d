import { type Calibration, calibrationSchema } from "../measure/calibrate.ts";
import type { Run } from "./config.ts";
import { badCalibration } from "./errors.ts";
import { filePath, hasFile, readRunFile, writeRunFile } from "./files.node.ts";

const file = "calibration.json";

/** Keeps a calibration with its run, and returns where. */
export const saveCalibration = (run: Pick<Run, "path">, calibration: Calibration): Promise<string> =>
  writeRunFile(run, "extra", file, `${JSON.stringify(calibration, null, 2)}\n`);

/** The calibration that was kept with a run, if there is one. Throws RUN_CALIBRATION. */
export async function loadCalibration(run: Pick<Run, "path">): Promise<Calibration | undefined> {
  if (!(await hasFile(run, "extra", file))) return undefined;
  const text = new TextDecoder().decode(await readRunFile(run, "extra", file));
  try {
    return calibrationSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw badCalibration(filePath(run, "extra", file), cause);
  }
}
