import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { errorIn, type Job, runJobs } from "../../src/sweep/jobs.node.ts";
import { requireSlurm, slurmScript, submit, tasksLeft } from "../../src/sweep/slurm.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-jobs-"));
});
afterEach(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const shell = ["sh", "-c"] as const;
const job = (name: string, script: string): Job => ({ words: [script], log: at(name) });
const never = new AbortController().signal;

describe("runJobs", () => {
  test("runs so many at a time, keeps what they say, and tells their lines and how they ended", async () => {
    const jobs = [
      job("a", "echo one; sleep 0.2; echo two"),
      job("b", "echo 'SOME_ERROR: three' >&2; exit 3"),
      job("c", "echo four"),
    ];
    let [running, mostRunning] = [0, 0];
    const lines: string[] = [];
    const codes = new Map<string, number>();
    await runJobs(jobs, {
      ...{ command: shell, most: 2, signal: never },
      onStart: () => (mostRunning = Math.max(mostRunning, ++running)),
      onLine: (_, line) => lines.push(line),
      onEnd: async ({ log }, code) => {
        running--;
        codes.set(log, code);
      },
    });
    expect([running, mostRunning]).toEqual([0, 2]);
    expect(lines.sort()).toEqual(["SOME_ERROR: three", "four", "one", "two"]);
    expect(Object.fromEntries(codes)).toEqual({ [at("a")]: 0, [at("b")]: 3, [at("c")]: 0 });
    expect(await readFile(at("a"), "utf8")).toBe(`$ gyre ${jobs[0]?.words}\none\ntwo\n`);
    expect(await Promise.all(["a", "b"].map((name) => errorIn(at(name))))).toEqual([
      undefined,
      "SOME_ERROR: three",
    ]);
    await runJobs([job("b", "echo well")], { command: shell, most: 1, signal: never });
    expect(await errorIn(at("b"))).toBeUndefined();
  });

  test("a signal lets those at work stop as at Ctrl-C, and starts no other", async () => {
    const controller = new AbortController();
    const jobs = [
      job("a", "trap 'echo saved; exit 130' INT; echo ready; while :; do sleep 0.05; done"),
      job("b", "echo b"),
    ];
    const codes: number[] = [];
    await runJobs(jobs, {
      ...{ command: shell, most: 1, signal: controller.signal },
      onLine: () => controller.abort(),
      onEnd: async (_, code) => void codes.push(code),
    });
    expect(codes).toEqual([130]);
    expect(await readFile(at("a"), "utf8")).toContain("saved");
  });
});

describe("Slurm", () => {
  const array = (jobs: readonly Job[]) =>
    slurmScript({ jobs, command: [...shell], threads: 2, most: 3, folder, output: at("tasks.log") });

  test("a script has a task for each job, which says in its log what it does", async () => {
    const script = array([job("a", "echo first"), job("it's", "echo second")]);
    expect(script).toContain("#SBATCH --array=0-1%3\n");
    expect(script).toContain("#SBATCH --cpus-per-task=2\n");
    await writeFile(at("array.sh"), script);
    execFileSync("sh", [at("array.sh")], { env: { ...process.env, SLURM_ARRAY_TASK_ID: "1" } });
    expect(await readFile(at("it's"), "utf8")).toBe("$ gyre echo second\nsecond\n");
    expect(existsSync(at("a"))).toBe(false);
  });

  test("a job is submitted by sbatch and watched by squeue; without them the error says so", async () => {
    const path = process.env["PATH"];
    const command = async (name: string, text: string) => {
      await writeFile(at(name), `#!/bin/sh\n${text}\n`);
      await chmod(at(name), 0o755);
    };
    try {
      process.env["PATH"] = folder;
      const error = await rejectionOf(requireSlurm());
      expect(error.code).toBe("SWEEP_SLURM");
      expect(error.detail.given).toMatch(/^--slurm, but sbatch failed: .*ENOENT/);
      expect(await tasksLeft(folder)).toBe(0);
      await command("sbatch", `echo "77;cluster"`);
      await command("squeue", `[ "$5" = 77 ] && echo 77_1 && echo 77_2`);
      await requireSlurm();
      expect(await submit("#!/bin/sh\n", folder)).toBe("77");
      expect(await readFile(at("slurm.sh"), "utf8")).toBe("#!/bin/sh\n");
      expect(await tasksLeft(folder)).toBe(2);
    } finally {
      process.env["PATH"] = path;
    }
  });
});
