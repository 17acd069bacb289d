import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { memoryOf } from "../../src/graph/memory.ts";
import { gpt, loopedTransformer, loopformer } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import { machineMemory } from "../../src/runtime/memory.node.ts";
import { vectorTaskNamed } from "../../src/tasks/vectors/index.ts";
import { elasticGraph, elasticSource } from "../../src/train/elastic-source.ts";
import {
  keptSteps,
  promptNeeds,
  requireMemory,
  requirePromptMemory,
  requireTextMemory,
  textNeeds,
} from "../../src/train/needs.ts";
import { parseTraining, type TrainingInput } from "../../src/train/options.ts";
import { parsePromptTraining } from "../../src/train/prompt-options.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const size = { vocab: 257, width: 128, heads: 4, mlp: 512, layers: 1 };
const GiB = 2 ** 30;

describe("what was estimated and what a process took", () => {
  const tiny = loopformer({ ...size, width: 16, mlp: 32, context: 16, loops: 2 });
  const final = { steps: 2, batch: 1, objective: { kind: "final" } } as const;
  const tsx = import.meta.resolve("tsx");
  const script = fileURLToPath(new URL("peak.ts", import.meta.url));

  async function peak(spec: Spec, training: TrainingInput): Promise<number> {
    const words = [
      "--import",
      tsx,
      "--conditions",
      "@gyre/source",
      script,
      JSON.stringify({ spec, training }),
    ];
    return Number((await promisify(execFile)(process.execPath, words)).stdout);
  }
  const estimate = (spec: Spec, training: TrainingInput) => {
    const { fixedBytes, stepBytes, graphs } = textNeeds(spec, parseTraining(training, spec));
    return fixedBytes + graphs * stepBytes;
  };
  let [least, leastEstimate] = [0, 0];
  beforeAll(async () => {
    least = await peak(tiny, final);
    leastEstimate = estimate(tiny, final);
  }, 60_000);

  // beyond what the smallest model takes, as a process from source is another one; in sizes that some 50 MiB of JavaScript's
  // own comings and goings do not decide
  test.each<[string, Spec, TrainingInput]>([
    ["activations", loopformer({ ...size, context: 256, loops: 6 }), { ...final, batch: 20 }],
    ["attention", loopformer({ ...size, context: 3072, loops: 2 }), final],
    ["weights", gpt({ ...size, width: 512, mlp: 2048, layers: 8, context: 16, loops: 1 }), final],
  ])(
    "agree within a quarter: %s",
    async (_, spec, training) => {
      const took = (await peak(spec, training)) - least;
      const ratio = (estimate(spec, training) - leastEstimate) / took;
      expect(took).toBeGreaterThan(300 * 2 ** 20);
      expect(ratio).toBeGreaterThan(0.75);
      expect(ratio).toBeLessThan(1.25);
    },
    180_000,
  );
});

test.each(["final", "elastic"] as const)("many loops are told from few: %s", (kind) => {
  const at = (loops: number) => {
    const spec = loopformer({ ...size, context: 64, loops });
    const training = parseTraining({ batch: 2, objective: { kind } }, spec);
    const { stepBytes } = textNeeds(spec, training);
    const shortLoops = kind === "elastic" ? loops - 1 : undefined;
    return {
      stepBytes,
      valueBytes: memoryOf(elasticGraph(spec, training, { tokens: 64, loops, shortLoops })).valueBytes,
    };
  };
  const [built, told] = [at(16), at(40)];
  expect((told.stepBytes - built.stepBytes) / 1.15 / (told.valueBytes - built.valueBytes)).toBeCloseTo(1, 3);
});

test.each([
  ["loopformer", loopformer({ ...size, context: 16, loops: 5 })],
  ["a last loss alone", gpt({ ...size, context: 16, loops: 1, layers: 3 })],
])("no step has more FLOPs than are said, and the deepest has as many: %s", (_, spec) => {
  const kind = spec.loops === 1 ? "final" : "elastic";
  const training = parseTraining({ batch: 2, objective: { kind } }, spec);
  const source = elasticSource(spec, training, () => ({ inputs: [], length: 16 }));
  const steps = Array.from({ length: 60 }, (_, step) => source(step, 0).flops);
  expect(Math.max(...steps)).toBe(textNeeds(spec, training).stepFlops);
});

test("a thousand loops and a million positions are estimated without building them", () => {
  const spec = { ...loopformer({ ...size, context: 2 ** 20, loops: 3 }), loops: 1024 };
  const started = performance.now();
  const { stepBytes, stepFlops, graphs } = textNeeds(spec, parseTraining({ batch: 1 }, spec));
  expect(performance.now() - started).toBeLessThan(5_000);
  // 4 heads, half of T^2 in float32, 1,024 loops of one layer
  expect(stepBytes).toBeGreaterThan(1024 * 4 * 4 * 2 ** 39);
  expect(stepFlops).toBeGreaterThan(3 * 1024 * 4 * 128 * 2 ** 40);
  expect(graphs).toBe(1023);
});

describe("training on text that does not fit", () => {
  const spec = loopformer({ ...size, context: 4096, loops: 4 });
  const training = parseTraining({ batch: 8, objective: { kind: "final" } }, spec);
  const needs = textNeeds(spec, training);
  const total = needs.fixedBytes + needs.stepBytes;

  test("is refused with the largest sizes that would, and these do", () => {
    expect(requireTextMemory(spec, training, total)).toEqual(needs);
    const memory = total / 3;
    const { code, detail } = errorOf(() => requireTextMemory(spec, training, memory));
    expect(code).toBe("TRAIN_MEMORY");
    const gib = (bytes: number) => Number((bytes / GiB).toPrecision(3));
    expect(detail.given).toBe(`a step of 8 x 4,096 tokens, which takes about ${gib(total)} GiB`);
    expect(detail.expected).toBe(`one that fits into the ${gib(memory)} GiB of this machine`);
    const found = /^use a context of at most ([\d,]+), or a batch of at most (\d+)(?:, or recompute)?$/.exec(
      detail.fix,
    );
    const [context, batch] = (found ?? []).slice(1).map((text) => Number(text.replace(",", "")));
    const bytes = (changes: { context?: number | undefined; batch?: number | undefined }) => {
      const one = textNeeds(
        { ...spec, context: changes.context ?? spec.context },
        { ...training, batch: changes.batch ?? training.batch },
      );
      return one.fixedBytes + one.stepBytes;
    };
    expect(bytes({ context })).toBeLessThanOrEqual(memory);
    expect(bytes({ context: Math.ceil((context ?? 0) * 1.05) })).toBeGreaterThan(memory);
    expect(bytes({ batch })).toBeLessThanOrEqual(memory);
    expect(bytes({ batch: (batch ?? 0) + 1 })).toBeGreaterThan(memory);
  });

  test("is refused where the masks of attention are more than a graph may hold, however large the machine", () => {
    const long = { ...spec, context: 2 ** 16 };
    const { code, detail } = errorOf(() => requireTextMemory(long, training, Number.POSITIVE_INFINITY));
    expect(code).toBe("TRAIN_CONTEXT");
    expect(detail.given).toBe("a context of 65,536, whose masks of attention take 8.02 GiB in a graph");
    const context = Number(/^use a context of at most ([\d,]+)$/.exec(detail.fix)?.[1]?.replace(",", ""));
    expect(context).toBeGreaterThan(31_500);
    expect(() => requireTextMemory({ ...spec, context }, training, Number.POSITIVE_INFINITY)).not.toThrow();
  });

  test("is refused with what the model alone takes where no size would fit", () => {
    const { detail } = errorOf(() => requireTextMemory(spec, training, needs.fixedBytes / 2));
    expect(detail.fix).toMatch(/^use a smaller model, or a larger machine: .* this one takes 0\.\d+ GiB$/);
    expect(errorOf(() => requireMemory(needs, total - 1)).detail.given).toMatch(/^a step, which takes about/);
    requireMemory(needs, total);
  });

  test("compiled steps are kept in half of the memory, one at least, and no more than there are", () => {
    const some = { fixedBytes: 1, stepBytes: 2, constantBytes: 0, graphs: 23, stepFlops: 1 };
    expect([0, 6, 10, 14, 1000].map((memory) => keptSteps(some, memory))).toEqual([1, 1, 2, 3, 16]);
    expect(keptSteps({ ...some, graphs: 3 }, 1000)).toBe(3);
    expect(machineMemory()).toBeGreaterThan(GiB / 2);
  });
});

describe("training on prompts", () => {
  const task = vectorTaskNamed("linear");
  const spec = loopedTransformer({ inputs: task.tokenWidth, context: 64, width: 64, heads: 4, loops: 12 });
  const training = (changes: object = {}) =>
    parsePromptTraining({ steps: 100, batch: 64, window: 6, ...changes }, spec, task);

  test("takes what its last stage takes, and a graph for each stage", () => {
    const points = { from: 3, to: 11, by: 4, every: 10 };
    const [fixed, growing] = [
      promptNeeds(spec, training(), task),
      promptNeeds(spec, training({ points }), task),
    ];
    expect(growing).toEqual({ ...fixed, graphs: 3 });
    expect(promptNeeds(spec, training({ batch: 128 }), task).stepBytes).toBeGreaterThan(
      1.9 * fixed.stepBytes,
    );
    expect(promptNeeds(spec, training({ recompute: true }), task).stepBytes).toBeLessThan(fixed.stepBytes);
  });

  test("is refused with the largest batch that fits", () => {
    const { fixedBytes, stepBytes } = promptNeeds(spec, training(), task);
    const room = (memoryBytes: number) => requirePromptMemory(spec, training(), { task, memoryBytes });
    expect(room(fixedBytes + stepBytes).stepBytes).toBe(stepBytes);
    const { code, detail } = errorOf(() => room(fixedBytes + stepBytes / 2));
    expect(code).toBe("TRAIN_MEMORY");
    expect(detail.given).toMatch(/^a step of 64 prompts, which takes about 0\.\d+ GiB$/);
    expect(detail.fix).toMatch(/^use a batch of at most 3[01](, or recompute)?$/);
  });
});
