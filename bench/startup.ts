import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../packages/gyre/src/util/statistics.ts";
import { type ConfigName, configs } from "./configs.ts";
import { commandMissing } from "./errors.ts";
import { alternate, type Provenance, repositoryRoot, round, table } from "./harness.ts";

export interface StartupOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
  /** The script timed with `--help`; packages/cli/bin/gyre.js unless a test names another. */
  readonly script?: string;
}

/** Cold starts in milliseconds: the medians, the best, and what `gyre --help` adds to bare node (of the medians). */
export interface StartupResult {
  readonly bench: "startup";
  readonly config: ConfigName;
  readonly gyreHelp: { readonly ms: number; readonly msBest: number };
  readonly node: { readonly ms: number; readonly msBest: number };
  readonly overheadMs: number;
  /** From the start of `gyre train` on prepared data until its first step runs; the vocabulary is of bytes. */
  readonly running: { readonly ms: number; readonly msBest: number };
  /** The same to the end of that step. */
  readonly firstStep: { readonly ms: number; readonly msBest: number };
  readonly rounds: number;
  readonly provenance: Provenance;
}

/** Times `gyre --help`, as built, in turn with `node -e 0`. */
export async function benchStartup(options: StartupOptions): Promise<StartupResult> {
  const script = options.script ?? join(repositoryRoot, "packages/cli/bin/gyre.js");
  const help = () =>
    Promise.resolve([startMs([script, "--help"], () => commandMissing("packages/cli/bin/gyre.js"))]);
  const bare = () => Promise.resolve([startMs(["-e", "0"], () => commandMissing("node"))]);
  await alternate({ help, bare }, 2);
  options.print(`timing: ${options.rounds} rounds`);
  const samples = await alternate({ help, bare }, options.rounds);
  const firstSteps = await timeFirstSteps(script, options.config, Math.ceil(options.rounds / 3));
  const summary = ({ median, best }: { median: number; best: number }) => ({
    ms: round(median),
    msBest: round(best),
  });
  const summarise = (times: readonly number[]) =>
    summary({ median: median(times), best: Math.min(...times) });
  return {
    bench: "startup",
    config: options.config,
    gyreHelp: summary(samples.help),
    node: summary(samples.bare),
    overheadMs: round(samples.help.median - samples.bare.median),
    running: summarise(firstSteps.map(({ runs }) => runs)),
    firstStep: summarise(firstSteps.map(({ ends }) => ends)),
    rounds: options.rounds,
    provenance: options.provenance,
  };
}

/** Prepares a small text, then starts training on it again and again, each time until the first step is reported. */
async function timeFirstSteps(script: string, config: ConfigName, rounds: number): Promise<FirstStep[]> {
  const folder = mkdtempSync(join(tmpdir(), "gyre-startup-"));
  try {
    const text = join(folder, "text.txt");
    writeFileSync(text, "The state of our union is strong, and its people are free.\n".repeat(4000));
    const data = join(folder, "data");
    const prepare = [script, "prepare", text, data, "--tokenizer", "bytes"];
    if (spawnSync(process.execPath, prepare, { stdio: "ignore" }).status !== 0) throw commandMissing(script);
    const times: FirstStep[] = [];
    for (let turn = 0; turn < rounds; turn++)
      times.push(
        await firstStepMs([script, "train", data, "--out", join(folder, `run${turn}`), ...sizeFlags(config)]),
      );
    return times;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeFlags(config: ConfigName): string[] {
  const { layers, loops, width, heads, mlp, context, batch } = configs[config];
  const sizes = { layers, loops, width, heads, mlp, context, batch };
  return Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Milliseconds since the command was started. */
interface FirstStep {
  readonly runs: number;
  readonly ends: number;
}

async function firstStepMs(command: readonly string[]): Promise<FirstStep> {
  const start = performance.now();
  const child = spawn(process.execPath, [...command], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  let said = "";
  let runs: number | undefined;
  for await (const text of child.stderr.setEncoding("utf8")) {
    said += text;
    if (/step 1\/\d+ runs/.test(said)) runs ??= performance.now() - start;
    if (/step 1\/\d+ {2}loss/.test(said)) break;
  }
  const ends = performance.now() - start;
  child.kill("SIGKILL");
  await closed;
  if (runs === undefined || !said.includes("loss")) throw commandMissing("gyre train");
  return { runs, ends };
}

function startMs(args: readonly string[], failed: () => Error): number {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [...args], { stdio: "ignore" });
  const elapsed = performance.now() - start;
  if (status !== 0) throw failed();
  return elapsed;
}

/** The result as a table for people. */
export function startupTable(result: StartupResult): string {
  const rows = [
    ["startup", "ms", "best"],
    ["gyre --help", result.gyreHelp.ms, result.gyreHelp.msBest],
    ["node -e 0", result.node.ms, result.node.msBest],
    ["difference", result.overheadMs, ""],
    [`gyre train, until its first step of ${result.config} runs`, result.running.ms, result.running.msBest],
    ["gyre train, to the end of that step", result.firstStep.ms, result.firstStep.msBest],
  ];
  return table(rows);
}
