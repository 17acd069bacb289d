import { describe, expect, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.ts";
import { untilSettled } from "../../src/decode/exits.ts";
import { type GenerateOptions, generate } from "../../src/decode/generate.ts";
import { samplingDistribution } from "../../src/decode/sampling.ts";
import { acceptDraft, type Draft, draftKinds, Speculation } from "../../src/decode/speculate.ts";
import type { GeneratedToken } from "../../src/decode/stream.ts";
import type { Model } from "../../src/models/model.ts";
import { presets } from "../../src/models/presets.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { randomInts, randomWeights, tinySize } from "../models/tiny.ts";

const spec = presets.loopformer({ ...tinySize, context: 64 });
const model: Model = { spec, weights: randomWeights(spec, 9), runtime: interpreterRuntime() };

async function written(
  from: Model,
  prompt: readonly number[],
  options: GenerateOptions,
): Promise<GeneratedToken[]> {
  const all: GeneratedToken[] = [];
  for await (const token of generate(from, prompt, options)) all.push(token);
  return all;
}
const tokensOf = (tokens: readonly GeneratedToken[]) => tokens.map(({ token }) => token);

describe("greedy text is that of plain decoding", () => {
  test.each(draftKinds)("%s drafts of 1 to 8 tokens, over 5,000 tokens", async (kind) => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const native = { ...model, runtime };
    let compared = 0;
    for (let seed = 0; seed < 12; seed++) {
      const prompt = [...randomInts([1 + seed], spec.vocab, seed).data];
      const options = { temperature: 0, maxTokens: 100, window: "stop" as const };
      const plain = tokensOf(await written(native, prompt, options));
      for (let tokens = 1; tokens <= 8; tokens++) {
        const draft: Draft = { kind, loops: 1 + (seed % 3), tokens };
        expect(tokensOf(await written(native, prompt, { ...options, draft }))).toEqual(plain);
        compared += plain.length;
      }
    }
    expect(compared).toBeGreaterThan(5_000);
  });

  test.each(draftKinds)("%s drafts, along a trajectory and past the window", async (kind) => {
    const options = { loops: [0.25, 0.25, 0.5], temperature: 0, maxTokens: 70, window: "slide" as const };
    const plain = await written(model, [1, 2, 3], options);
    const drafted = await written(model, [1, 2, 3], { ...options, draft: { kind, loops: 2, tokens: 3 } });
    expect(tokensOf(drafted)).toEqual(tokensOf(plain));
    expect(drafted).toHaveLength(70);
  });

  test("a model without step sizes drafts as well", async () => {
    const of = presets.tmlt({ ...tinySize, context: 64 });
    const own = { ...model, spec: of, weights: randomWeights(of, 3) };
    const options = { temperature: 0, maxTokens: 30 };
    const draft = { kind: "prefix", loops: 2, tokens: 4 } as const;
    expect(tokensOf(await written(own, [5], { ...options, draft }))).toEqual(
      tokensOf(await written(own, [5], options)),
    );
  });
});

describe("the end", () => {
  test("maxTokens and the stop token end a round within", async () => {
    const plain = tokensOf(await written(model, [4], { temperature: 0, maxTokens: 20 }));
    const draft = { kind: "prefix", loops: 3, tokens: 8 } as const;
    for (const maxTokens of [0, 1, 5]) {
      const tokens = tokensOf(await written(model, [4], { temperature: 0, maxTokens, draft }));
      expect(tokens).toEqual(plain.slice(0, maxTokens));
    }
    const stop = plain[7] as number;
    const stopped = tokensOf(await written(model, [4], { temperature: 0, maxTokens: 20, draft, stop }));
    expect(stopped).toEqual(plain.slice(0, plain.indexOf(stop) + 1));
  });
});

describe("what is reported", () => {
  test.each([
    ["prefix", 3, 4 * 3],
    ["coarse", 4, 4 * 4],
  ] as const)("%s: drafts, those kept, and every block", async (kind, perRound, verified) => {
    const all = await written(model, [1], {
      temperature: 0,
      maxTokens: 40,
      draft: { kind, loops: 2, tokens: 3 },
    });
    const rounds = all.filter(({ drafts }) => drafts);
    const kept = rounds.reduce((sum, { drafts }) => sum + (drafts?.kept ?? 0), 0);
    expect(all.length).toBeLessThanOrEqual(kept + rounds.length);
    const first = rounds[0] as GeneratedToken;
    expect(first.drafts?.proposed).toBe(3);
    const drafting = kind === "coarse" ? 3 * 2 : 0;
    expect(first.blockPasses).toBe((drafting + verified) * spec.layers.core);
    expect(perRound).toBeGreaterThan(0);
  });
});

describe("sampled text is distributed as plain decoding's", () => {
  // A chi-squared statistic of the second token after a prompt, against its exact distribution.
  const small = presets.loopformer({ ...tinySize, vocab: 6, context: 8, layers: 1, loops: 2 });
  const prompt = [2, 5];
  const sampling = { temperature: 1.2, topK: 5 };
  const draws = 3_000;

  async function statistic(kind: Draft["kind"], accept: typeof acceptDraft): Promise<number> {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const decoder = new Decoder({ spec: small, weights: randomWeights(small, 9, 0.6), runtime });
    const route = await decoder.route(small.loops);
    const next = async (text: readonly number[]) => {
      const sequence = decoder.start();
      const states = await decoder.append(sequence, text, route);
      const [logits] = await decoder.logits([states.subarray(-small.width)]);
      return samplingDistribution(logits as Float32Array, sampling);
    };
    const expected = new Float64Array(small.vocab);
    for (const [first, chance] of (await next(prompt)).entries()) {
      if (chance === 0) continue;
      for (const [second, share] of (await next([...prompt, first])).entries())
        expected[second] = (expected[second] as number) + chance * share * draws;
    }
    const counts = new Float64Array(small.vocab);
    for (let seed = 0; seed < draws; seed++) {
      const draft = { kind, loops: 1, tokens: 2 };
      const speculation = await Speculation.open(decoder, prompt, {
        ...sampling,
        draft,
        maxTokens: 2,
        seed,
        accept,
      });
      while (!speculation.finish) await speculation.round();
      const token = speculation.text[3] as number;
      counts[token] = (counts[token] as number) + 1;
    }
    return counts.reduce((sum, count, token) => {
      const mean = expected[token] as number;
      if (mean === 0) return sum + (count > 0 ? Number.POSITIVE_INFINITY : 0);
      return sum + (count - mean) ** 2 / mean;
    }, 0);
  }

  // The 0.1 % point of chi-squared with 5 degrees of freedom, as many as there are tokens less one.
  const limit = 20.52;

  test.each(draftKinds)("%s drafts pass the test", async (kind) => {
    expect(await statistic(kind, acceptDraft)).toBeLessThan(limit);
  });

  test("a rule that keeps every draft fails it", async () => {
    expect(await statistic("prefix", (token) => ({ token, isKept: true }))).toBeGreaterThan(limit);
  });

  test("so does one that draws replacements from the wanted distribution itself", async () => {
    const broken: typeof acceptDraft = (token, drafted, wanted, random) =>
      acceptDraft(token, drafted, wanted, random).isKept
        ? { token, isKept: true }
        : {
            token: acceptDraft(0, new Float64Array(wanted.length).fill(0), wanted, random).token,
            isKept: false,
          };
    expect(await statistic("prefix", broken)).toBeGreaterThan(limit);
  });
});

describe("errors", () => {
  test.each([
    [{ kind: "prefix", loops: 4, tokens: 2 }, "a prefix draft of 4 loops"],
    [{ kind: "coarse", loops: 0, tokens: 2 }, "a coarse draft of 0 loops"],
    [{ kind: "coarse", loops: 1, tokens: 0 }, "a coarse draft of 0 tokens"],
    [{ kind: "prefix", loops: 1, tokens: 17 }, "a prefix draft of 17 tokens"],
  ] as const)("DRAFT for %j", async (draft, given) => {
    const error = await rejectionOf(written(model, [1], { maxTokens: 1, draft }));
    expect([error.code, error.detail.given]).toEqual(["DRAFT", given]);
  });

  test("a draft with an exit rule", async () => {
    const draft = { kind: "prefix", loops: 1, tokens: 1 } as const;
    const loops = untilSettled({ change: 0.1 });
    expect((await rejectionOf(written(model, [1], { maxTokens: 1, draft, loops }))).code).toBe("DRAFT");
  });
});
