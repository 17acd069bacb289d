import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import { reasonOf } from "../util/errors.ts";
import { noSlurm } from "./errors.ts";
import { headerOf, type Job } from "./jobs.node.ts";

const run = promisify(execFile);

/** An array of jobs, and what each is given. */
export interface SlurmArray {
  readonly jobs: readonly Job[];
  /** What every task starts with: an executable and its first words. */
  readonly command: readonly string[];
  readonly threads: number;
  /** Tasks at a time; as many as the cluster gives by default. */
  readonly most?: number | undefined;
  /** Where the tasks start, and what they say before they do. */
  readonly folder: string;
  readonly output: string;
}

/** A word as a shell reads it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * One job script whose array has a task for each command. Partition, account and time come from sbatch's own environment
 * (SBATCH_PARTITION and so on); a task that runs out of time is told a minute before, so that it saves.
 */
export function slurmScript({ jobs, command, threads, most, folder, output }: SlurmArray): string {
  const task = ({ words, log }: Job, index: number) => {
    const line = [...command, ...words].map(quoted).join(" ");
    return `${index})\n  exec >>${quoted(log)} 2>&1\n  echo ${quoted(headerOf(words))}\n  exec ${line} ;;`;
  };
  return `#!/bin/sh
#SBATCH --job-name=gyre-sweep
#SBATCH --array=0-${jobs.length - 1}${most === undefined ? "" : `%${most}`}
#SBATCH --cpus-per-task=${threads}
#SBATCH --signal=B:TERM@60
#SBATCH --output=${output}
#SBATCH --chdir=${folder}
case "$SLURM_ARRAY_TASK_ID" in
${jobs.map(task).join("\n")}
esac
`;
}

/** Throws SWEEP_SLURM where Slurm takes no jobs. */
export async function requireSlurm(): Promise<void> {
  await run("sbatch", ["--version"]).catch((cause: unknown) => {
    throw noSlurm("sbatch", reasonOf(cause));
  });
}

const scriptFile = "slurm.sh";
const jobFile = "slurm-job";

/** Writes a job script into a sweep's folder and submits it; the job's number. Throws SWEEP_SLURM, CHECKPOINT_WRITE. */
export async function submit(script: string, folder: string): Promise<string> {
  const path = join(folder, scriptFile);
  await writeFileAtomic(path, script);
  const { stdout } = await run("sbatch", ["--parsable", path]).catch((cause: unknown) => {
    throw noSlurm("sbatch", reasonOf(cause));
  });
  const job = stdout.trim().split(";")[0] ?? "";
  await writeFileAtomic(join(folder, jobFile), `${job}\n`);
  return job;
}

/** Tasks of the job that was submitted for a sweep that wait or run; none of a job that Slurm has forgotten. */
export async function tasksLeft(folder: string): Promise<number> {
  const bytes = await readBytes(join(folder, jobFile)).catch(() => undefined);
  if (!bytes) return 0;
  const words = ["--noheader", "--array", "--format=%i", "--jobs", new TextDecoder().decode(bytes).trim()];
  const { stdout } = await run("squeue", words).catch(() => ({ stdout: "" }));
  return stdout.split("\n").filter((line) => line.trim() !== "").length;
}
