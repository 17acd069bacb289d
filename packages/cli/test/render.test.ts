import type { StepEvent } from "gyre";
import { describe, expect, test } from "vitest";
import { bytesText, duration, short } from "../src/render/format.ts";
import { sparkline } from "../src/render/sparkline.ts";
import { StatusLine } from "../src/render/status-line.ts";
import { TrainLine } from "../src/render/train-line.ts";

test("a sparkline runs from its lowest to its highest value and averages what does not fit", () => {
  expect(sparkline([], 8)).toBe("");
  expect(sparkline([1], 8)).toBe("");
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([0, 0, 7, 7], 2)).toBe("▁█");
  expect(sparkline([3, 3, 3], 8)).toBe("▁▁▁");
});

test("durations and counts are short", () => {
  expect([0.4, 59, 75, 3700, 7325].map(duration)).toEqual(["0s", "59s", "1m15s", "1h01m", "2h02m"]);
  expect([172_799, 172_800, 900_000].map(duration)).toEqual(["47h59m", "2d0h", "10d10h"]);
  expect([7, 2048, 12_345_678, 5e9].map(bytesText)).toEqual(["7 bytes", "2.00 KiB", "11.8 MiB", "4.66 GiB"]);
  expect([7, 950, 12_345, 2.5e6, 3e9].map(short)).toEqual(["7", "950", "12.3k", "2.50M", "3.00G"]);
});

function screen(isTTY: boolean) {
  let text = "";
  return {
    isTTY,
    columns: 20,
    write: (more: string) => {
      text += more;
    },
    text: () => text,
  };
}

describe("the status line", () => {
  test("redraws itself within the width of a terminal", () => {
    const out = screen(true);
    const line = new StatusLine(out);
    line.update("a line that is wider than this terminal");
    line.update("done");
    line.print("kept");
    expect(out.text()).toBe("\r\u001b[2Ka line that is wide\r\u001b[2Kdone\r\u001b[2Kkept\n");
  });

  test("is a plain line now and then in a pipe", () => {
    const out = screen(false);
    const line = new StatusLine(out, 60_000);
    line.update("first");
    line.update("left out");
    line.update("kept", true);
    line.clear();
    expect(out.text()).toBe("first\nkept\n");
  });
});

const step = (number: number, loss: number, parts = {}): StepEvent => ({
  type: "step",
  step: number,
  loss,
  parts,
  gradientNorm: 1,
  learningRate: 1e-3,
  noted: {},
  tokens: 1000,
  flops: 5e10,
  elapsedMs: 500,
});

test("a training line says where it is, how fast and how long still", () => {
  const line = new TrainLine(100);
  line.next(step(1, 4));
  expect(line.next(step(2, 3))).toBe("step 2/100  loss 3.0000  2.00k tokens/s  100 GFLOP/s  ETA 49s  █▁");
  expect(line.lossText).toBe("loss 3.5000 (mean of the last 2 steps)");
});

test("a training line shows the part that evaluation measures first, and the other parts beside it", () => {
  const parts = { long: 3.21, short: 3.456789, consistency: 1.2e-5 };
  const line = new TrainLine(10);
  expect(line.lossText).toBeUndefined();
  expect(line.next(step(1, 3.6, parts))).toMatch(
    /^step 1\/10 {2}loss 3\.2100 {2}short 3\.46 {2}consistency 0\.000012 {2}/,
  );
  expect(line.lossText).toBe("loss 3.2100 (mean of the last 1 step)");
});

test("the curve of a training line shows recent steps alone", () => {
  const line = new TrainLine(1000);
  line.next(step(1, 1e6));
  for (let at = 2; at <= 96; at++) line.next(step(at, at));
  expect(line.next(step(97, 97))).toMatch(/▁▁▂▂.*▇██$/);
});
