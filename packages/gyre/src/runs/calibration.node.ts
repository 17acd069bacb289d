import { readReport } from "../report/read.ts";
import type { Calibration, ReportOf } from "../report/report.ts";
import type { Run } from "./config.ts";
import { badCalibration } from "./errors.ts";
import { filePath, hasFile, readRunFile, writeRunFile } from "./files.node.ts";

const file = "calibration.json";

/** Keeps a calibration with its run, for those who decode with it, and returns where. Throws CHECKPOINT_WRITE. */
export const saveCalibration = (run: Pick<Run, "path">, report: ReportOf<"drafts">): Promise<string> =>
  writeRunFile(run, file, `${JSON.stringify(report, null, 1)}\n`);

/** The calibration that was kept with a run, if there is one. Throws RUN_CALIBRATION. */
export async function loadCalibration(run: Pick<Run, "path">): Promise<Calibration | undefined> {
  if (!(await hasFile(run, file))) return undefined;
  const path = filePath(run, file);
  const text = new TextDecoder().decode(await readRunFile(run, file));
  try {
    const report = readReport(JSON.parse(text), path);
    if (report.kind === "drafts") return report.calibration;
  } catch (cause) {
    throw badCalibration(path, cause);
  }
  throw badCalibration(path, new Error("a report on something else than drafts"));
}
