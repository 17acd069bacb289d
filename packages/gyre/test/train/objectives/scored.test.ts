import { describe, expect, test } from "vitest";
import { gradients } from "../../../src/grad/gradients.ts";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { add, logSoftmax, meanAll, mul, neg, pick, reduceSum, reshape, sub } from "../../../src/graph/ops.ts";
import type { Value } from "../../../src/graph/types.ts";
import { forward, parameterInputs, readOut } from "../../../src/models/assembly.ts";
import { parameters } from "../../../src/models/parameters.ts";
import { presets } from "../../../src/models/presets.ts";
import { type Budget, parseSpec, type Spec } from "../../../src/models/spec.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import { SHORT_ROUTE, stepGraph } from "../../../src/train/objectives/elastic.ts";
import { type Objective, objectiveSchema } from "../../../src/train/options.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import {
  changed,
  largestGap,
  randomInts,
  randomWeights,
  routeInputs,
  tinySize,
  valuesOf,
} from "../../models/tiny.ts";

// The elastic objective where few of the positions are scored, against the whole vocabulary at every position.

const elastic = objectiveSchema.parse({ kind: "elastic", shortWeight: 0.3, consistencyWeight: 0.7 });
const [batch, tokens, loops, shortLoops] = [2, 5, 4, 2];
const rows = batch * tokens;
const positions = [1, 4, 8];
const targets = [3, 0, 7];
const ids: [string, Tensor] = ["tokens", randomInts([batch, tokens], tinySize.vocab, 1)];
const specs = [
  presets.baseLoop(tinySize),
  presets.loopformer(tinySize),
  parseSpec(changed(presets.baseLoop(tinySize), { layers: { prelude: 1, coda: 1 }, inject: "add" })),
];
const weightsOf = (spec: Spec) => randomWeights(spec, 11, 0.3);
const shortBudget = (spec: Spec): Budget => (spec.conditioning.kind === "time" ? [0.75, 0.25] : shortLoops);
const routesOf = (spec: Spec) => [
  ...routeInputs(spec, loops),
  ...routeInputs(spec, shortBudget(spec), SHORT_ROUTE),
];

/** What is scored, with rows of no share up to `scored`. */
function scoredInputs(scored: number): [string, Tensor][] {
  const filled = (values: readonly number[]) =>
    Int32Array.from({ length: scored }, (_, at) => values[at] ?? 0);
  const shares = Float32Array.from({ length: scored }, (_, at) => (at < positions.length ? 1 / 3 : 0));
  return [
    ["scoredAt", { data: filled(positions), shape: [scored] }],
    ["targets", { data: filled(targets), shape: [scored] }],
    ["shares", { data: shares, shape: [scored] }],
  ];
}

function step(spec: Spec, objective: Objective, scored = positions.length) {
  const graph = stepGraph(spec, objective, { batch, tokens, loops, shortLoops, scored });
  return valuesOf(graph, [ids, ...scoredInputs(scored), ...weightsOf(spec), ...routesOf(spec)]);
}

const mask = Float64Array.from({ length: rows }, (_, row) => (positions.includes(row) ? 1 / 3 : 0));
const everyTarget = Int32Array.from({ length: rows }, (_, row) => targets[positions.indexOf(row)] ?? 0);

/** The same from logits at every position and a mask; `fixed` is what the short run must match. */
function naive(spec: Spec, objective: Objective & { kind: "elastic" }, fixed?: Tensor) {
  const builder = new GraphBuilder();
  const run = (count: number, route: string) =>
    forward(builder, spec, { batch, tokens, loops: count, route }).get(count) as Value;
  const [long, short] = [run(loops, ""), run(shortLoops, SHORT_ROUTE)];
  const masked = (perRow: Value) =>
    reshape(reduceSum(reshape(mul(perRow, builder.constant(mask, [rows])), [1, rows]), [1]), []);
  const crossEntropy = (hidden: Value) =>
    masked(
      neg(pick(logSoftmax(readOut(builder, spec, hidden)), builder.constant(everyTarget, [rows], "int"))),
    );
  const match = (hidden: Value) =>
    objective.consistency === "hidden" ? hidden : readOut(builder, spec, hidden);
  const goal = builder.input("goal", match(long).shape);
  const gap = sub(goal, match(short));
  const square = mul(gap, gap);
  const width = square.shape[1] as number;
  const consistency =
    objective.consistency === "hidden"
      ? meanAll(square)
      : masked(mul(reshape(reduceSum(square, [1]), [rows]), 1 / width));
  const [ceLong, ceShort] = [crossEntropy(long), crossEntropy(short)];
  const loss = add(ceLong, add(mul(ceShort, 0.3), mul(consistency, 0.7)));
  const params = parameterInputs(builder, spec);
  const names = [...parameters(spec).keys()];
  const grads = gradients(
    loss,
    names.map((name) => params(name)),
  );
  const named = Object.fromEntries(names.map((name, at) => [`grad/${name}`, grads[at] as Value]));
  const graph = builder.graph({
    loss,
    long: ceLong,
    short: ceShort,
    consistency,
    goal: match(long),
    ...named,
  });
  const goalOrZero = fixed ?? { data: new Float64Array(rows * width), shape: goal.shape };
  return valuesOf(graph, [ids, ["goal", goalOrZero], ...weightsOf(spec), ...routesOf(spec)]);
}

describe.each(specs.map((spec) => [`${spec.family}, inject ${spec.inject}`, spec] as const))(
  "few scored positions of a %s",
  (_, spec) => {
    test.each(["hidden", "logits"] as const)("losses and gradients, %s matched", (consistency) => {
      const objective = { ...elastic, consistency } as Objective & { kind: "elastic" };
      const free = naive(spec, objective);
      const goal = free.get("goal") as number[];
      const shape = [rows, goal.length / rows];
      const expected = naive(spec, objective, { data: Float64Array.from(goal), shape });
      const values = step(spec, objective);
      // The shares are a third in float32.
      for (const [name, part] of [
        ["loss", "loss"],
        ["loss/long", "long"],
        ["loss/short", "short"],
        ["loss/consistency", "consistency"],
      ] as const)
        expect(values.get(name)?.[0], name).toBeCloseTo(expected.get(part)?.[0] as number, 6);
      for (const name of parameters(spec).keys()) {
        const [own, other] = [values, expected].map((of) => of.get(`grad/${name}`) as number[]);
        expect(largestGap(own ?? [], other ?? []), name).toBeLessThan(1e-6);
      }
    });

    test("rows that fill the batch change nothing", () => {
      const [exact, filled] = [step(spec, elastic), step(spec, elastic, 6)];
      for (const [name, numbers] of exact)
        expect(largestGap(filled.get(name) ?? [], numbers), name).toBeLessThan(1e-12);
    });

    test("every position, in equal shares, is the objective on text", () => {
      const every = randomInts([batch, tokens], tinySize.vocab, 2);
      const inputs = [ids, ...weightsOf(spec), ...routesOf(spec)];
      const shape = { batch, tokens, loops, shortLoops };
      const text = valuesOf(stepGraph(spec, elastic, shape), [...inputs, ["targets", every]]);
      const scored = valuesOf(stepGraph(spec, elastic, { ...shape, scored: rows }), [
        ...inputs,
        ["scoredAt", { data: Int32Array.from({ length: rows }, (_, row) => row), shape: [rows] }],
        ["targets", { data: every.data, shape: [rows] }],
        ["shares", { data: new Float64Array(rows).fill(1 / rows), shape: [rows] }],
      ]);
      for (const [name, numbers] of text)
        expect(largestGap(scored.get(name) ?? [], numbers), name).toBeLessThan(1e-12);
    });
  },
);

test("onnxruntime computes what the float64 interpreter does", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const [, spec] = specs as [Spec, Spec];
  const exact = step(spec, elastic, 4);
  const program = await runtime.compile(
    stepGraph(spec, elastic, { batch, tokens, loops, shortLoops, scored: 4 }),
  );
  const inputs = [ids, ...scoredInputs(4), ...weightsOf(spec), ...routesOf(spec)];
  for (const [name, { data }] of await program.run(new Map<string, Tensor>(inputs))) {
    const numbers = exact.get(name) as number[];
    const scale = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
    expect(largestGap(data, numbers) / scale, name).toBeLessThan(5e-5); // float32, through six passes
  }
});
