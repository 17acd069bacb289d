import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { matmul, sin } from "../../../src/graph/ops.ts";
import { interpret } from "../../../src/interp/interpret.ts";
import { directional, openJacobian, productGraph } from "../../../src/measure/states/jacobian.ts";
import { spectralRadius } from "../../../src/measure/states/radius.ts";
import { rowsOf } from "../../../src/measure/states/rows.ts";
import { dot } from "../../../src/measure/states/symmetric.ts";
import { presets } from "../../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../../src/models/spec.ts";
import { interpreterRuntime } from "../../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import { rng } from "../../../src/util/rng.ts";
import { changed, largestGap, randomWeights, tinySize } from "../../models/tiny.ts";
import { mapped, normal } from "./helpers.ts";

const size = { ...tinySize, layers: 1 };
const text = [3, 1, 4, 1, 5];
const injected = parseSpec(
  changed(presets.baseLoop(size), { inject: "add", layers: { prelude: 1, core: 1, coda: 1 } }),
);
const cases: readonly (readonly [string, Spec, number])[] = [
  ["baseLoop", presets.baseLoop(size), 4],
  ["tmlt", presets.tmlt(size), 3],
  ["loopformer", presets.loopformer(size), 4],
  ["a core between others, with the embedding added", injected, 2],
  [
    "LayerNorm, silu and rotary positions",
    parseSpec(
      changed(presets.baseLoop(size), {
        norm: { kind: "layer", epsilon: 1e-5 },
        mlp: { activation: "silu" },
        positions: { kind: "rotary" },
      }),
    ),
    2,
  ],
];

async function opened(spec: Spec, budget: number, runtime = interpreterRuntime()) {
  const states = normal(text.length, spec.width, 2);
  const reader = await openJacobian(
    { spec, weights: randomWeights(spec, 7), runtime },
    { budget, tokens: text.length },
  );
  return { states, reader, jacobian: await reader.at(text, states) };
}

describe("a linear map", () => {
  test("has its matrix as Jacobian, on both sides, and its eigenvalues: 0.9 e^(0.5 i) is found as a pair", async () => {
    const [c, s] = [0.9 * Math.cos(0.5), 0.9 * Math.sin(0.5)];
    const matrix = [c, -s, 0, s, c, 0, 0, 7, 0.4];
    const builder = new GraphBuilder();
    const next = matmul(builder.input("state", [1, 3]), builder.constant(matrix, [3, 3]));
    const product = (side: "forward" | "backward") => {
      const graph = productGraph(builder.graph({ next }), side);
      return async (vector: Float64Array) => {
        const inputs = new Map(["state", "vector"].map((name) => [name, { data: vector, shape: [1, 3] }]));
        return Float64Array.from(interpret(graph, inputs).get("product")!.data);
      };
    };
    const unit = Float64Array.of(0, 1, 0);
    expect([...(await product("forward")(unit))]).toEqual([s, c, 0]);
    expect([...(await product("backward")(unit))]).toEqual([-s, c, 7]);
    const found = await spectralRadius(product("forward"), { size: 3, random: rng(1), tolerance: 1e-9 });
    expect(found.kind).toBe("pair");
    expect(found.value).toBeCloseTo(0.9, 7);
  });

  test("a map that bends is linearised where it is", () => {
    const builder = new GraphBuilder();
    const graph = productGraph(builder.graph({ next: sin(builder.input("state", [2])) }), "forward");
    const inputs = new Map([
      ["state", { data: Float64Array.of(0, 1), shape: [2] }],
      ["vector", { data: Float64Array.of(3, 3), shape: [2] }],
    ]);
    expect([...interpret(graph, inputs).get("product")!.data]).toEqual([3, 3 * Math.cos(1)]);
  });
});

describe.each(cases)("the last loop of %s", (_, spec, budget) => {
  test("J v is the finite difference of two loops", async () => {
    const { states, reader, jacobian } = await opened(spec, budget);
    const vector = normal(text.length, spec.width, 3).data as Float64Array;
    const step = 1e-5;
    const moved = async (sign: number) =>
      (
        await reader.at(
          text,
          mapped(states, (value, at) => value + sign * step * vector[at]!),
        )
      ).next.data;
    const [up, down] = [await moved(1), await moved(-1)];
    const expected = Float64Array.from(up, (value, at) => (value - down[at]!) / (2 * step));
    expect(largestGap(await jacobian.times(vector), expected)).toBeLessThan(
      1e-7 * Math.max(...expected.map(Math.abs)),
    );
  });

  test("u . J v = J^T u . v", async () => {
    const { jacobian } = await opened(spec, budget);
    const [u, v] = [4, 5].map((seed) => normal(text.length, spec.width, seed).data as Float64Array) as [
      Float64Array,
      Float64Array,
    ];
    const [left, right] = [dot(u, await jacobian.times(v)), dot(await jacobian.transposedTimes(u), v)];
    expect(left).toBeCloseTo(right, 10);
  });

  test("directions: nothing along the states, and the finite difference of unit vectors off them", async () => {
    const { states, reader, jacobian } = await opened(spec, budget);
    const times = directional(states, jacobian);
    expect(
      largestGap(
        await times(states.data as Float64Array),
        states.data.map(() => 0),
      ),
    ).toBeLessThan(1e-12);
    const vector = Float64Array.from(normal(text.length, spec.width, 6).data);
    const lengths = rowsOf(states).map((row) => Math.sqrt(dot(row, row)));
    const units = async (sign: number) => {
      const step = mapped(states, (value, at) => {
        const [token, d] = [Math.floor(at / spec.width), spec.width];
        const row = rowsOf(states)[token]!;
        const along = dot(row, vector.subarray(token * d, (token + 1) * d)) / dot(row, row);
        const tangent = vector[at]! - along * value;
        return value + sign * 1e-5 * lengths[token]! * tangent;
      });
      return rowsOf((await reader.at(text, step)).next).flatMap((row) => [
        ...row.map((value) => value / Math.sqrt(dot(row, row))),
      ]);
    };
    const [up, down] = [await units(1), await units(-1)];
    expect(
      largestGap(
        await times(vector),
        up.map((value, at) => (value - down[at]!) / 2e-5),
      ),
    ).toBeLessThan(1e-6);
  });
});

test("long states of a pre-norm loop pass it nearly as they are, and turn by little: J is about the identity", async () => {
  const spec = presets.baseLoop(size);
  const model = { spec, weights: randomWeights(spec, 7), runtime: interpreterRuntime() };
  const reader = await openJacobian(model, { budget: 4, tokens: text.length });
  const states = mapped(normal(text.length, spec.width, 2), (value) => 1e6 * value);
  const { times } = await reader.at(text, states);
  const vector = normal(text.length, spec.width, 3).data as Float64Array;
  expect(largestGap(await times(vector), vector)).toBeLessThan(1e-4);
});

test("onnxruntime multiplies as the interpreter does", async () => {
  await using runtime = await openOnnxRuntime({ threads: 1 });
  const [, spec, budget] = cases[2]!;
  const [ours, theirs] = [await opened(spec, budget), await opened(spec, budget, runtime)];
  const vector = normal(text.length, spec.width, 3).data as Float64Array;
  for (const side of ["times", "transposedTimes"] as const) {
    const expected = await ours.jacobian[side](vector);
    const gap = largestGap(await theirs.jacobian[side](vector), expected);
    expect(gap).toBeLessThan(2e-6 * Math.max(...expected.map(Math.abs)));
  }
});
