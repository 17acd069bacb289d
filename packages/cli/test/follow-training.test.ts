import type { TrainEvent } from "gyre";
import { expect, test } from "vitest";
import { followTraining } from "../src/follow-training.ts";
import { Interrupt } from "../src/interrupt.ts";
import { StatusLine } from "../src/render/status-line.ts";

/** What is said at the end of two steps of so many seconds and GFLOP each, on a machine that does 100 GFLOP/s. */
async function ended(seconds: number, gflop: number): Promise<{ text: string; measured: number }> {
  async function* events(): AsyncGenerator<TrainEvent> {
    const common = { loss: 1, parts: {}, gradientNorm: 1, learningRate: 1, noted: {}, tokens: 5 };
    for (const step of [1, 2])
      yield { type: "step", step, ...common, flops: 1e9 * gflop, elapsedMs: 1e3 * seconds };
    yield { type: "end", step: 2, reason: "done" };
  }
  const texts: string[] = [];
  let measured = 0;
  const status = new StatusLine({ write: (more: string) => texts.push(more) });
  const peak = async () => {
    measured++;
    return 100e9;
  };
  const next = { goOn: "on", done: ["next"] };
  await followTraining(events(), { path: "run", steps: 2, status, interrupt: new Interrupt(), next, peak });
  return { text: texts.join(""), measured };
}

test("the end of a training tells its speed beside what matrix products reach", async () => {
  const { text, measured } = await ended(20, 1080);
  expect(text).toMatch(/10 tokens in \S+ at 54 GFLOP\/s, 54 % of what matrix products reach here\. next/);
  expect(measured).toBe(1);
});

test("a short training has no speed worth a measurement", async () => {
  const { text, measured } = await ended(10, 1080);
  expect(text).not.toContain("GFLOP/s, ");
  expect(measured).toBe(0);
});
