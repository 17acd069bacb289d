import { describe, expect, test } from "vitest";
import { untilConfident } from "../../src/decode/exits.ts";
import { type GenerateOptions, generate } from "../../src/decode/generate.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/types.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import type { Model } from "../../src/models/model.ts";
import { familyNames, presets } from "../../src/models/presets.ts";
import type { Budget, Spec } from "../../src/models/spec.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { largestGap, randomWeights, routeInputs, tinySize, valuesOf } from "../models/tiny.ts";

const { baseLoop, loopformer } = presets;
const spec = loopformer(tinySize);
const modelOf = (of: Spec, runtime: Runtime = interpreterRuntime()): Model => ({
  spec: of,
  weights: randomWeights(of, 9, 0.6),
  runtime,
});
const model = modelOf(spec);

async function tokensOf(from: Model, prompt: readonly number[], options: GenerateOptions): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of generate(from, prompt, options)) tokens.push(token);
  return tokens;
}

/** The best next token after `text`, from the whole forward pass over exactly these tokens. */
function bestNext(from: Model, text: readonly number[], budget: Budget): { token: number; logits: number[] } {
  const loops = typeof budget === "number" ? budget : budget.length;
  const builder = new GraphBuilder();
  const hidden = forward(builder, from.spec, { batch: 1, tokens: text.length, loops }).get(loops) as Value;
  const graph = builder.graph({ logits: readOut(builder, from.spec, hidden) });
  const tokens: Tensor = { data: Int32Array.from(text), shape: [1, text.length] };
  const values = valuesOf(graph, [["tokens", tokens], ...from.weights, ...routeInputs(from.spec, budget)]);
  const logits = (values.get("logits") as number[]).slice(-from.spec.vocab);
  return { token: logits.indexOf(Math.max(...logits)), logits };
}

describe("greedy text", () => {
  test.each([1, 2, 4, 6, [0.5, 0.25, 0.25], [0.125, 0.875]])(
    "is the argmax of the full forward pass at budget %j, also after the window slides",
    async (budget) => {
      const text = [3, 1];
      for await (const next of generate(model, text, { loops: budget, temperature: 0, maxTokens: 8 })) {
        const best = bestNext(model, text.slice(-spec.context), budget);
        expect(next.token).toBe(best.token);
        expect(largestGap(next.logits, best.logits)).toBeLessThan(1e-12);
        expect(next.slides === true).toBe(text.length > spec.context);
        text.push(next.token);
      }
      expect(text).toHaveLength(10);
    },
  );

  test.each(familyNames)("works for %s, whose full depth is the default", async (name) => {
    const own = modelOf(presets[name](name === "gpt" ? { ...tinySize, loops: 1 } : tinySize));
    const tokens = await tokensOf(own, [2, 7, 5], { temperature: 0, maxTokens: 1 });
    expect(tokens).toEqual([bestNext(own, [2, 7, 5], own.spec.loops).token]);
  });

  test("a prompt longer than the context is read from its end", async () => {
    const long = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const options = { temperature: 0, maxTokens: 3 };
    expect(await tokensOf(model, long, options)).toEqual(await tokensOf(model, long.slice(-6), options));
  });

  test("a context above the smallest window is padded, which no token sees", async () => {
    const own = modelOf(loopformer({ ...tinySize, context: 40 }));
    const text = Array.from({ length: 15 }, (_, index) => (index * 7) % 11);
    for await (const { token, logits } of generate(own, text, { temperature: 0, maxTokens: 4 })) {
      const best = bestNext(own, text, 4);
      expect(token).toBe(best.token);
      expect(largestGap(logits, best.logits)).toBeLessThan(1e-12);
      text.push(token);
    }
  });

  test("is the same on onnxruntime", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const options = { loops: [0.5, 0.25, 0.25], temperature: 0, maxTokens: 10 };
    const native = await tokensOf({ ...model, runtime }, [3, 1], options);
    expect(native).toEqual(await tokensOf(model, [3, 1], options));
  });
});

describe("the budget", () => {
  test.each([1, 3, 8])("is the number of loops that run: %i", async (loops) => {
    const counts = [];
    for await (const token of generate(model, [3, 1], { loops, maxTokens: 3 }))
      counts.push([token.loops, token.blockPasses]);
    const passes = spec.layers.core * loops;
    expect(counts).toEqual([
      [loops, 2 * passes],
      [loops, passes],
      [loops, passes],
    ]);
  });

  test("decides the text: every one has logits of its own", async () => {
    const first: number[][] = [];
    for (const budget of [1, 2, 4, [0.75, 0.25], [0.25, 0.75]]) {
      for await (const { logits } of generate(model, [3, 1], { loops: budget, maxTokens: 1 }))
        first.push([...logits]);
    }
    for (const [index, logits] of first.entries()) {
      for (const other of first.slice(0, index)) expect(largestGap(logits, other)).toBeGreaterThan(1e-3);
    }
  });
});

describe("sampled text", () => {
  test("is a function of the seed", async () => {
    const options = { maxTokens: 12, temperature: 1.5 };
    const seeded = (seed: number) => tokensOf(model, [3, 1], { ...options, seed });
    expect(await seeded(1)).toEqual(await seeded(1));
    expect(await seeded(1)).not.toEqual(await seeded(2));
    expect(await tokensOf(model, [3, 1], options)).toEqual(await seeded(0));
  });

  test("top-k 1 is greedy at any temperature", async () => {
    const greedy = await tokensOf(model, [3, 1], { maxTokens: 8, temperature: 0 });
    expect(await tokensOf(model, [3, 1], { maxTokens: 8, temperature: 3, topK: 1, seed: 5 })).toEqual(greedy);
  });
});

describe("a vocabulary that is padded", () => {
  const vocab = 7;
  /** Of its padding, 7 to 10, the even or the odd ones are likelier than anything else. */
  const weights = new Map(model.weights);
  const table = weights.get("embed.tokens.weight")!;
  const norm = weights.get("readout.norm.weight")!;
  weights.set("embed.tokens.weight", {
    ...table,
    data: table.data.map((value, index) => {
      const token = Math.floor(index / spec.width);
      return token < vocab ? value / 8 : token % 2 === 0 ? 2 : -2;
    }),
  });
  weights.set("readout.norm.weight", { ...norm, data: norm.data.map(() => 4) });
  const padded = { ...model, weights };
  const ways: [string, Partial<GenerateOptions>][] = [
    ["greedy", { temperature: 0 }],
    ["sampled", { temperature: 3 }],
    ["top-p", { temperature: 1, topP: 0.9 }],
    ["by a rule", { temperature: 1, loops: untilConfident({ probability: 0.3 }) }],
    ["with a draft", { temperature: 1, draft: { kind: "prefix", loops: 2, tokens: 3 } }],
    ["past the window", { temperature: 1, window: "slide" }],
  ];

  test.each(ways)("is never drawn from beyond the tokenizer's, %s", async (_, options) => {
    const tokens: number[] = [];
    for await (const { token, logits } of generate(padded, [1, 2], { maxTokens: 30, ...options, vocab })) {
      expect(logits).toHaveLength(vocab);
      tokens.push(token);
    }
    expect(tokens.length).toBeGreaterThan(3);
    expect(Math.max(...tokens)).toBeLessThan(vocab);
  });

  test("is drawn from where nothing is said", async () => {
    const tokens = await tokensOf(padded, [1, 2], { temperature: 0, maxTokens: 4 });
    expect(Math.max(...tokens)).toBeGreaterThanOrEqual(vocab);
  });

  test.each([0, -1, 2.5, Number.NaN])("a limit of %d is refused", async (limit) => {
    const error = await rejectionOf(tokensOf(padded, [1], { maxTokens: 1, vocab: limit }));
    expect([error.code, error.detail.given]).toEqual(["SAMPLING", `vocab ${limit}`]);
  });
});

describe("the end", () => {
  test("maxTokens is the number of tokens; none at all is allowed", async () => {
    expect(await tokensOf(model, [1], { maxTokens: 5 })).toHaveLength(5);
    expect(await tokensOf(model, [1], { maxTokens: 0 })).toEqual([]);
  });

  test("the stop token is given out, and is the last", async () => {
    const options = { maxTokens: 20, temperature: 1, seed: 4 };
    const all = await tokensOf(model, [1], options);
    const stop = all[6] as number;
    const stopped = await tokensOf(model, [1], { ...options, stop });
    expect(stopped).toEqual(all.slice(0, all.indexOf(stop) + 1));
  });

  test("a signal ends it between tokens", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const endless = (async () => {
      for await (const { token } of generate(model, [1], { maxTokens: 1000, signal: controller.signal })) {
        if (seen.push(token) === 3) controller.abort(new Error("enough"));
      }
    })();
    await expect(endless).rejects.toThrow("enough");
    expect(seen).toHaveLength(3);
  });
});

describe("errors", () => {
  test.each([
    ["plain", {}],
    ["with a draft", { draft: { kind: "coarse", loops: 2, tokens: 3 } }],
    ["by a rule", { loops: untilConfident({ kl: 0.1 }) }],
  ] as [string, Partial<GenerateOptions>][])(
    "logits that are not finite draw nothing, %s",
    async (_, options) => {
      const weights = new Map(model.weights);
      const norm = weights.get("readout.norm.weight")!;
      weights.set("readout.norm.weight", { ...norm, data: norm.data.map(() => Number.NaN) });
      for (const temperature of [0, 1]) {
        const error = await rejectionOf(
          tokensOf({ ...model, weights }, [1], { maxTokens: 1, temperature, ...options }),
        );
        expect(error.code).toBe("LOGITS");
        expect(error.detail.given).toContain("11 of 11, the first NaN for token 0");
      }
    },
  );

  test.each([
    ["PROMPT_EMPTY", [], {}, "a prompt of no tokens"],
    ["PROMPT_TOKEN", [1, 11], {}, "the token 11 in the prompt"],
    ["PROMPT_TOKEN", [-1], {}, "the token -1 in the prompt"],
    ["SAMPLING", [1], { temperature: -0.5 }, "temperature -0.5"],
    ["SAMPLING", [1], { topK: 0 }, "top-k 0"],
    ["SAMPLING", [1], { topP: 2 }, "top-p 2"],
    ["SAMPLING", [1], { maxTokens: -1 }, "max-tokens -1"],
    ["SAMPLING", [1], { maxTokens: Number.NaN }, "max-tokens NaN"],
    ["LOOPS", [1], { loops: 0 }, "0 loops of a loopformer model"],
    ["TRAJECTORY", [1], { loops: [0.5, 0.4] }, "the trajectory 0.5,0.4"],
  ])("%s for %j with %j", async (code, prompt, options, given) => {
    const error = await rejectionOf(tokensOf(model, prompt, { maxTokens: 1, ...options }));
    expect(error.code).toBe(code);
    expect(error.detail.given).toBe(given);
  });

  test("a trajectory of a model without step sizes", async () => {
    const own = modelOf(baseLoop(tinySize));
    const error = await rejectionOf(tokensOf(own, [1], { maxTokens: 1, loops: [0.5, 0.5] }));
    expect(error.code).toBe("TRAJECTORY");
  });
});
