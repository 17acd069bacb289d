import { expect, describe as group, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import { describe, trainingFlops } from "../../src/models/describe.ts";
import { isConditioned } from "../../src/models/parameters.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import { FEATURES } from "../../src/nn/embed.ts";
import { stepGraph } from "../../src/train/objectives/elastic.ts";
import { sizeOf } from "../../src/util/tensor.ts";
import { changed, countMatmulFlops, tinySize } from "./tiny.ts";

const options = {
  positions: { kind: "rotary" },
  attention: { heads: 4, keyValueHeads: 2 },
  mlp: { gated: true, activation: "silu" },
  norm: { placement: "branch" },
  readout: { tied: false },
};
const specs = [
  ...familyNames.map((name) => presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize)),
  parseSpec(changed(presets.baseLoop(tinySize), options)),
];
const titled = specs.map((spec) => [`${spec.family}, positions ${spec.positions.kind}`, spec] as const);
const budgets = (spec: Spec) => (spec.family === "gpt" ? [1] : [1, 2, 4, 7]);

/** A whole context through the model; attention row by row, so that no masked product is computed. */
function forwardGraph(spec: Spec, loops: number): Graph {
  const builder = new GraphBuilder();
  const options = { batch: 1, tokens: spec.context, loops, tile: 1 };
  const hidden = forward(builder, spec, options).get(loops) as Value;
  return builder.graph({ logits: readOut(builder, spec, hidden) });
}

/** What conditioning costs once a sequence: two linear layers an embedder, one a block; each of the M loops. */
function modulationFlops(spec: Spec, loops: number): number {
  if (!isConditioned(spec)) return 0;
  const { width, layers } = spec;
  const embedders = spec.conditioning.kind === "time" ? 2 : 1;
  return 2 * loops * (embedders * (FEATURES * width + width * width) + layers.core * 4 * width * width);
}

group.each(titled)("costs of %s", (_, spec) => {
  test("FLOPs per token are the matrix products of the forward graph", () => {
    const { budgets: costs } = describe(spec, { loops: budgets(spec) });
    for (const { loops, flopsPerToken } of costs) {
      const traced = countMatmulFlops(forwardGraph(spec, loops)) - modulationFlops(spec, loops);
      expect(flopsPerToken * spec.context).toBe(traced);
    }
  });

  test("KV bytes per token are the keys and values of every attention", () => {
    const { budgets: costs } = describe(spec, { loops: budgets(spec) });
    for (const { loops, kvBytesPerToken } of costs) {
      const attentions = forwardGraph(spec, loops).values.filter(({ op }) => op === "causalAttention");
      const elements = attentions.flatMap(({ inputs }) => inputs.slice(1)).map(sizeBeforeRepeating);
      expect(kvBytesPerToken * spec.context).toBe(4 * elements.reduce((sum, size) => sum + size, 0));
    }
  });

  test("training FLOPs are the matrix products of forward and backward, with full attention", () => {
    const shape = { batch: 3, tokens: spec.context, loops: spec.loops };
    const traced = countMatmulFlops(stepGraph(spec, { kind: "final" }, shape));
    const modulation = 3 * modulationFlops(spec, spec.loops);
    const skipped = isConditioned(spec) ? unneededFlops(spec, spec.loops) : 0;
    expect(trainingFlops(spec, spec.loops, 3 * spec.context)).toBe(traced - modulation + skipped);
  });
});

/** Elements of keys or values [1, H, T, w] before each of their heads is repeated for several of queries. */
function sizeBeforeRepeating({ op, inputs: [repeated], shape }: Value): number {
  const isRepeated = op === "reshape" && repeated?.op === "broadcastTo";
  return sizeOf(isRepeated ? (repeated.inputs[0] as Value).shape : shape);
}

/** The scalars t and dt need no gradient, so the embedders' first layers have one product less to compute. */
function unneededFlops(spec: Spec, loops: number): number {
  return (spec.conditioning.kind === "time" ? 2 : 1) * 2 * loops * FEATURES * spec.width;
}

test("by hand, at the paper's size: LoopFormer section 3 (MFLOPs at context 1024)", () => {
  const paper = { vocab: 50304, context: 1024, width: 2048, heads: 32, mlp: 5120 };
  const { parameters, budgets: costs } = describe(presets.loopformer({ ...paper, layers: 3 }), {
    loops: [8, 4, 2, 1],
  });
  expect(parameters).toBe(278_169_600);
  expect(costs.map(({ blockPasses }) => blockPasses)).toEqual([24, 12, 6, 3]);
  expect(costs.map(({ flopsPerToken }) => Math.round(flopsPerToken / 1e6))).toEqual([2119, 1162, 684, 445]);
  expect(costs[0]?.kvBytesPerToken).toBe(24 * 2 * 2048 * 4);
});

test("the model's own depth is the default budget", () => {
  const spec = presets.tmlt(tinySize);
  expect(describe(spec)).toEqual(describe(spec, { loops: [spec.loops] }));
});
