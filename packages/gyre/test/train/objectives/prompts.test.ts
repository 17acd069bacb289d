import { describe, expect, test } from "vitest";
import { parameters } from "../../../src/models/parameters.ts";
import { predictionGraph } from "../../../src/models/predictions.ts";
import {
  algoformer,
  baseLoop,
  loopedTransformer,
  type PromptSize,
  tiedTransformer,
  transformer,
} from "../../../src/models/presets.ts";
import type { Spec } from "../../../src/models/spec.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import { promptInputs } from "../../../src/tasks/inputs.ts";
import { promptStepGraph } from "../../../src/train/objectives/prompts.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import { errorOf } from "../../checkpoint/helpers.ts";
import { linearTask, tinyLooped, tinyPrompts } from "../../lab/helpers.ts";
import { predictions } from "../../models/reference.ts";
import { countOps, largestGap, randomWeights, tinySize, valuesOf } from "../../models/tiny.ts";

const two: PromptSize = { ...tinyPrompts, layers: 2 };
const models: Record<string, Spec> = {
  "z <- f(z + x)": tinyLooped,
  "z <- f(z x)": loopedTransformer(two, { inject: "multiply" }),
  "no biases": loopedTransformer(tinyPrompts, { bias: false }),
  transformer: transformer({ ...two, loops: 1 }),
  "transformer with the input at every layer": transformer({ ...two, loops: 1 }, { inject: "everyLayer" }),
  tied: tiedTransformer(tinyPrompts),
  algoformer: algoformer(tinyPrompts),
  "algoformer of more layers": algoformer({ ...two, outputs: 3 }, { prelude: 2, coda: 2 }),
};
const prompts = linearTask.draw({ seed: 3, stream: "test", batch: 2, points: 4, dims: 2 });
const shape = { batch: 2, tokens: prompts.length, readAt: prompts.readAt };
const inputsOf = (spec: Spec): [string, Tensor][] => {
  const outputs = spec.readout.kind === "vectors" ? spec.readout.outputs : 0;
  const wide = Float32Array.from({ length: 2 * prompts.readAt.length * outputs }, (_, index) => index % 3);
  const targets = outputs === 1 ? prompts.targets : wide;
  return [...promptInputs({ ...prompts, targets, outputs }), ...randomWeights(spec, 5)];
};
const rowsOf = (prompt: number) =>
  Array.from({ length: prompts.length }, (_, t) => [
    ...prompts.tokens.subarray((prompt * prompts.length + t) * 2, (prompt * prompts.length + t + 1) * 2),
  ]);

describe.each(Object.entries(models))("%s", (_, spec) => {
  const loops = spec.loops;
  const taps = Array.from({ length: loops }, (_, index) => index + 1);
  const inputs = inputsOf(spec);
  const weights = new Map(inputs);
  const expected = [0, 1].map((prompt) => predictions(spec, weights, rowsOf(prompt), loops));
  const at = (loop: number) =>
    expected.flatMap((one) => prompts.readAt.flatMap((token) => one[loop - 1]![token]!));

  test("predicts after every loop what the model spelled out predicts", () => {
    const values = valuesOf(predictionGraph(spec, { ...shape, loops }, taps), inputs);
    for (const loop of taps)
      expect(largestGap(values.get(`prediction/${loop}`)!, at(loop)), `${loop}`).toBeLessThan(1e-11);
  });

  test("its loss is the mean squared error of the window", () => {
    const window = Math.min(2, loops);
    const graph = promptStepGraph(spec, { ...shape, loops }, { window, backward: false });
    const targets = weights.get("targets")!.data;
    const errors = taps.slice(-window).map((loop) => {
      const gaps = at(loop).map((value, index) => (value - targets[index]!) ** 2);
      return gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / window;
    expect(valuesOf(graph, inputs).get("loss")![0]).toBeCloseTo(mean, 11);
  });

  test("every parameter has a gradient", () => {
    const graph = promptStepGraph(spec, { ...shape, loops }, { window: 1, backprop: loops });
    const values = valuesOf(graph, inputs);
    for (const name of parameters(spec).keys())
      expect(
        largestGap(
          values.get(`grad/${name}`)!,
          values.get(`grad/${name}`)!.map(() => 0),
        ),
        name,
      ).toBeGreaterThan(0);
  });

  test("recomputation changes no gradient", () => {
    const window = Math.min(2, loops);
    const [kept, rebuilt] = [false, true].map((recompute) =>
      valuesOf(promptStepGraph(spec, { ...shape, loops }, { window, recompute }), inputs),
    );
    for (const [name, values] of kept!)
      expect(largestGap(rebuilt!.get(name)!, values), name).toBeLessThan(1e-12);
  });
});

describe("the loop window", () => {
  const spec = tinyLooped;
  const inputs = inputsOf(spec);
  const gradOf = (loops: number, window: number) =>
    valuesOf(promptStepGraph(spec, { ...shape, loops }, { window }), inputs);

  test("a window over all loops has the gradient of finite differences", () => {
    const values = gradOf(2, 2);
    for (const name of ["embed.vectors.weight", "core.norm.bias", "core.positions.weight"]) {
      const graph = promptStepGraph(spec, { ...shape, loops: 2 }, { window: 2, backward: false });
      const { data, shape: of } = new Map(inputs).get(name)!;
      const numeric = Array.from(data, (value, index) => {
        const [up, down] = [1e-5, -1e-5].map((h) => {
          const moved = Float64Array.from(data);
          moved[index] = value + h;
          return valuesOf(graph, [...inputs, [name, { data: moved, shape: of }]]).get("loss")![0]!;
        });
        return (up! - down!) / 2e-5;
      });
      expect(largestGap(values.get(`grad/${name}`)!, numeric), name).toBeLessThan(1e-8);
    }
  });

  test("loops before it are run but build no backward pass", () => {
    const count = (window: number) =>
      countOps(promptStepGraph(spec, { ...shape, loops: 4 }, { window }), "causalAttentionGrad");
    expect([1, 2, 4].map(count)).toEqual([3, 6, 12]);
    expect(
      largestGap(
        gradOf(4, 1).get("grad/embed.vectors.weight")!,
        gradOf(1, 1).get("grad/embed.vectors.weight")!,
      ),
    ).toBeGreaterThan(1e-4);
  });
});

test("predictions are read where the task says, also at no regular distance", () => {
  const readAt = [1, 2, 5];
  const values = valuesOf(
    predictionGraph(tinyLooped, { ...shape, readAt, loops: 2 }, [2]),
    inputsOf(tinyLooped),
  );
  const weights = new Map(inputsOf(tinyLooped));
  const expected = [0, 1].flatMap((prompt) => {
    const all = predictions(tinyLooped, weights, rowsOf(prompt), 2)[1]!;
    return readAt.flatMap((token) => all[token]!);
  });
  expect(largestGap(values.get("prediction/2")!, expected)).toBeLessThan(1e-11);
});

test("onnxruntime agrees on losses and gradients", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  for (const spec of [models["algoformer of more layers"]!, models["z <- f(z x)"]!]) {
    const graph = promptStepGraph(spec, { ...shape, loops: 3 }, { window: 2 });
    const exact = valuesOf(graph, inputsOf(spec));
    const program = await runtime.compile(graph);
    for (const [name, { data }] of await program.run(new Map(inputsOf(spec)))) {
      const scale = exact.get(name)!.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
      expect(largestGap(data, exact.get(name)!) / scale, name).toBeLessThan(2e-5);
    }
  }
});

test("without injection a window hides the input from training: only loops that gradients reach teach it", () => {
  const spec = tiedTransformer(tinyPrompts);
  const step = (backprop: number) => promptStepGraph(spec, { ...shape, loops: 4 }, { window: 1, backprop });
  const isZero = (backprop: number) =>
    valuesOf(step(backprop), inputsOf(spec))
      .get("grad/embed.vectors.weight")!
      .every((x) => x === 0);
  expect([1, 3, 4].map(isZero)).toEqual([true, true, false]);
});

describe("what is refused", () => {
  const graph = (changes: object, window = 1, spec = tinyLooped) =>
    errorOf(() => promptStepGraph(spec, { ...shape, loops: 2, ...changes }, { window }));

  test.each([0, 3, 1.5])("a window of %d of 2 loops", (window) => {
    expect(graph({}, window).message).toBe(
      `LAB_WINDOW: a loss over the last ${window} of 2 loops\n  expected: a whole number from 1 to 2\n` +
        "  fix: shorten the window, or run more loops",
    );
  });
  test.each([1, 3, 2.5])("gradients through %d of 2 loops, for a window of 2", (backprop) => {
    const step = () => promptStepGraph(tinyLooped, { ...shape, loops: 2 }, { window: 2, backprop });
    expect(errorOf(step).message).toMatch(/^LAB_WINDOW: gradients through .*\n {2}expected: .* from 2 to 2/);
  });
  test.each([[[]], [[8]], [[-1]], [[0.5]]])("readings at %j", (readAt) => {
    expect(graph({ readAt }).code).toBe("LAB_READING");
  });
  test("a model of a vocabulary, and more tokens than the context", () => {
    expect(graph({}, 1, baseLoop(tinySize)).code).toBe("LAB_MODEL");
    expect(graph({ tokens: 12 }).code).toBe("CONTEXT");
  });
});
