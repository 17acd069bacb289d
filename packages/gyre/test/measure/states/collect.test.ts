import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import type { Value } from "../../../src/graph/types.ts";
import { openLensReader, openStateReader } from "../../../src/measure/states/collect.ts";
import { forward, readOut } from "../../../src/models/assembly.ts";
import { familyNames, loopedTransformer, presets } from "../../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../../src/models/spec.ts";
import { interpreterRuntime } from "../../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../../src/runtime/runtime.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import { errorOf } from "../../checkpoint/helpers.ts";
import { changed, largestGap, randomWeights, routeInputs, tinySize, valuesOf } from "../../models/tiny.ts";

const text = [3, 1, 4, 1, 5];
const around = { layers: { prelude: 1, core: 2, coda: 1 }, inject: "add" };
const specs: readonly (readonly [string, Spec])[] = [
  ...familyNames.map(
    (name) => [name, presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize)] as const,
  ),
  ["prelude, coda and injection", parseSpec(changed(presets.baseLoop(tinySize), around))],
  ["a start from zeros", parseSpec(changed(presets.baseLoop(tinySize), { ...around, start: "zeros" }))],
  ["norm in every loop", parseSpec(changed(presets.baseLoop(tinySize), { frame: "loop" }))],
];

async function collected(spec: Spec, budget: number, runtime: Runtime = interpreterRuntime()) {
  const model = { spec, weights: randomWeights(spec, 5), runtime };
  await using reader = await openStateReader(model, { budget, tokens: text.length });
  await using lens = await openLensReader(model, 3);
  const found = await reader.read(text);
  const logits = [];
  for (const hidden of found.hidden) {
    const rows = [];
    for await (const row of lens.logits(hidden)) rows.push(...row);
    logits.push(rows);
  }
  return { ...found, logits };
}

/** What a run of `loops` loops of its own, along the first steps of a trajectory, reads out. */
function logitsOf(spec: Spec, loops: number, budget: number): number[] {
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch: 1, tokens: text.length, loops }).get(loops) as Value;
  const graph = builder.graph({ logits: readOut(builder, spec, hidden) });
  const route = routeInputs(spec, budget).map(([name, { data }]): [string, Tensor] => [
    name,
    { data: data.slice(0, loops), shape: [loops] },
  ]);
  const tokens: Tensor = { data: Int32Array.from(text), shape: [1, text.length] };
  return valuesOf(graph, [["tokens", tokens], ...randomWeights(spec, 5), ...route]).get("logits")!;
}

describe.each(specs)("%s", (_, spec) => {
  const budget = spec.family === "gpt" ? 1 : 3;

  test("every loop's logits are those of a run that ends there", async () => {
    const { logits } = await collected(spec, budget);
    expect(logits).toHaveLength(budget);
    for (const [index, rows] of logits.entries())
      expect(largestGap(rows, logitsOf(spec, index + 1, budget))).toBeLessThan(1e-5);
  });

  test("there is a state before the first loop and after each, one row a token", async () => {
    const { loops, states } = await collected(spec, budget);
    const first = spec.start === "zeros" ? 1 : 0;
    expect(loops).toEqual(Array.from({ length: budget + 1 - first }, (_, index) => index + first));
    for (const { shape } of states) expect(shape).toEqual([text.length, spec.width]);
    expect(largestGap(states.at(-1)!.data, states.at(-2)?.data ?? [])).toBeGreaterThan(0.01);
  });

  test("onnxruntime as the interpreter", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const [ours, theirs] = [await collected(spec, budget), await collected(spec, budget, runtime)];
    const all = ({ states, logits }: typeof ours) => [...states.map(({ data }) => [...data]), ...logits];
    for (const [index, values] of all(ours).entries()) {
      // float32 against float64, relative to the largest of a layer's numbers
      const scale = values.reduce((most: number, value: number) => Math.max(most, Math.abs(value)), 1);
      expect(largestGap(all(theirs)[index]!, values)).toBeLessThan(1e-5 * scale);
    }
  });
});

test("before the first loop of a model without a prelude stands the embedding with its position", async () => {
  const spec = presets.baseLoop(tinySize);
  const weights = randomWeights(spec, 5);
  const { states } = await collected(spec, 1);
  const at = (name: string, row: number) =>
    weights.get(`${name}.weight`)!.data.subarray(row * spec.width, (row + 1) * spec.width);
  const expected = text.flatMap((token, position) =>
    Array.from(at("embed.tokens", token), (value, d) => value + at("embed.positions", position)[d]!),
  );
  expect(largestGap(states[0]!.data, expected)).toBeLessThan(1e-7);
});

test("a model of vectors has no tokens to look at", async () => {
  const spec = loopedTransformer({ inputs: 3, context: 6, width: 8, heads: 2, loops: 2 });
  const model = { spec, weights: randomWeights(spec, 1), runtime: interpreterRuntime() };
  const error = await openStateReader(model, { budget: 2, tokens: 4 }).catch((caught) => caught);
  expect(
    errorOf(() => {
      throw error;
    }).code,
  ).toBe("MODEL_VECTORS");
});
