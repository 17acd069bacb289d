import { readReport } from "../report/read.ts";
import type { Calibration, ReportOf } from "../report/report.ts";
import { GyreError } from "../util/errors.ts";
import { badCalibration } from "./errors.ts";
import type { Run } from "./run.node.ts";

const CALIBRATION = "calibration.json";

/** Keeps a calibration with its run, for those who decode with it. Throws CHECKPOINT_WRITE. */
export async function saveCalibration({ directory }: Run, report: ReportOf<"drafts">): Promise<string> {
  await directory.writeExtra(CALIBRATION, `${JSON.stringify(report, null, 1)}\n`);
  return directory.extraPath(CALIBRATION);
}

/** The calibration that was kept with a run, if there is one. Throws RUN_DAMAGED. */
export async function loadCalibration({ directory }: Run): Promise<Calibration | undefined> {
  const path = directory.extraPath(CALIBRATION);
  const text = await directory.readExtra(CALIBRATION).catch((error: unknown) => {
    if (error instanceof GyreError && error.code === "RUN_FILE_MISSING") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const report = readReport(JSON.parse(new TextDecoder().decode(text)), path);
    if (report.kind === "drafts") return report.calibration;
  } catch (cause) {
    throw badCalibration(path, cause);
  }
  throw badCalibration(path, new Error("a report on something else than drafts"));
}
