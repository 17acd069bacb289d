import { describe, expect, test } from "vitest";
import { gradients } from "../../../src/grad/gradients.ts";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { meanAll, mul, sub } from "../../../src/graph/ops.ts";
import type { Graph, Value } from "../../../src/graph/types.ts";
import { forward, parameterInputs, readOut } from "../../../src/models/assembly.ts";
import { parameters } from "../../../src/models/parameters.ts";
import { presets } from "../../../src/models/presets.ts";
import { type Budget, conditions, type Spec } from "../../../src/models/spec.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import { SHORT_ROUTE, type StepOptions, stepGraph } from "../../../src/train/objectives/elastic.ts";
import { type Objective, objectiveSchema } from "../../../src/train/options.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import {
  countOps,
  largestGap,
  randomInts,
  randomWeights,
  routeInputs,
  tinySize,
  valuesOf,
} from "../../models/tiny.ts";

const { baseLoop, tmlt, loopformer } = presets;
const elastic = objectiveSchema.parse({ kind: "elastic", shortWeight: 0.3, consistencyWeight: 0.7 });
const [batch, tokens, loops, shortLoops] = [2, 5, 4, 2];
const rows = batch * tokens;
const shortTrajectory = [0.75, 0.25];
const ids: [string, Tensor][] = [
  ["tokens", randomInts([batch, tokens], tinySize.vocab, 1)],
  ["targets", randomInts([batch, tokens], tinySize.vocab, 2)],
];
const specs = [baseLoop(tinySize), tmlt(tinySize, { bias: true }), loopformer(tinySize)];
const weightsOf = (spec: Spec) => randomWeights(spec, 11, 0.4);
const shortBudget = (spec: Spec): Budget =>
  spec.conditioning.kind === "time" ? shortTrajectory : shortLoops;

function step(spec: Spec, objective: Objective, options: StepOptions = {}): Map<string, number[]> {
  const graph = stepGraph(spec, objective, { batch, tokens, loops, shortLoops }, options);
  const routes = [...routeInputs(spec, loops), ...routeInputs(spec, shortBudget(spec), SHORT_ROUTE)];
  return valuesOf(graph, [...ids, ...weightsOf(spec), ...routes]);
}

/** Hidden states and logits of one run in a graph of its own, and the gradient of a loss made of them. */
function alone(spec: Spec, budget: Budget, lossOf: (parts: Parts) => Value, extra: [string, Tensor][] = []) {
  const builder = new GraphBuilder();
  const { loops: count } = conditions(spec, budget);
  const hidden = forward(builder, spec, { batch, tokens, loops: count }).get(count) as Value;
  const logits = readOut(builder, spec, hidden);
  const loss = lossOf({ builder, hidden, logits });
  const params = parameterInputs(builder, spec);
  const names = [...parameters(spec).keys()];
  const grads = gradients(
    loss,
    names.map((name) => params(name)),
  );
  const named = names.map((name, index) => [`grad/${name}`, grads[index] as Value]);
  const graph: Graph = builder.graph({ loss, hidden, logits, ...Object.fromEntries(named) });
  return valuesOf(graph, [...ids, ...weightsOf(spec), ...routeInputs(spec, budget), ...extra]);
}
type Parts = { builder: GraphBuilder; hidden: Value; logits: Value };

/** Mean cross-entropy from logits, by hand. */
function crossEntropy(logits: readonly number[]): number {
  const { vocab } = tinySize;
  const targets = ids[1]?.[1].data as Int32Array;
  const losses = Array.from(targets, (target, row) => {
    const scores = logits.slice(row * vocab, (row + 1) * vocab);
    return Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - (scores[target] as number);
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / rows;
}
const meanSquare = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, at) => sum + (x - (b[at] as number)) ** 2, 0) / a.length;
const tensorOf = (data: readonly number[]): Tensor => ({
  data: Float64Array.from(data),
  shape: [rows, data.length / rows],
});
const ceOf: (spec: Spec, budget: Budget) => Map<string, number[]> = (spec, budget) => {
  const final = stepGraph(spec, { kind: "final" }, { batch, tokens, loops: conditions(spec, budget).loops });
  return valuesOf(final, [...ids, ...weightsOf(spec), ...routeInputs(spec, budget)]);
};
/** Mean squared distance of a run's hidden states or logits from fixed numbers. */
const distance =
  (part: "hidden" | "logits", width: number) =>
  (parts: Parts): Value => {
    const gap = sub(parts.builder.input("fixed", [rows, width]), parts[part]);
    return meanAll(mul(gap, gap));
  };

describe.each(specs)("the elastic objective of $family", (spec) => {
  const values = step(spec, elastic);
  const long = alone(spec, loops, ({ logits }) => meanAll(logits));
  const short = alone(spec, shortBudget(spec), ({ logits }) => meanAll(logits));
  const part = (run: Map<string, number[]>, name: string) => run.get(name) as number[];

  test("is CE_long + l1 CE_short + l2 MSE, from runs of their own", () => {
    const ceLong = crossEntropy(part(long, "logits"));
    const ceShort = crossEntropy(part(short, "logits"));
    const gap = meanSquare(part(long, "hidden"), part(short, "hidden"));
    expect(values.get("loss/long")?.[0]).toBeCloseTo(ceLong, 12);
    expect(values.get("loss/short")?.[0]).toBeCloseTo(ceShort, 12);
    expect(values.get("loss/consistency")?.[0]).toBeCloseTo(gap, 12);
    expect(values.get("loss")?.[0]).toBeCloseTo(ceLong + 0.3 * ceShort + 0.7 * gap, 12);
  });

  test("sends no gradient through the long run's hidden states", () => {
    const fixed = tensorOf(part(long, "hidden"));
    const parts = [
      { weight: 1, grads: ceOf(spec, loops) },
      { weight: 0.3, grads: ceOf(spec, shortBudget(spec)) },
      {
        weight: 0.7,
        grads: alone(spec, shortBudget(spec), distance("hidden", spec.width), [["fixed", fixed]]),
      },
    ];
    for (const name of parameters(spec).keys()) {
      const total = part(values, `grad/${name}`).map((_, at) =>
        parts.reduce(
          (sum, { weight, grads }) => sum + weight * (part(grads, `grad/${name}`)[at] as number),
          0,
        ),
      );
      expect(largestGap(part(values, `grad/${name}`), total), name).toBeLessThan(1e-12);
    }
  });

  test("matches logits instead when asked", () => {
    const objective = { ...elastic, consistency: "logits" } as Objective;
    const matched = step(spec, objective);
    const gap = meanSquare(part(long, "logits"), part(short, "logits"));
    expect(matched.get("loss/consistency")?.[0]).toBeCloseTo(gap, 12);
    const fixed = tensorOf(part(long, "logits"));
    const lossOf = distance("logits", spec.vocab);
    const grads = alone(spec, shortBudget(spec), lossOf, [["fixed", fixed]]);
    const name = "grad/core.0.mlp.up.weight";
    const hiddenOnly = alone(spec, shortBudget(spec), distance("hidden", spec.width), [
      ["fixed", tensorOf(part(long, "hidden"))],
    ]);
    const change = part(matched, name).map((x, at) => x - (part(values, name)[at] as number));
    const expected = part(grads, name).map((x, at) => 0.7 * (x - (part(hiddenOnly, name)[at] as number)));
    expect(largestGap(change, expected)).toBeLessThan(1e-12);
  });

  test("without the consistency term it is the two cross-entropies (naive early exit)", () => {
    const naive = step(spec, { ...elastic, consistencyWeight: 0 } as Objective);
    const [ceLong, ceShort] = [ceOf(spec, loops), ceOf(spec, shortBudget(spec))];
    for (const name of parameters(spec).keys()) {
      const total = part(ceLong, `grad/${name}`).map(
        (x, at) => x + 0.3 * (part(ceShort, `grad/${name}`)[at] as number),
      );
      expect(largestGap(part(naive, `grad/${name}`), total), name).toBeLessThan(1e-12);
    }
    expect(naive.get("loss")?.[0]).toBeCloseTo(
      (naive.get("loss/long")?.[0] ?? 0) + 0.3 * (naive.get("loss/short")?.[0] ?? 0),
      12,
    );
  });

  test.each([{ recompute: true }, { tile: 2 }, { logitRows: 3 }, { tile: 1, logitRows: 1, recompute: true }])(
    "%j changes neither losses nor gradients",
    (options) => {
      const other = step(spec, elastic, options);
      expect([...other.keys()]).toEqual([...values.keys()]);
      for (const [name, numbers] of values) {
        expect(largestGap(part(other, name), numbers), name).toBeLessThan(1e-12);
      }
    },
  );
});

describe("the graph of a step", () => {
  const shape = { batch, tokens, loops, shortLoops };
  const passes = (spec: Spec, objective: Objective) =>
    countOps(stepGraph(spec, objective, shape, { backward: false }), "causalAttention") / spec.layers.core;

  test("runs the core L times where the short run is a prefix, L + S times for LoopFormer", () => {
    expect(specs.map((spec) => passes(spec, elastic))).toEqual([4, 4, 6]);
    expect(specs.map((spec) => passes(spec, { kind: "final" }))).toEqual([4, 4, 4]);
  });

  test("returns the loss, its parts and one gradient a parameter", () => {
    const spec = baseLoop(tinySize);
    const grads = [...parameters(spec).keys()].map((name) => `grad/${name}`);
    const names = (objective: Objective, options: StepOptions = {}) => [
      ...stepGraph(spec, objective, shape, options).outputs.keys(),
    ];
    expect(names({ kind: "final" })).toEqual(["loss/long", "loss", ...grads]);
    expect(names(elastic, { backward: false })).toEqual([
      "loss/long",
      "loss/short",
      "loss/consistency",
      "loss",
    ]);
    expect(names(elastic, { backward: false, inspect: true }).slice(4)).toEqual([
      "hidden/long",
      "logits/long",
      "hidden/short",
      "logits/short",
    ]);
  });

  test("recomputation builds each loop's attention a second time, for the backward pass", () => {
    const attentions = (spec: Spec, recompute: boolean) =>
      countOps(stepGraph(spec, elastic, shape, { recompute }), "causalAttention");
    for (const spec of specs) expect(attentions(spec, true)).toBe(2 * attentions(spec, false));
  });

  test("recomputation on onnxruntime gives the same float32 gradients up to rounding", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const spec = loopformer(tinySize);
    const inputs = new Map<string, Tensor>([
      ...ids,
      ...weightsOf(spec),
      ...routeInputs(spec, loops),
      ...routeInputs(spec, shortTrajectory, SHORT_ROUTE),
    ]);
    const [kept, rebuilt] = await Promise.all(
      [false, true].map(async (recompute) => {
        const program = await runtime.compile(stepGraph(spec, elastic, shape, { recompute }));
        return program.run(inputs);
      }),
    );
    for (const [name, { data }] of kept ?? []) {
      const scale = Array.from(data).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
      expect(largestGap(rebuilt?.get(name)?.data ?? [], data) / scale, name).toBeLessThan(1e-5);
    }
  });
});

describe("objectives as options", () => {
  test("defaults are the paper's", () => {
    expect(objectiveSchema.parse({ kind: "elastic" })).toEqual({
      kind: "elastic",
      shortWeight: 0.1,
      consistencyWeight: 0.1,
      consistency: "hidden",
    });
  });

  test.each([
    { kind: "other" },
    { kind: "final", shortWeight: 0.1 },
    { kind: "elastic", shortWeight: -1 },
    { kind: "elastic", consistency: "both" },
  ])("%j is refused", (objective) => {
    expect(objectiveSchema.safeParse(objective).success).toBe(false);
  });
});
