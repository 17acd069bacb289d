import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memorySplit } from "../../src/data/windows.ts";
import { baseLoop, loopedTransformer, tiedTransformer, transformer } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import type { TrainState } from "../../src/optim/state.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { ramp, scheduled, scheduledValues } from "../../src/tasks/curriculum.ts";
import type { TrainEvent } from "../../src/train/optimise.ts";
import { type PromptTrainingInput, parsePromptTraining } from "../../src/train/prompt-options.ts";
import { promptSource, trainPrompts } from "../../src/train/prompts.ts";
import { train } from "../../src/train/text.ts";
import { errorOf, rejectionOf } from "../checkpoint/helpers.ts";
import { linearTask as task, tinyLooped, tinyPrompts } from "../lab/helpers.ts";
import { largestGap, tinySize } from "../models/tiny.ts";
import { copyOf, stepsOf, options as textOptions } from "./helpers.ts";

let runtime: Runtime & AsyncDisposable;
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const optionsOf = (changes: PromptTrainingInput, spec: Spec = tinyLooped) =>
  parsePromptTraining({ batch: 16, window: 2, warmupSteps: 0, ...changes }, spec, task);

async function trained(changes: PromptTrainingInput, more: { spec?: Spec; state?: TrainState } = {}) {
  const { spec = tinyLooped, state } = more;
  const kept: TrainState[] = [];
  const save = async (at: TrainState) => void kept.push(copyOf(at));
  const training = optionsOf(changes, spec);
  const going = trainPrompts({
    spec,
    training,
    task,
    runtime,
    save,
    checkpointEvery: 3,
    ...(state ? { state } : {}),
  });
  const events: TrainEvent[] = [];
  for (;;) {
    const next = await going.next();
    if (next.done) return { events, state: next.value, kept };
    events.push(next.value);
  }
}
const bytesOf = ({ weights }: TrainState) =>
  [...weights.values()].map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"),
  );

test("the loss of a looped model falls on fresh prompts of a linear task", async () => {
  const spec = loopedTransformer({ ...tinyPrompts, width: 16, loops: 3 }, { activation: "gelu" });
  const { events } = await trained({ steps: 500, batch: 32, learningRate: 0.01, dims: 1 }, { spec });
  const losses = stepsOf(events).map(({ loss }) => loss);
  const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
  expect(mean(losses.slice(-100))).toBeLessThan(0.8 * mean(losses.slice(0, 50)));
});

const curriculum: PromptTrainingInput = {
  steps: 7,
  microBatches: 2,
  batch: 4,
  points: { from: 2, to: 5, by: 2, every: 2 },
  dims: { from: 1, to: 2, by: 1, every: 3 },
  loops: { from: 1, to: 4, by: 1, every: 2 },
  window: 2,
  noise: 0.1,
};

test("points, dims and loops follow their schedules, and the window the loops", async () => {
  const { events } = await trained(curriculum);
  expect(stepsOf(events).map(({ noted }) => Object.values(noted).map(([first]) => first))).toEqual([
    [2, 1, 1, 1],
    [2, 1, 1, 1],
    [4, 1, 2, 2],
    [4, 2, 2, 2],
    [5, 2, 3, 2],
    [5, 2, 3, 2],
    [5, 2, 4, 2],
  ]);
  expect(stepsOf(events)[0]).toMatchObject({
    tokens: 2 * 4 * 4,
    parts: {},
    noted: { points: [2, 2], window: [1, 1] },
  });
});

test("going on from a saved state equals a run that never stopped, bit for bit", async () => {
  const whole = await trained(curriculum);
  const [first] = whole.kept;
  expect(first?.step).toBe(3);
  const rest = await trained(curriculum, { state: copyOf(first!) });
  expect(bytesOf(rest.state)).toEqual(bytesOf(whole.state));
  const timeless = (events: TrainEvent[]) => stepsOf(events).map(({ elapsedMs: _, ...event }) => event);
  expect(timeless(rest.events)).toEqual(timeless(whole.events).slice(3));
});

test("the seed decides the weights and the prompts", async () => {
  const [a, b, c] = [
    await trained({ steps: 2 }),
    await trained({ steps: 2 }),
    await trained({ steps: 2, seed: 2 }),
  ];
  expect(bytesOf(a.state)).toEqual(bytesOf(b.state));
  expect(bytesOf(a.state)).not.toEqual(bytesOf(c.state));
});

test("one graph for each shape: equal steps share theirs", () => {
  const source = promptSource({ spec: tinyLooped, training: optionsOf(curriculum), task });
  const graphs = Array.from({ length: 7 }, (_, step) => source(step, 0).graph);
  expect(graphs.map((graph) => graphs.indexOf(graph))).toEqual([0, 0, 2, 2, 4, 4, 6]);
  expect(source(1, 1).graph).toBe(graphs[0]);
});

test("no weight decay by default: Adam; a decay shrinks the matrices", async () => {
  const [plain, decayed] = [
    await trained({ steps: 1, learningRate: 0.01 }),
    await trained({ steps: 1, learningRate: 0.01, weightDecay: 0.5 }),
  ];
  const start = await trained({ steps: 1, learningRate: 1e-30 });
  const name = "core.0.mlp.up.weight";
  const dataOf = (run: typeof plain) => run.state.weights.get(name)!.data;
  const shrunk = dataOf(plain).map((x, index) => x - 0.01 * 0.5 * dataOf(start)[index]!);
  expect(optionsOf({ steps: 1 }).weightDecay).toBe(0);
  expect(largestGap(dataOf(decayed), shrunk)).toBeLessThan(1e-8);
});

describe("gradients of the tied baseline", () => {
  test("reach the input when they go back through all loops", async () => {
    const spec = tiedTransformer(tinyPrompts);
    const moved = async (backprop: number) => {
      const [start, end] = [
        await trained({ steps: 1, window: 1, learningRate: 1e-30 }, { spec }),
        await trained({ steps: 1, window: 1, backprop, learningRate: 0.01 }, { spec }),
      ];
      const [a, b] = [start, end].map(({ state }) => state.weights.get("embed.vectors.weight")!.data);
      return largestGap(a!, b!);
    };
    expect(await moved(1)).toBeLessThan(1e-20);
    expect(await moved(4)).toBeGreaterThan(1e-3);
  });
});

describe("schedules", () => {
  test("grow in steps up to their end", () => {
    const schedule = { from: 5, to: 10, by: 2, every: 3 };
    expect([0, 2, 3, 5, 6, 9, 100].map((step) => scheduled(schedule, step))).toEqual([5, 5, 7, 7, 9, 10, 10]);
    expect(scheduledValues(schedule, 7)).toEqual([5, 7, 9]);
    expect([scheduled(4, 9), scheduledValues(4, 9)]).toEqual([4, [4]]);
    expect(scheduledValues({ from: 1, to: 3, by: 1, every: 1 }, 1e9)).toEqual([1, 2, 3]);
  });

  test("a ramp reaches its end after its share of the steps, in a few values", () => {
    const schedule = ramp(3, 11, { steps: 6000, share: 0.4, stages: 5 });
    expect(schedule).toEqual({ from: 3, to: 11, by: 2, every: 600 });
    expect(scheduledValues(schedule, 6000)).toEqual([3, 5, 7, 9, 11]);
    expect([2399, 2400].map((step) => scheduled(schedule, step))).toEqual([9, 11]);
    expect(ramp(5, 5, { steps: 10, share: 0.4, stages: 3 })).toBe(5);
  });
});

describe("options", () => {
  test("defaults are Adam on whole prompts, and what was parsed can be parsed again", () => {
    const parsed = parsePromptTraining({ steps: 10 }, tinyLooped, task);
    expect(parsed).toMatchObject({
      batch: 64,
      points: 5,
      dims: 2,
      loops: 4,
      window: 1,
      weightDecay: 0,
      beta2: 0.999,
    });
    expect(parsed.learningRateFloor).toBe(parsed.learningRate / 20);
    expect(parsePromptTraining(parsed, tinyLooped, task)).toEqual(parsed);
  });

  test("every problem is listed", () => {
    const spec = transformer({ ...tinyPrompts, inputs: 3, outputs: 2, loops: 1 });
    const json = { steps: 10, points: { from: 2, to: 9, by: 1, every: 1 }, dims: 3, loops: 2, window: 3 };
    const error = errorOf(() =>
      parsePromptTraining({ ...json, backprop: 2, learningRateFloor: 1, cooldownSteps: 3 }, spec, task),
    );
    expect(error.code).toBe("LAB_OPTIONS");
    expect(error.detail.given).toMatchInlineSnapshot(`
      "training options with problems:
          points: up to 9, where linear has 5
          dims: up to 3, where linear has 2
          loops: up to 2, where a transformer runs its layers once
          window: 3, where no step has more than 2 loops
          backprop: 2 is below window 3
          learningRateFloor: 1 is above learningRate 0.001
          cooldownSteps: 3, where only a constant schedule has a cooldown
          spec: reads vectors of 3, where tokens of linear have 2
          spec: predicts vectors of 2, where targets of linear have 1"
    `);
  });

  test.each([
    [null, "options: "],
    [{ steps: 0 }, "steps: "],
    [{ steps: 1, objective: { kind: "final" } }, 'unknown field "objective"'],
    [{ steps: 1, points: { from: 3, to: 2, by: 1, every: 1 } }, "points: "],
    [{ steps: 1, noise: -1 }, "noise: "],
    [{ steps: 1, loops: 2000 }, "loops: up to 2000; at most 1024"],
    [{ steps: 1, loops: 2 ** 32 }, "loops: "],
  ])("%j is refused", (json, problem) => {
    expect(
      errorOf(() => parsePromptTraining(json as PromptTrainingInput, tinyLooped, task)).detail.given,
    ).toContain(problem);
  });

  test("a model of a vocabulary cannot train on prompts, nor one of vectors on text", async () => {
    const error = errorOf(() => parsePromptTraining({ steps: 1 }, baseLoop(tinySize), task));
    expect(error.detail.given).toContain("spec: a baseLoop reads tokens of a vocabulary, not prompts");
    const data = memorySplit(new Uint16Array(50));
    const going = train({ spec: tinyLooped, training: textOptions(tinyLooped, {}), runtime, data });
    expect((await rejectionOf(going.next())).code).toBe("MODEL_VECTORS");
  });
});
