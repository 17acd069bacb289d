// `npm run faults [-- --only NAME,... --seed N --share X]`: attacks on what must never give way, for a few minutes before a
// release. Prints its seed, and a table at the end; exits 1 where something did not hold.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { damage } from "./damage.ts";
import { evaluation } from "./evaluation.ts";
import { kills } from "./kills.ts";
import { memory } from "./memory.ts";
import { safetensors } from "./mutations.ts";
import type { FaultPart, Outcome } from "./part.ts";
import { sampling } from "./sampling.ts";
import { bodies, streams } from "./server.ts";

const parts: readonly FaultPart[] = [
  kills,
  safetensors,
  damage,
  streams,
  bodies,
  memory,
  evaluation,
  sampling,
];

function refuse(given: string, expected: string): never {
  console.error(`${given}\n  expected: ${expected}`);
  process.exit(2);
}

function parsed() {
  const options = { only: { type: "string" }, seed: { type: "string" }, share: { type: "string" } } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse((error as Error).message, "[--only NAME,...] [--seed N] [--share X]");
  }
}

function readOptions() {
  const { only, seed = `${Date.now() % 1e6}`, share = "1" } = parsed();
  const names = only?.split(",") ?? parts.map(({ name }) => name);
  const chosen = names.map(
    (name) =>
      parts.find((part) => part.name === name) ??
      refuse(`--only ${name}`, parts.map((part) => part.name).join(", ")),
  );
  if (!/^\d+$/.test(seed)) refuse(`--seed ${seed}`, "a whole number");
  if (!(Number(share) > 0 && Number(share) <= 1))
    refuse(`--share ${share}`, "a number above 0 and at most 1");
  return { chosen, seed: Number(seed), share: Number(share) };
}

async function attack(
  part: FaultPart,
  seed: number,
  share: number,
): Promise<Outcome & { elapsedMs: number }> {
  const folder = await mkdtemp(join(tmpdir(), `gyre-faults-${part.name}-`));
  const begun = performance.now();
  const isTerminal = process.stderr.isTTY;
  const note = (text: string) => isTerminal && process.stderr.write(`\r\x1b[K  ${part.name}: ${text}`);
  try {
    const outcome = await part
      .run({ seed, share, folder, note })
      .catch((error: Error) => ({ attacks: 0, broken: [`${error.stack}`], measured: "" }));
    return { ...outcome, elapsedMs: performance.now() - begun };
  } finally {
    if (isTerminal) process.stderr.write("\r\x1b[K");
    await rm(folder, { recursive: true, force: true });
  }
}

const { chosen, seed, share } = readOptions();
console.log(
  `seed ${seed}${share < 1 ? `, share ${share}` : ""}; the same attacks again: npm run faults -- --seed ${seed}`,
);
const rows: string[][] = [["part", "attacks", "broken", "s", "measured"]];
for (const part of chosen) {
  console.log(`${part.name}: ${part.summary}`);
  const { attacks, broken, measured, elapsedMs } = await attack(part, seed, share);
  for (const line of broken.slice(0, 10)) console.log(`  BROKEN ${line}`);
  if (broken.length > 10) console.log(`  and ${broken.length - 10} more`);
  rows.push([part.name, `${attacks}`, `${broken.length}`, (elapsedMs / 1000).toFixed(1), measured]);
  if (broken.length > 0) process.exitCode = 1;
}
const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
console.log();
for (const row of rows)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
// what an attack left hanging, such as a read that never answers, would keep the process alive
process.exit();
