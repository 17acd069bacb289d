import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cannotWrite } from "../checkpoint/errors.ts";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import type { DatasetManifest } from "../data/manifest.ts";
import { reportFiles } from "../report/files.ts";
import { reportName } from "../report/name.ts";
import { readReport } from "../report/read.ts";
import type { MeasuredModel, Report } from "../report/report.ts";
import { sha256Of } from "../util/checksum.node.ts";
import { GyreError } from "../util/errors.ts";
import type { LoadedWeights } from "./weights.node.ts";

/** What the newest report of a folder is called besides its own name. */
const LATEST = "latest";

/** Where a report goes. */
export interface SaveReportOptions {
  readonly folder: string;
  /** The files' name without their endings. Left out, it says what was measured, and latest.md and latest.json are written too. */
  readonly name?: string;
}

/**
 * Writes a report's JSON, drawings and Markdown page into a folder, which is made, and returns their paths, the page's last.
 * By itself a report is called by what it measured, so that it replaces an older report of the same measurement and
 * no other. Throws EVAL_REPORT_EMPTY and CHECKPOINT_WRITE.
 */
export async function saveReport(report: Report, { folder, name }: SaveReportOptions): Promise<string[]> {
  const base = name ?? reportName(report);
  const files = reportFiles(report, base);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw cannotWrite(folder, cause);
  });
  for (const [file, text] of files) await writeFileAtomic(join(folder, file), text);
  await removeOldDrawings(folder, base, files);
  // copies, since not every file system has links; the page's drawings are those of the report itself
  if (name === undefined)
    for (const ending of ["json", "md"])
      await writeFileAtomic(join(folder, `${LATEST}.${ending}`), files.get(`${base}.${ending}`) ?? "");
  return [...files.keys()].map((file) => join(folder, file));
}

/**
 * The reports in a run's own folder of reports, by their files' names, each once. What cannot be read is passed over, and
 * `onWarning` told of it.
 */
export async function reportsIn(path: string, onWarning: (text: string) => void): Promise<Report[]> {
  const folder = join(path, "reports");
  const names = (await readdir(folder).catch(() => [])).filter(
    (name) => name.endsWith(".json") && name !== `${LATEST}.json`,
  );
  const found: Report[] = [];
  for (const name of names.sort()) {
    const file = join(folder, name);
    try {
      found.push(readReport(JSON.parse(new TextDecoder().decode(await readBytes(file))), file));
    } catch (error) {
      if (!(error instanceof GyreError || error instanceof SyntaxError)) throw error;
      onWarning(`${file} is passed over: ${error instanceof GyreError ? error.code : "no JSON"}`);
    }
  }
  return found;
}

/** Drawings that an older report of the name had beyond those of this one. */
async function removeOldDrawings(
  folder: string,
  base: string,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  const isDrawing = (file: string) =>
    file.startsWith(`${base}-`) && /^-\d+\.svg$/.test(file.slice(base.length));
  for (const file of await readdir(folder))
    if (isDrawing(file) && !files.has(file)) await rm(join(folder, file), { force: true });
}

/** A model as a report names it: its run's name, the steps of its checkpoint, and a checksum of its weights. */
export function measuredModel(
  name: string,
  { step, weights }: Pick<LoadedWeights, "step" | "weights">,
): MeasuredModel {
  const tensors = [...weights].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = tensors.flatMap(([tensor, { data, shape }]) => [
    `${tensor} ${shape}`,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
  return { name, step, sha256: sha256Of(...parts) };
}

/** A dataset's validation part as a report names it. */
export function dataOf(manifest: DatasetManifest): NonNullable<Report["provenance"]["data"]> {
  return { name: manifest.source, split: "validation", sha256: sha256Of(JSON.stringify(manifest)) };
}
