import { describe, expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { meanAll, mul } from "../../src/graph/ops.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { type ForwardOptions, forward, parameterInputs, readOut } from "../../src/models/assembly.ts";
import { initialWeights, parameters } from "../../src/models/parameters.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import { type Budget, parseSpec, type Spec } from "../../src/models/spec.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import {
  changed,
  countOps,
  largestGap,
  randomInts,
  randomWeights,
  routeInputs,
  tinySize,
  valuesOf,
} from "./tiny.ts";

const { gpt, baseLoop, tmlt, loopformer } = presets;
const specs = familyNames.map((name) => presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize));
const shape = { batch: 2, tokens: 5 };
const tokens = randomInts([2, 5], tinySize.vocab, 1);

/** Hidden states after each tap, and the gradient of the mean square of the last one for every parameter. */
function forwardGraph(spec: Spec, options: Partial<ForwardOptions> & { loops: number }): Graph {
  const builder = new GraphBuilder();
  const states = forward(builder, spec, { ...shape, ...options });
  const outputs: Record<string, Value> = {};
  for (const [loops, state] of states) outputs[`hidden/${loops}`] = state;
  const last = states.get(options.loops) as Value;
  const params = parameterInputs(builder, spec);
  const names = [...parameters(spec).keys()];
  const grads = gradients(
    meanAll(mul(last, last)),
    names.map((name) => params(name)),
  );
  for (const [index, name] of names.entries()) outputs[`grad/${name}`] = grads[index] as Value;
  return builder.graph(outputs);
}

function run(spec: Spec, weights: ReadonlyMap<string, Tensor>, budget: Budget, options = {}) {
  const loops = typeof budget === "number" ? budget : budget.length;
  const inputs: [string, Tensor][] = [["tokens", tokens], ...weights, ...routeInputs(spec, budget)];
  return valuesOf(forwardGraph(spec, { loops, ...options }), inputs);
}

/** The norm of a token's embedding plus its position's, by hand: what a model whose blocks are the identity returns. */
function embeddedAndNormed(spec: Spec, weights: ReadonlyMap<string, Tensor<Float32Array>>): number[] {
  const { width } = spec;
  const at = (name: string, index: number) => weights.get(`${name}.weight`)?.data[index] as number;
  return [...tokens.data].flatMap((token, row) => {
    const position = row % shape.tokens;
    const x = Array.from(
      { length: width },
      (_, d) => at("embed.tokens", token * width + d) + at("embed.positions", position * width + d),
    );
    const rms = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / width + spec.norm.epsilon);
    return x.map((value, d) => (value / rms) * at("readout.norm", d));
  });
}

describe("adalnInit zero", () => {
  const spec = loopformer(tinySize, { adalnInit: "zero" });
  const weights = randomWeights(spec, 3);
  for (const [name, { data }] of weights) if (name.includes("modulation")) data.fill(0);

  test.each([1, 2, 4, [0.5, 0.25, 0.25]])(
    "gates of zero make every block the identity at budget %j",
    (budget) => {
      const hidden = run(spec, weights, budget).get(`hidden/${typeof budget === "number" ? budget : 3}`);
      expect(largestGap(hidden as number[], embeddedAndNormed(spec, weights))).toBeLessThan(1e-12);
    },
  );

  test("a fresh model is that identity too, and only its gates can learn at first", () => {
    const fresh = initialWeights(spec, 5);
    const values = run(spec, fresh, 4);
    expect(largestGap(values.get("hidden/4") as number[], embeddedAndNormed(spec, fresh))).toBeLessThan(
      1e-12,
    );
    const moved = [...values].filter(([name, grad]) => name.startsWith("grad/") && grad.some((x) => x !== 0));
    expect(moved.map(([name]) => name.replace("grad/", ""))).toEqual([
      "embed.tokens.weight",
      "embed.positions.weight",
      "core.0.modulation.weight",
      "core.0.modulation.bias",
      "core.1.modulation.weight",
      "core.1.modulation.bias",
      "readout.norm.weight",
    ]);
    const bias = values.get("grad/core.0.modulation.bias") as number[];
    const half = bias.length / 2;
    expect(bias.slice(0, half).every((x) => x !== 0)).toBe(true);
    expect(bias.slice(half).every((x) => x === 0)).toBe(true);
  });

  test("official initial weights are not the identity", () => {
    const official = loopformer(tinySize);
    const fresh = initialWeights(official, 5);
    const hidden = run(official, fresh, 4).get("hidden/4") as number[];
    expect(largestGap(hidden, embeddedAndNormed(official, fresh))).toBeGreaterThan(1e-6);
  });
});

describe("loops", () => {
  test("the core is applied as often as asked: k attentions a loop", () => {
    for (const loops of [1, 3, 7]) {
      const graph = forwardGraph(baseLoop(tinySize), { loops });
      expect(countOps(graph, "causalAttention")).toBe(2 * loops);
    }
  });

  test.each([baseLoop(tinySize), tmlt(tinySize)])(
    "a tap in one run of $family equals a shorter run of its own",
    (spec) => {
      const weights = randomWeights(spec, 4);
      const long = run(spec, weights, 4, { taps: [1, 3, 4] });
      for (const loops of [1, 3]) {
        const alone = run(spec, weights, loops).get(`hidden/${loops}`) as number[];
        expect(largestGap(long.get(`hidden/${loops}`) as number[], alone)).toBeLessThan(1e-12);
      }
    },
  );

  test("LoopFormer's hidden states depend on the trajectory, not only on its length", () => {
    const spec = loopformer(tinySize);
    const weights = randomWeights(spec, 4, 1);
    const [a, b] = [
      [0.25, 0.75],
      [0.75, 0.25],
    ].map((trajectory) => run(spec, weights, trajectory).get("hidden/2") as number[]);
    expect(largestGap(a as number[], b as number[])).toBeGreaterThan(1e-3);
  });

  test("one loop of baseLoop is the gpt with the same weights", () => {
    const looped = baseLoop({ ...tinySize, loops: 1 });
    const weights = randomWeights(looped, 4);
    const a = run(looped, weights, 1).get("hidden/1");
    expect(run(gpt({ ...tinySize, loops: 1 }), weights, 1).get("hidden/1")).toEqual(a);
  });
});

describe("options of a forward pass", () => {
  test.each(specs)("recomputation leaves values and gradients of $family as they are", (spec) => {
    const weights = randomWeights(spec, 6);
    const kept = run(spec, weights, spec.loops);
    const rebuilt = run(spec, weights, spec.loops, { recompute: true });
    expect([...rebuilt.keys()]).toEqual([...kept.keys()]);
    for (const [name, values] of kept) {
      expect(largestGap(rebuilt.get(name) as number[], values), name).toBeLessThan(1e-12);
    }
  });

  test.each([1, 2, 3, 5, 64])("attention in blocks of %d rows computes the same", (tile) => {
    const spec = loopformer(tinySize);
    const weights = randomWeights(spec, 6);
    const whole = run(spec, weights, 2);
    for (const [name, values] of run(spec, weights, 2, { tile })) {
      expect(largestGap(whole.get(name) as number[], values), name).toBeLessThan(1e-12);
    }
  });

  test("no token sees a later one", () => {
    const spec = loopformer(tinySize);
    const weights = randomWeights(spec, 6);
    const before = run(spec, weights, 3).get("hidden/3") as number[];
    const last = tokens.data[4] as number;
    tokens.data[4] = (last + 1) % spec.vocab;
    const after = run(spec, weights, 3).get("hidden/3") as number[];
    tokens.data[4] = last;
    expect(after.slice(0, 4 * spec.width)).toEqual(before.slice(0, 4 * spec.width));
    expect(after.slice(4 * spec.width, 5 * spec.width)).not.toEqual(
      before.slice(4 * spec.width, 5 * spec.width),
    );
    expect(after.slice(5 * spec.width)).toEqual(before.slice(5 * spec.width));
  });

  test("more tokens than the context are refused", () => {
    const error = errorOf(() => forwardGraph(baseLoop(tinySize), { loops: 1, tokens: 7 }));
    expect(error.code).toBe("CONTEXT");
    expect(error.message).toContain("7 tokens\n  expected: at most 6, the model's context");
  });
});

describe("options of a spec", () => {
  test("every bias is used: each has a gradient", () => {
    const spec = baseLoop(tinySize, { bias: true });
    const values = run(spec, randomWeights(spec, 8), 2);
    const biases = [...values].filter(([name]) => name.endsWith(".bias"));
    expect(biases).toHaveLength(8);
    for (const [name, grad] of biases)
      expect(
        largestGap(
          grad,
          grad.map(() => 0),
        ),
        name,
      ).toBeGreaterThan(1e-6);
  });

  test("each activation is its own function", () => {
    const hidden = (["gelu", "relu", "silu"] as const).map((activation) => {
      const spec = baseLoop(tinySize, { activation });
      return run(spec, randomWeights(spec, 8), 2).get("hidden/2") as number[];
    });
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      expect(largestGap(hidden[a] as number[], hidden[b] as number[])).toBeGreaterThan(1e-4);
    }
  });

  test("the head is tied: logits are hidden states times the token embedding", () => {
    const spec = baseLoop(tinySize);
    const builder = new GraphBuilder();
    const hidden = builder.input("hidden", [1, 8]);
    const graph = builder.graph({ logits: readOut(builder, spec, hidden) });
    const weights = randomWeights(spec, 2);
    const state = Array.from({ length: 8 }, (_, d) => d - 3.5);
    const wte = weights.get("embed.tokens.weight") as Tensor<Float32Array>;
    const logits = valuesOf(graph, [
      ...weights,
      ["hidden", { data: Float64Array.from(state), shape: [1, 8] }],
    ]);
    const byHand = Array.from({ length: spec.vocab }, (_, token) =>
      state.reduce((sum, x, d) => sum + x * (wte.data[token * 8 + d] as number), 0),
    );
    expect(largestGap(logits.get("logits") as number[], byHand)).toBeLessThan(1e-12);
  });
});

describe("language models with prelude, coda and injection", () => {
  const changes = {
    layers: { prelude: 1, coda: 2 },
    inject: "add",
    norm: { kind: "layer", gain: true, bias: true },
    attention: { bias: true },
    mlp: { bias: true, activation: "geluTanh" },
  };
  const spec = parseSpec(changed(baseLoop(tinySize), changes));
  const weights = randomWeights(spec, 9);

  test("run the prelude and the coda once, the core in every loop, and teach every parameter", () => {
    for (const loops of [1, 3]) {
      expect(countOps(forwardGraph(spec, { loops }), "causalAttention")).toBe(1 + 2 * loops + 2);
    }
    const values = run(spec, weights, 3);
    for (const name of parameters(spec).keys())
      expect(
        largestGap(
          values.get(`grad/${name}`)!,
          values.get(`grad/${name}`)!.map(() => 0),
        ),
        name,
      ).toBeGreaterThan(0);
  });

  test("a tap is read through the coda, and equals a shorter run", () => {
    const taps = run(spec, weights, 3, { taps: [1, 3] });
    expect(largestGap(taps.get("hidden/1")!, run(spec, weights, 1).get("hidden/1")!)).toBeLessThan(1e-12);
  });

  test("without core layers in between, prelude and core are one stack", () => {
    const stacked = baseLoop({ ...tinySize, layers: 2 });
    const split = parseSpec(changed(baseLoop({ ...tinySize, layers: 1 }), { layers: { prelude: 1 } }));
    const moved = new Map(
      [...randomWeights(stacked, 4)].map(([name, tensor]) => [
        name.replace("core.0", "prelude.0").replace("core.1", "core.0"),
        tensor,
      ]),
    );
    const [a, b] = [run(stacked, randomWeights(stacked, 4), 1), run(split, moved, 1)];
    expect(b.get("hidden/1")).toEqual(a.get("hidden/1"));
  });

  test("no gradient flows through detached loops", () => {
    const [all, last] = [{}, { detachedLoops: 2 }].map((options) => run(spec, weights, 3, options));
    expect(last!.get("hidden/3")).toEqual(all!.get("hidden/3"));
    const name = "grad/core.0.mlp.up.weight";
    expect(largestGap(last!.get(name)!, all!.get(name)!)).toBeGreaterThan(1e-6);
  });
});
