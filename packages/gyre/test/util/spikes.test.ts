import { expect, test } from "vitest";
import { rng } from "../../src/util/rng.ts";
import { SpikeWatch } from "../../src/util/spikes.ts";

/** What a watch tells of steps, by their number. */
function told(
  steps: number,
  at: (step: number) => { loss?: number; gradientNorm?: number; tokens?: number },
) {
  const watch = new SpikeWatch();
  return Array.from({ length: steps }, (_, step) => {
    const spike = watch.next({ loss: 3, gradientNorm: 1, tokens: 64, ...at(step) });
    return spike && [step, spike.what, spike.value, spike.usual];
  }).filter(Boolean);
}

test("noise around a falling loss, and gradients of any size around theirs, are no spikes", () => {
  const random = rng(1, "noise");
  const steps = (step: number) => ({
    loss: 5 * Math.exp(-step / 500) + 0.3 * random.normal(),
    gradientNorm: Math.exp(0.7 * random.normal()),
  });
  expect(told(3000, steps)).toEqual([]);
});

test("a loss or a gradient norm far above the median of the steps before is one", () => {
  const noise = (step: number) => ((step * 7) % 11) / 100;
  expect(told(60, (step) => ({ loss: step === 50 ? 3.6 : 3 + noise(step) }))).toEqual([
    [50, "loss", 3.6, expect.closeTo(3.05, 1)],
  ]);
  expect(told(60, (step) => ({ gradientNorm: step === 50 ? 11 : 1 + noise(step) }))).toEqual([
    [50, "gradient norm", 11, expect.closeTo(1.05, 1)],
  ]);
});

test("little is no spike, nor is anything before enough steps are known, nor among steps of another size", () => {
  expect(told(60, (step) => ({ loss: step === 50 ? 3.2 : 3 }))).toEqual([]);
  expect(told(60, (step) => ({ loss: step === 31 ? 30 : 3 }))).toEqual([]);
  expect(told(99, (step) => ({ loss: step < 50 ? 3 : 9, tokens: step < 50 ? 64 : 128 }))).toEqual([]);
});

test("spikes that follow each other are told less and less often", () => {
  const steps = told(3000, (step) => ({ loss: step >= 40 && step % 10 === 0 ? 30 : 3 })).map(
    (one) => one?.[0],
  );
  expect(steps).toEqual([40, 150, 560, 2170]);
});
