import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { exitRule } from "../../src/decode/exits.ts";
import { generate } from "../../src/decode/generate.ts";
import { softmaxOf } from "../../src/decode/sampling.ts";
import type { GeneratedToken, Loops } from "../../src/decode/stream.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { type CompletionResponse, completionResponse } from "../../src/server/schemas.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { spec, tinyRuns, tinyWeights } from "./tiny-runs.ts";

// Prompts that are read: echoes with log-probabilities, as evaluation harnesses ask for them.

const tokenizer = bytesTokenizer();
let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
let client: OpenAI;
let runtime: Awaited<ReturnType<typeof openOnnxRuntime>>;
const weights = tinyWeights();
beforeAll(async () => {
  runs = await tinyRuns("tiny", "silent", "broken");
  server = await serve(runs.paths, { port: 0, threads: 1 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(async () => {
  await server.close(0);
  await runtime[Symbol.asyncDispose]();
  await runs.remove();
});

/** What lm-eval sends for the likelihood of texts. */
const harness = { model: "tiny", temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true };
const create = async (fields: object) =>
  completionResponse.parse(
    await client.completions.create(fields as OpenAI.CompletionCreateParamsNonStreaming),
  );
const logprobsOf = ({ choices }: CompletionResponse, index = 0) => choices[index]!.logprobs!;

/** What the library says of a text, token by token: log-probabilities of all but the first, and the loops of each. */
async function followed(text: string, loops: Loops) {
  const ids = [...tokenizer.encode(text)];
  const all: GeneratedToken[] = [];
  const options = { loops, maxTokens: ids.length - 1, follow: ids.slice(1) };
  for await (const token of generate({ spec, weights, runtime }, ids.slice(0, 1), options)) all.push(token);
  return all.map(({ token, logits, loops: ran }) => ({ logprob: Math.log(softmaxOf(logits)[token]!), ran }));
}

describe("prompts with log-probabilities", () => {
  const budgets: [string, Loops][] = [
    ["tiny", 4],
    ["tiny@2", 2],
    ["tiny@0.5:0.25:0.25", [0.5, 0.25, 0.25]],
    ["tiny@kl<0.05", exitRule("kl<0.05", 4)],
    ["tiny@change<0.5", exitRule("change<0.5", 4)],
  ];
  test.each(budgets)("are what the library says of the text: %s", async (model, loops) => {
    const text = "We hold these truths to be self-evident";
    const expected = await followed(text, loops);
    const answer = await create({ ...harness, model, prompt: text });
    expect(answer.model).toBe(model);
    const { tokens, token_logprobs, top_logprobs, text_offset } = logprobsOf(answer);
    expect([tokens.length, top_logprobs.length, text_offset.length]).toEqual([40, 40, 40]);
    expect(tokens.slice(0, -1).join("")).toBe(text);
    expect(text_offset).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect([token_logprobs[0], top_logprobs[0]]).toEqual([null, null]);
    // The first prediction of a stream runs all loops: its prompt is one token.
    const isRule = typeof loops === "object" && "exit" in loops;
    for (const [index, { logprob }] of expected.entries()) {
      if (isRule && index === 0) continue;
      expect(Math.abs(token_logprobs[index + 1]! - logprob)).toBeLessThan(1e-4);
    }
    if (!isRule) return;
    const { prompt_loops_per_token: mean = 0 } = answer.usage!.gyre;
    const ran = expected.slice(1).reduce((sum, token) => sum + token.ran, 0);
    expect(Math.abs(mean * 38 - ran)).toBeLessThanOrEqual(4);
    expect(mean).toBeLessThan(4);
  });

  test("hold each token among its own alternatives, with the same number", async () => {
    const { tokens, token_logprobs, top_logprobs } = logprobsOf(
      await create({ ...harness, prompt: "We hold" }),
    );
    for (const [index, top] of top_logprobs.entries()) {
      if (index === 0) continue;
      expect(top?.[tokens[index]!]).toBe(token_logprobs[index]);
      expect(Object.keys(top!).length).toBeLessThanOrEqual(2);
    }
    // The generated token is the likeliest.
    expect(Math.max(...Object.values(top_logprobs.at(-1)!))).toBe(token_logprobs.at(-1));
  });

  test("have one entry more for a token that is generated, also for the end of the text", async () => {
    const none = logprobsOf(await create({ ...harness, prompt: "abc", max_tokens: 0 }));
    expect(none.token_logprobs).toHaveLength(3);
    const answer = await create({ ...harness, model: "silent", prompt: "abc" });
    expect(answer.choices[0]).toMatchObject({ text: "abc", finish_reason: "stop" });
    expect(logprobsOf(answer).tokens).toEqual(["a", "b", "c", "<|endoftext|>"]);
    expect(logprobsOf(answer).token_logprobs.at(-1)).toBeCloseTo(0, 3);
    const three = await create({ ...harness, prompt: "abc", max_tokens: 3 });
    expect(logprobsOf(three).tokens).toHaveLength(6);
    const empty = await create({ ...harness, prompt: "" });
    expect(logprobsOf(empty).tokens).toHaveLength(1);
    expect(logprobsOf(empty).token_logprobs[0]).not.toBeNull();
  });

  test("say the same of what follows as without an echo", async () => {
    for (const fields of [{ max_tokens: 1 }, { max_tokens: 1, model: "tiny@kl<0.05" }, { max_tokens: 9 }]) {
      const request = { ...harness, ...fields, prompt: "We hold", temperature: 0.8, seed: 3, logprobs: 3 };
      const [whole, plain] = [await create(request), await create({ ...request, echo: false })];
      expect(whole.choices[0]?.text).toBe(`We hold${plain.choices[0]?.text}`);
      expect(whole.usage?.gyre.loops).toEqual(plain.usage?.gyre.loops);
      expect(whole.usage).toMatchObject({
        prompt_tokens: 7,
        completion_tokens: plain.usage?.completion_tokens,
      });
      const [mine, others] = [logprobsOf(whole), logprobsOf(plain)];
      expect(mine.tokens.slice(7)).toEqual(others.tokens);
      for (const [index, logprob] of others.token_logprobs.entries())
        expect(mine.token_logprobs[7 + index]).toBeCloseTo(logprob!, 4);
    }
  });

  test("come for 100 prompts of a request in few calls of the core, in their order", async () => {
    const prompts = Array.from({ length: 100 }, (_, index) => `${index}: the same words`);
    const engine = server.models[0]!.engine;
    const before = engine.load.calls;
    const answer = await create({ ...harness, prompt: prompts.map((text) => [...tokenizer.encode(text)]) });
    expect(answer.choices.map(({ index }) => index)).toEqual(prompts.map((_, index) => index));
    for (const [index, text] of prompts.entries())
      expect(logprobsOf(answer, index).tokens.slice(0, -1).join("")).toBe(text);
    expect(engine.load.calls - before).toBeLessThanOrEqual(20);
    expect(engine.load).toMatchObject({ running: 0, waiting: 0 });
    const alone = await create({ ...harness, prompt: prompts[71] });
    for (const [index, logprob] of logprobsOf(alone).token_logprobs.entries())
      expect(logprobsOf(answer, 71).token_logprobs[index] ?? 0).toBeCloseTo(logprob ?? 0, 4);
  });

  test("are an error where the logits are no numbers, and other models go on", async () => {
    for (const echo of [true, false]) {
      const broken = client.completions.create({ ...harness, model: "broken", prompt: "abc", echo });
      await expect(broken).rejects.toMatchObject({
        status: 500,
        code: "generation_failed",
        message: expect.stringContaining("not finite"),
      });
    }
    expect((await create({ ...harness, prompt: "abc" })).choices).toHaveLength(1);
  });

  test("leave when their client does", async () => {
    const leaving = new AbortController();
    const request = client.completions.create(
      { ...harness, prompt: Array.from({ length: 100 }, () => "x".repeat(60)) },
      { signal: leaving.signal },
    );
    const refused = expect(request).rejects.toThrow("aborted");
    const engine = server.models[0]!.engine;
    await expect.poll(() => engine.pending, { interval: 1, timeout: 10_000 }).toBeGreaterThan(0);
    leaving.abort();
    await refused;
    await expect.poll(() => [engine.pending, engine.load.waiting]).toEqual([0, 0]);
  });
});

describe("an echo", () => {
  test("gives out the prompt, streamed or not, and looks for stop texts behind it alone", async () => {
    const fields = { model: "tiny", prompt: "We hold", temperature: 0, max_tokens: 20, stop: ["hold"] };
    const plain = await create(fields);
    const whole = await create({ ...fields, echo: true });
    expect(whole.choices[0]?.text).toBe(`We hold${plain.choices[0]?.text}`);
    expect(whole.choices[0]?.logprobs).toBeNull();
    let streamed = "";
    const stream = await client.completions.create({ ...fields, echo: true, logprobs: 1, stream: true });
    for await (const { choices } of stream) streamed += choices[0]?.text;
    expect(streamed).toBe(whole.choices[0]?.text);
    expect((await create({ ...fields, echo: true, max_tokens: 0 })).choices[0]).toMatchObject({
      text: "We hold",
      finish_reason: "length",
    });
  });

  test("of bytes that are no whole character is completed by what follows, or U+FFFD", async () => {
    const bytes = [97, 0xe2, 0x82];
    const answer = await create({ ...harness, prompt: bytes, max_tokens: 0 });
    expect(answer.choices[0]?.text).toBe("a\ufffd");
    expect(logprobsOf(answer).tokens).toEqual(["a", "token_id:226", "token_id:130"]);
  });
});
