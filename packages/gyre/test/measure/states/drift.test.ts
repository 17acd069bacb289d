import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { attentionDrift, openStateReader } from "../../../src/measure/states/collect.ts";
import { presets } from "../../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../../src/models/spec.ts";
import { interpreterRuntime } from "../../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../../src/runtime/runtime.ts";
import { changed, largestGap, randomWeights, tinySize, valuesOf } from "../../models/tiny.ts";

const text = [3, 1, 4, 1, 5];

/** The drift of one layer with two heads over two tokens, from maps written down. */
function driftOf(before: readonly number[], now: readonly number[]): number[] {
  const builder = new GraphBuilder();
  const map = (values: readonly number[]) => builder.constant(Float64Array.from(values), [1, 2, 2, 2]);
  const graph = builder.graph({ drift: attentionDrift([map(before)], [map(now)]) });
  return valuesOf(graph, []).get("drift") ?? [];
}

async function drifts(spec: Spec, weights: ReturnType<typeof randomWeights>, runtime: Runtime) {
  await using reader = await openStateReader({ spec, weights, runtime }, { budget: 3, tokens: text.length });
  return (await reader.read(text)).drift.map((one) => Array.from(one));
}

describe("attention drift", () => {
  test("is 0 of equal maps, 1 of disjoint ones, and the share that moved between", () => {
    const before = [1, 0, 0.5, 0.5, 1, 0, 1, 0];
    expect(driftOf(before, before)).toEqual([0, 0]);
    expect(driftOf([1, 0, 1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1, 0, 1])).toEqual([1, 1]);
    // the second token: 0.25 moves in the first head, all in the second
    expect(driftOf(before, [1, 0, 0.25, 0.75, 1, 0, 0, 1])).toEqual([0, 0.625]);
  });

  test("is what the weights by hand give, in a model whose attention is softmax of one number a pair", async () => {
    const spec = presets.baseLoop({ ...tinySize, layers: 1, heads: 1, width: 2, loops: 3 });
    const weights = randomWeights(spec, 5, 1);
    const exact = await drifts(spec, weights, interpreterRuntime());
    await using reader = await openStateReader(
      { spec, weights, runtime: interpreterRuntime() },
      { budget: 3, tokens: text.length },
    );
    const { states } = await reader.read(text);
    const [name] = [...weights.keys()].filter((key) => key.endsWith("attention.qkv.weight"));
    const qkv = weights.get(name as string)?.data as Float32Array;
    const gain = weights.get((name as string).replace("qkv.weight", "norm.weight"))?.data as Float32Array;
    /** Rows of attention weights over the state that a loop reads. */
    const mapOf = (state: ArrayLike<number>): number[][] => {
      const normed = text.map((_, at) => {
        const [a, b] = [state[2 * at] as number, state[2 * at + 1] as number];
        const size = Math.sqrt((a * a + b * b) / 2 + spec.norm.epsilon);
        return [(a / size) * (gain[0] as number), (b / size) * (gain[1] as number)] as const;
      });
      const project = ([a, b]: readonly [number, number], row: number) =>
        a * (qkv[2 * row] as number) + b * (qkv[2 * row + 1] as number);
      return normed.map((q, at) => {
        const scores = normed
          .slice(0, at + 1)
          .map((k) => Math.exp((project(q, 0) * project(k, 2) + project(q, 1) * project(k, 3)) / Math.SQRT2));
        const total = scores.reduce((sum, value) => sum + value, 0);
        return scores.map((value) => value / total);
      });
    };
    const maps = states.slice(0, 3).map(({ data }) => mapOf(data));
    for (const [index, drift] of exact.entries()) {
      const expected = text.map((_, at) =>
        (maps[index + 1]?.[at] ?? []).reduce(
          (sum, value, key) => sum + Math.abs(value - (maps[index]?.[at]?.[key] ?? 0)) / 2,
          0,
        ),
      );
      expect(largestGap(drift, expected)).toBeLessThan(1e-12);
    }
    expect(Math.max(...exact.flat())).toBeGreaterThan(0.01);
  });

  test("is of the core alone, 0 at the first token, and on onnxruntime as in the interpreter", async () => {
    const around = { layers: { prelude: 1, core: 2, coda: 1 }, inject: "add" };
    const spec = parseSpec(changed(presets.baseLoop(tinySize), around));
    const weights = randomWeights(spec, 5);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const [exact, single] = [
      await drifts(spec, weights, interpreterRuntime()),
      await drifts(spec, weights, runtime),
    ];
    expect(exact).toHaveLength(2);
    for (const [index, drift] of exact.entries()) {
      expect(drift[0]).toBe(0);
      expect(largestGap(single[index] ?? [], drift)).toBeLessThan(1e-5);
      for (const value of drift) expect(value).toBeLessThan(1);
    }
  });
});
