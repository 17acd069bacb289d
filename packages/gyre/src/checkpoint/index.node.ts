export { readSafetensorsFile, writeFileAtomic, writeSafetensorsFile } from "./files.node.ts";
export { readOfficialFolder, writeOfficialFolder } from "./official.node.ts";
export type { LoadedCheckpoint, RunCheckpoint } from "./run-checkpoints.node.ts";
export { type MetricsRecord, RunDirectory, type SaveCheckpointOptions } from "./run-directory.node.ts";
