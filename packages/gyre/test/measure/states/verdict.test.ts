import { describe, expect, test } from "vitest";
import { judge, thresholds, verdictText } from "../../../src/measure/states/verdict.ts";
import type { DialPoint } from "../../../src/report/states.ts";

const dial = (...losses: number[]): DialPoint[] =>
  losses.map((loss, index) => ({
    loops: index + 1,
    loss,
    worse: loss - Math.min(...losses.slice(0, index + 1)),
    stderr: 0.001,
  }));
const flat = dial(3, 2.5, 2.4, 2.3);
/** Changes of a linear map's powers: each rho times the one before. */
const powers = (rho: number, loops = 8) => Array.from({ length: loops }, (_, loop) => 0.5 * rho ** loop);
const of = (rho: number, radius = rho) => judge({ changes: powers(rho), radius, dial: flat, fullDepth: 4 });

describe("tendency", () => {
  test("a linear map settles below 1, drifts above, and is marginal at it; the trend is its eigenvalue", () => {
    expect(of(0.8)).toMatchObject({ tendency: "settling", fromChanges: "settling", fromRadius: "settling" });
    expect(of(1.2)).toMatchObject({ tendency: "drifting", fromChanges: "drifting", fromRadius: "drifting" });
    expect(of(1)).toMatchObject({ tendency: "marginal" });
    for (const rho of [0.5, 0.8, 1, 1.2]) expect(of(rho).trend).toBeCloseTo(rho, 12);
  });

  test("just inside the margin is marginal, just outside is not", () => {
    const { margin } = thresholds;
    expect(of(1 - 0.99 * margin).tendency).toBe("marginal");
    expect(of(1 - 1.01 * margin).tendency).toBe("settling");
    expect(of(1 + 0.99 * margin).tendency).toBe("marginal");
    expect(of(1 + 1.01 * margin).tendency).toBe("drifting");
  });

  test("signals that disagree are marginal", () => {
    expect(of(0.8, 1.3)).toMatchObject({
      tendency: "marginal",
      fromChanges: "settling",
      fromRadius: "drifting",
    });
    expect(of(1.2, 0.5)).toMatchObject({
      tendency: "marginal",
      fromChanges: "drifting",
      fromRadius: "settling",
    });
  });

  test("states that hardly move have settled, however the little that is left behaves", () => {
    const changes = [0.5, 1e-5, 1e-5, 2e-5];
    expect(judge({ changes, radius: 0.5, dial: flat, fullDepth: 4 }).tendency).toBe("settling");
  });

  test("a state that stops has trend 0; of one loop there is no trend", () => {
    const seen = { radius: 0, dial: flat, fullDepth: 4 };
    expect(judge({ ...seen, changes: [0.5, 0.1, 0] })).toMatchObject({ trend: 0, tendency: "settling" });
    expect(judge({ ...seen, changes: [0.5] })).toMatchObject({ trend: 1, tendency: "marginal" });
    expect(judge({ ...seen, changes: [0, 0, 0, 0.2] })).toMatchObject({
      trend: Infinity,
      fromChanges: "drifting",
    });
  });
});

describe("safe loops", () => {
  const safe = (points: DialPoint[], fullDepth = 4) => {
    const { safeLoops, isLimited } = judge({ changes: powers(0.8), radius: 0.8, dial: points, fullDepth });
    return { safeLoops, isLimited };
  };

  test("all that were tried, where more never cost", () => {
    expect(safe(dial(3, 2.5, 2.4, 2.3, 2.3, 2.305))).toEqual({ safeLoops: 6, isLimited: false });
  });

  test("up to the last before the loss rises by more than a percent of perplexity", () => {
    expect(safe(dial(3, 2.5, 2.4, 2.3, 2.305, 2.35, 2.3))).toEqual({ safeLoops: 5, isLimited: true });
  });

  test("a rise below full depth that full depth makes good does no harm", () => {
    expect(safe(dial(2.5, 2.9, 2.4, 2.3))).toEqual({ safeLoops: 4, isLimited: false });
  });

  test("fewer than full depth, where the loops in between do harm", () => {
    expect(safe(dial(2.5, 2.4, 2.9, 2.8))).toEqual({ safeLoops: 2, isLimited: true });
  });

  test("a rise within two standard errors is noise; a loss that is no number is harm", () => {
    const noisy = dial(3, 2.5, 2.4, 2.3, 2.35).map((point) => ({ ...point, stderr: 0.03 }));
    expect(safe(noisy)).toEqual({ safeLoops: 5, isLimited: false });
    expect(safe(dial(3, 2.5, 2.4, 2.3, Number.NaN))).toEqual({ safeLoops: 4, isLimited: true });
  });
});

test("in words, with the numbers", () => {
  const verdict = judge({
    changes: powers(0.8),
    radius: 0.7,
    dial: dial(3, 2.5, 2.4, 2.3, 2.9),
    fullDepth: 4,
  });
  expect(verdictText(verdict, { fullDepth: 4, tried: 5, radius: 0.7 })).toMatchInlineSnapshot(`
    [
      "Settling: each loop changes the states less than the one before, and small disturbances die out.",
      "From loop to loop the change of states is multiplied by 0.80 (settling); the last loop multiplies a small turn of them by up to 0.70 (settling).",
      "Do not turn the dial beyond 4: the next number of loops costs more than 0.01 nats per token. It was trained at 4; up to 5 were tried.",
    ]
  `);
});
