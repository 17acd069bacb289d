import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { commandMissing } from "./errors.ts";
import { alternate, type Provenance, repositoryRoot, round, table } from "./harness.ts";

export interface StartupOptions {
  readonly rounds: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
  /** The script timed with `--help`; packages/cli/bin/gyre.js unless a test names another. */
  readonly script?: string;
}

/** Cold starts in milliseconds: the medians, the best, and what `gyre --help` adds to bare node (of the medians). */
export interface StartupResult {
  readonly bench: "startup";
  readonly gyreHelp: { readonly ms: number; readonly msBest: number };
  readonly node: { readonly ms: number; readonly msBest: number };
  readonly overheadMs: number;
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
  const summary = ({ median, best }: { median: number; best: number }) => ({
    ms: round(median),
    msBest: round(best),
  });
  return {
    bench: "startup",
    gyreHelp: summary(samples.help),
    node: summary(samples.bare),
    overheadMs: round(samples.help.median - samples.bare.median),
    rounds: options.rounds,
    provenance: options.provenance,
  };
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
  ];
  return table(rows);
}
