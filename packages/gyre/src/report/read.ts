import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { reportInvalid, reportNewer } from "./errors.ts";
import { olderReport } from "./older.ts";
import { type Report, reportSchema } from "./report.ts";

const VERSION = 2;
const versionedSchema = z.looseObject({ version: z.int().positive() });

/**
 * A report from parsed JSON, of this version or an older one; `source` names it in errors. Throws EVAL_REPORT with every
 * wrong field, and EVAL_REPORT_VERSION for a report of a version to come.
 */
export function readReport(value: unknown, source = "report"): Report {
  const check = <T>(schema: z.ZodType<T>, given: unknown): T => {
    const parsed = schema.safeParse(given, { error: inWords });
    if (parsed.success) return parsed.data;
    throw reportInvalid(source, problemsOf(parsed.error, "report"));
  };
  const { version } = check(versionedSchema, value);
  if (version > VERSION) throw reportNewer(source, version);
  return check(reportSchema, version === VERSION ? value : check(olderReport, value));
}
