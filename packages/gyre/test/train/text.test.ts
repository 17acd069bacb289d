import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { learnableTokens } from "../../../../scripts/golden-case.ts";
import { memorySplit } from "../../src/data/windows.ts";
import { evaluate } from "../../src/measure/evaluate.ts";
import { trainingFlops } from "../../src/models/describe.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { parseTraining, type TrainingInput } from "../../src/train/options.ts";
import { train } from "../../src/train/text.ts";
import { errorOf, rejectionOf } from "../checkpoint/helpers.ts";
import { largestGap, tinySize } from "../models/tiny.ts";
import { bytesOf, copyOf, options, stepsOf, trained } from "./helpers.ts";

const { gpt, baseLoop, tmlt, loopformer } = presets;
const data = learnableTokens(400, tinySize.vocab);
const spec = loopformer(tinySize);
const elastic = { kind: "elastic" } as const;
let runtime: OnnxRuntime;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const run = (changes: Partial<TrainingInput> = {}, of = spec) =>
  trained({ spec: of, training: options(of, changes), runtime, data });
describe("events", () => {
  test("start, steps, checkpoints between them and at the end, end", async () => {
    const saved: number[] = [];
    const training = options(spec, { steps: 5, objective: elastic });
    const save = async ({ step }: TrainState) => void saved.push(step);
    const { events, state } = await trained({ spec, training, runtime, data, save, checkpointEvery: 2 });
    expect(events.map((event) => `${event.type} ${event.step}`)).toEqual([
      "start 0",
      "compiled 0",
      "step 1",
      "step 2",
      "checkpoint 2",
      "step 3",
      "step 4",
      "checkpoint 4",
      "step 5",
      "checkpoint 5",
      "end 5",
    ]);
    expect(events[0]).toEqual({ type: "start", step: 0, steps: 5 });
    expect(events.at(-1)).toEqual({ type: "end", step: 5, reason: "done" });
    expect(saved).toEqual([2, 4, 5]);
    expect(state.step).toBe(5);
  });

  test("a step says what it did", async () => {
    const { events } = await run({ steps: 6, batch: 3, microBatches: 2, objective: elastic, warmupSteps: 2 });
    for (const event of stepsOf(events)) {
      expect(event.tokens).toBe(3 * 2 * spec.context);
      const { shortLoops = [] } = event.noted;
      expect(shortLoops).toHaveLength(2);
      expect(shortLoops.every((loops) => loops >= 1 && loops < spec.loops)).toBe(true);
      expect(Object.keys(event.parts)).toEqual(["long", "short", "consistency"]);
      const { long = 0, short = 0, consistency = 0 } = event.parts;
      expect(event.loss).toBeCloseTo(long + 0.1 * short + 0.1 * consistency, 5);
      const loops = 2 * spec.loops + shortLoops.reduce((sum, of) => sum + of, 0);
      const heads = trainingFlops(spec, 0, 3 * spec.context);
      expect(event.flops).toBe(trainingFlops(spec, loops, 3 * spec.context) + 3 * heads);
      expect(event.gradientNorm).toBeGreaterThan(0);
    }
    const rates = stepsOf(events).map(({ learningRate }) => learningRate);
    expect(rates.slice(0, 3)).toEqual([1e-3 / 3, 2e-3 / 3, 1e-3]);
    expect(rates[5]).toBeCloseTo(1e-4 + 4.5e-4 * (1 + Math.cos(0.75 * Math.PI)), 12);
  });

  test("initStd decides where the weights start", async () => {
    const { state: drawn } = await run({ steps: 2, initStd: 0.08 });
    const training = options(spec, { steps: 2 });
    const given = await trained({ spec, training, runtime, data, state: initialState(spec, 1, 0.08) });
    expect(bytesOf(drawn)).toEqual(bytesOf(given.state));
    const { state: usual } = await run({ steps: 2 });
    expect(bytesOf(usual)).not.toEqual(bytesOf(drawn));
  });

  test("a run without a short part has no numbers for it", async () => {
    const [event] = stepsOf((await run({ steps: 1 })).events);
    expect(event).toMatchObject({ parts: { long: event?.loss }, noted: {} });
    expect(Object.keys(event?.parts ?? {})).toEqual(["long"]);
  });

  test("a prefix costs nothing: only LoopFormer's short run has FLOPs of its own", async () => {
    for (const of of [baseLoop(tinySize), tmlt(tinySize)]) {
      const [event] = stepsOf((await run({ steps: 1, objective: elastic }, of)).events);
      expect(event?.flops).toBe(trainingFlops(of, of.loops, 2 * of.context));
    }
  });
});

describe("learning", () => {
  test.each(familyNames)("%s learns the rule of the tokens", async (name) => {
    const of = presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize);
    const objective = name === "gpt" ? ({ kind: "final" } as const) : elastic;
    const { events } = await run({ steps: 150, batch: 8, learningRate: 0.02, objective }, of);
    const losses = stepsOf(events).map(({ parts }) => parts["long"]);
    expect(losses[0]).toBeCloseTo(Math.log(tinySize.vocab), 1);
    expect(losses.at(-1)).toBeLessThan(1.2);
  });
});

describe("seeds", () => {
  test("the same seed gives the same weights, bit for bit; another seed others", async () => {
    const [a, b, c] = [
      await run({ seed: 1, objective: elastic }),
      await run({ seed: 1, objective: elastic }),
      await run({ seed: 2, objective: elastic }),
    ];
    expect(bytesOf(a.state)).toEqual(bytesOf(b.state));
    expect(bytesOf(a.state)).not.toEqual(bytesOf(c.state));
    const losses = ({ events }: typeof a) => stepsOf(events).map(({ loss }) => loss);
    expect(losses(a)).toEqual(losses(b));
    expect(losses(a)).not.toEqual(losses(c));
  });

  test("short trajectories differ from step to step and, where asked, from micro-batch to micro-batch", async () => {
    const of = loopformer({ ...tinySize, loops: 8 });
    const drawn = async (trajectoryPer: "step" | "micro-batch") => {
      const { events } = await run({ steps: 6, microBatches: 2, objective: elastic, trajectoryPer }, of);
      return stepsOf(events).map(({ noted: { shortLoops = [] } }) => shortLoops);
    };
    const [perStep, perMicro] = [await drawn("step"), await drawn("micro-batch")];
    expect(new Set(perStep.map(([first]) => first)).size).toBeGreaterThan(1);
    expect(perStep.every(([first, second]) => first === second)).toBe(true);
    expect(perMicro.some(([first, second]) => first !== second)).toBe(true);
    expect(perMicro.map(([first]) => first)).toEqual(perStep.map(([first]) => first));
  });
});

describe("gradient accumulation", () => {
  // With two loops the short run always has one, so both ways see the same windows and trajectories.
  const twoLoops = loopformer({ ...tinySize, loops: 2 });
  const after = async (changes: Partial<TrainingInput>) => {
    const training = options(twoLoops, { steps: 2, objective: elastic, epsilon: 1, ...changes });
    return trained({ spec: twoLoops, training, runtime: interpreterRuntime(), data });
  };

  test("k micro-batches of b sequences equal one of k b sequences, up to rounding", async () => {
    const whole = await after({ batch: 6, microBatches: 1 });
    for (const [batch, microBatches] of [
      [3, 2],
      [2, 3],
      [1, 6],
    ] as const) {
      const parts = await after({ batch, microBatches });
      for (const [index, event] of stepsOf(parts.events).entries()) {
        const expected = stepsOf(whole.events)[index];
        expect(event.loss).toBeCloseTo(expected?.loss ?? 0, 9);
        expect(event.gradientNorm).toBeCloseTo(expected?.gradientNorm ?? 0, 9);
        expect(event.tokens).toBe(expected?.tokens);
      }
      for (const [name, { data: weights }] of parts.state.weights) {
        expect(largestGap(weights, whole.state.weights.get(name)?.data ?? []), name).toBeLessThan(1e-7);
      }
    }
  });
});

describe("going on from a saved state", () => {
  test.each([
    [loopformer(tinySize), { sampler: "official" }],
    [loopformer(tinySize), { sampler: "uniform", recompute: true }],
    [tmlt(tinySize), {}],
  ] as const)("equals a run that never stopped, bit for bit ($family)", async (of, changes) => {
    const training = options(of, {
      steps: 6,
      microBatches: 2,
      objective: elastic,
      warmupSteps: 2,
      ...changes,
    });
    const kept: TrainState[] = [];
    const save = async (state: TrainState) => void kept.push(copyOf(state));
    const whole = await trained({ spec: of, training, runtime, data, save, checkpointEvery: 2 });
    for (const state of kept.slice(0, 2)) {
      const { step } = state;
      const rest = await trained({ spec: of, training, runtime, data, state });
      expect(bytesOf(rest.state)).toEqual(bytesOf(whole.state));
      const timeless = (events: typeof rest.events) =>
        stepsOf(events).map(({ elapsedMs: _, ...event }) => event);
      expect(timeless(rest.events)).toEqual(timeless(whole.events).slice(step));
    }
  });

  test("a constant schedule that is stopped before its cooldown becomes the longer run, bit for bit", async () => {
    const constant = { schedule: "constant", cooldownSteps: 2 } as const;
    const kept: TrainState[] = [];
    const save = async (state: TrainState) => void kept.push(copyOf(state));
    const short = options(spec, { steps: 4, ...constant });
    await trained({ spec, training: short, runtime, data, save, checkpointEvery: 2 });
    const training = options(spec, { steps: 6, ...constant });
    const longer = await trained({ spec, training, runtime, data, state: kept[0] as TrainState });
    expect(bytesOf(longer.state)).toEqual(bytesOf((await trained({ spec, training, runtime, data })).state));
  });

  test("a finished run has nothing left to do, and saves nothing", async () => {
    const { state } = await run({ steps: 2 });
    const before = bytesOf(state);
    const save = () => Promise.reject(new Error("saved"));
    const again = await trained({ spec, training: options(spec, { steps: 2 }), runtime, data, state, save });
    expect(again.events.map(({ type }) => type)).toEqual(["start", "end"]);
    expect(bytesOf(again.state)).toEqual(before);
  });
});

describe("a signal", () => {
  test("ends the run after the step under way, saved", async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    const going = train({
      spec,
      training: options(spec, { steps: 100 }),
      runtime,
      data,
      save: async ({ step }) => void saved.push(step),
      signal: controller.signal,
    });
    const seen: string[] = [];
    for await (const event of going) {
      seen.push(`${event.type} ${event.step}`);
      if (event.type === "step" && event.step === 2) controller.abort();
      if (event.type === "end") expect(event.reason).toBe("stopped");
    }
    expect(seen).toEqual(["start 0", "compiled 0", "step 1", "step 2", "checkpoint 2", "end 2"]);
    expect(saved).toEqual([2]);
  });
});

describe("tokens of prompts are read and not learned", () => {
  const { context = 0 } = tinySize;
  const tokens = Uint16Array.from(data.read(0, 4 * context + 1));
  const scoredWhere = (is: (at: number) => boolean) =>
    memorySplit(tokens, { scored: Uint8Array.from(tokens, (_, at) => Number(is(at))) });
  const training = options(spec, { steps: 1, batch: 4, weightDecay: 0 });

  test.each([
    ["one in three", (at: number) => at % 3 === 0],
    ["all", () => true],
  ])("the loss is that of the scored tokens: %s", async (_, is) => {
    const split = scoredWhere(is);
    const { weights } = initialState(spec, training.seed);
    const measured = { spec, weights, runtime, split, byteLength: () => 1, budgets: [spec.loops] };
    const { value: point } = await evaluate(measured).next();
    const [step] = stepsOf((await trained({ spec, training, runtime, data: split })).events);
    expect(step?.loss).toBeCloseTo(point.loss, 5);
    expect(step?.tokens).toBe(4 * context);
  });

  test("where none is, nothing is learned", async () => {
    const { events, state } = await trained({ spec, training, runtime, data: scoredWhere(() => false) });
    expect(stepsOf(events)).toMatchObject([{ loss: 0, gradientNorm: 0 }]);
    expect(bytesOf(state)[0]).toEqual(bytesOf(initialState(spec, training.seed))[0]);
  });
});

test("data of another vocabulary is refused before the first step", async () => {
  const tokens = Uint16Array.from(data.read(0, data.length));
  tokens[7] = tinySize.vocab;
  const training = options(spec, {});
  const error = await rejectionOf(trained({ spec, training, runtime, data: memorySplit(tokens) }));
  expect(error.message).toMatch(new RegExp(`TRAIN_DATA: data with the token ${tinySize.vocab}\\n`));
});

describe("options", () => {
  test("every problem is listed: of single options and with the spec", () => {
    const json = { objective: elastic, sampler: "uniform", steps: 0, warmup: 3, learningRateFloor: 1 };
    const error = errorOf(() => parseTraining(json as TrainingInput, gpt({ ...tinySize, loops: 1 })));
    expect(error.code).toBe("TRAIN_OPTIONS");
    expect(error.detail.given).toMatchInlineSnapshot(`
      "training options with problems:
          steps: must be a number above 0, not 0
          options: unknown field "warmup"
          objective: an elastic objective needs at least 2 loops; this gpt has 1
          sampler: only loopformer has step sizes to sample
          learningRateFloor: 1 is above learningRate 0.001"
    `);
  });

  test("a micro-batch that no array can hold is refused", () => {
    const spec = loopformer({ ...tinySize, context: 4096 });
    expect(errorOf(() => parseTraining({ batch: 65536 }, spec)).detail.given).toContain(
      "batch: 65536 texts of 4096 tokens; a micro-batch has at most 67108864",
    );
    expect(errorOf(() => parseTraining({ batch: 2 ** 32, steps: 2 ** 40 }, spec)).detail.given).toMatch(
      /steps: must be a number of at most 1000000000.*\n.*batch: must be a number of at most 65536/,
    );
  });

  test("everything may be left out: a LoopFormer is trained for every budget, others for their own", () => {
    expect(parseTraining({}, loopformer(tinySize))).toMatchObject({
      steps: 1000,
      objective: { kind: "elastic" },
    });
    expect(parseTraining({}, presets.baseLoop(tinySize)).objective).toEqual({ kind: "final" });
  });

  test.each([
    [{ steps: 2, objective: { kind: "final" }, beta1: 1 }, "beta1: must be a number below 1, not 1"],
    [null, "options: "],
    ["fast", "options: "],
  ])("%j is refused", (json, problem) => {
    const error = errorOf(() => parseTraining(json as TrainingInput, spec));
    expect(error.code).toBe("TRAIN_OPTIONS");
    expect(error.detail.given).toContain(problem);
  });

  test("only a constant schedule has a cooldown, and room for it", () => {
    const given = (changes: TrainingInput) =>
      errorOf(() => parseTraining({ cooldownSteps: 90, steps: 100, ...changes }, spec)).detail.given;
    expect(given({})).toContain("cooldownSteps: 90, where only a constant schedule has a cooldown");
    expect(given({ schedule: "constant", warmupSteps: 11 })).toContain(
      "cooldownSteps: 90 after a warm-up of 11, where there are 100 steps",
    );
  });

  test("the default floor follows a small learning rate; what was parsed can be parsed again", () => {
    const parsed = options(spec, { learningRate: 5e-5 });
    expect(parsed.learningRateFloor).toBe(5e-5);
    expect(parseTraining(parsed, spec)).toEqual(parsed);
    expect(options(spec, {}).learningRateFloor).toBe(1e-4);
  });
});

test("options are literal unions: a misspelled word does not type-check", () => {
  type Given = Parameters<typeof train>[0]["training"];
  const steps = 1;
  expectTypeOf({ steps, objective: { kind: "elastic", consistency: "logits" } } as const).toExtend<Given>();
  expectTypeOf({ steps, objective: { kind: "elastik" } } as const).not.toExtend<Given>();
  expectTypeOf({ steps, objective: { kind: "elastic", consistency: "both" } } as const).not.toExtend<Given>();
  expectTypeOf({ steps, objective: elastic, sampler: "uniform" } as const).toExtend<Given>();
  expectTypeOf({ steps, objective: elastic, sampler: "unifrom" } as const).not.toExtend<Given>();
  expectTypeOf<Parameters<typeof parseTraining>[0]>().toEqualTypeOf<Given>();
  // @ts-expect-error: "elastik" is no objective
  expect(() => parseTraining({ steps, objective: { kind: "elastik" } }, spec)).toThrow(
    /"final" or "elastic"/,
  );
});
