import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { BenchConfig, IclConfig } from "../configs.ts";
import { openPromptStep } from "./open-prompt-step.ts";
import { openStep, type Step } from "./open-step.ts";

/** VmHWM (peak) of this process in MiB; where there is no /proc, what the system counts. */
function peakMiB(): number {
  try {
    const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kib !== undefined) return Number(kib) / 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS / 1024;
}

async function run(opened: Step, count: number): Promise<{ ms: number[]; loss: number }> {
  const ms: number[] = [];
  let loss = Number.NaN;
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    loss = await opened.step();
    ms.push(performance.now() - start);
  }
  return { ms, loss };
}

async function serve(open: () => Promise<Step>): Promise<void> {
  const baselineMiB = peakMiB();
  let opened: Step | undefined;
  const reply = async (request: string, count: number): Promise<object> => {
    if (request === "peak") return { peakMiB: peakMiB(), baselineMiB };
    if (request !== "step") return { error: `unknown request "${request}": step N, peak or quit` };
    opened ??= await open();
    return await run(opened, count);
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const [request = "", count] = line.trim().split(/\s+/);
    if (request === "quit") break;
    answer(await reply(request, Number(count)).catch((error: unknown) => ({ error: String(error) })));
  }
  process.stdin.destroy();
}

function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    threads: { type: "string" },
    recompute: { type: "boolean" },
    prompts: { type: "boolean" },
    scored: { type: "string" },
  },
});
const config = JSON.parse(values.config ?? "{}") as BenchConfig & IclConfig;
const threads = Number(values.threads ?? 2);
const recompute = values.recompute === true;
await serve(() =>
  values.prompts
    ? openPromptStep(config, threads)
    : openStep(config, threads, { recompute, ...(values.scored ? { scored: Number(values.scored) } : {}) }),
);
