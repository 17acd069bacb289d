import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { generate } from "../../src/decode/generate.ts";
import { textDefaults } from "../../src/decode/options.ts";
import type { Loops } from "../../src/decode/stream.ts";
import { describe as costs } from "../../src/models/describe.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { chatResponse, completionResponse, modelList } from "../../src/server/schemas.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { spec, tinyRuns, tinyWeights } from "./tiny-runs.ts";

// The real client, a real socket, a real worker.

const tokenizer = bytesTokenizer();
const model = "tiny";
let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
let client: OpenAI;
let runtime: OnnxRuntime;
const weights = tinyWeights();

beforeAll(async () => {
  runs = await tinyRuns("tiny", "other");
  server = await serve(runs.paths, { port: 0, threads: 1, limits: { choices: 6 } });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  runtime = await openOnnxRuntime({ threads: 1 });
});
afterAll(async () => {
  await server.close(0);
  await runtime[Symbol.asyncDispose]();
  await runs.remove();
});

/** What the library writes, as text, with the loops of each token. */
async function expected(prompt: string | number[], loops: Loops, maxTokens: number, seed?: number) {
  const ids = typeof prompt === "string" ? tokenizer.encode(prompt) : prompt;
  const options = { maxTokens, loops, window: "stop", stop: 256 } as const;
  const sampling = seed === undefined ? { temperature: 0 } : { seed };
  const tokens: number[] = [];
  const ran: number[] = [];
  for await (const token of generate({ spec, weights, runtime }, ids, { ...options, ...sampling })) {
    tokens.push(token.token);
    ran.push(token.loops);
  }
  return { text: tokenizer.decode(tokens.filter((token) => token !== 256)), ran };
}

const refused = async (answer: PromiseLike<unknown>) => {
  const error = await Promise.resolve(answer).then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(APIError);
  const { status, code, param, message } = error as APIError;
  return { status, code, param, message };
};

/** Fields that OpenAI's types do not know. */
const extra = (fields: object) => fields as { n?: number };

describe("models", () => {
  test("are listed, with what they can do", async () => {
    const { data } = await client.models.list();
    const depths = ["", "@1", "@2", "@3", "@4"];
    expect(data.map(({ id }) => id)).toEqual(
      ["tiny", "other"].flatMap((id) => depths.map((at) => `${id}${at}`)),
    );
    expect(modelList.parse({ object: "list", data }).data).toEqual(data);
    expect(await client.models.retrieve("tiny@kl<0.01")).toMatchObject({
      gyre: { loops: 4, depth: "kl<0.01" },
    });
    const one = await client.models.retrieve("other");
    expect(one).toMatchObject({ object: "model", gyre: { family: "loopformer", loops: 4, context: 64 } });
    expect(await refused(client.models.retrieve("none"))).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  });
});

describe("completions", () => {
  test("are what the library writes", async () => {
    const { text } = await expected("We the", 4, 16);
    const answer = await client.completions.create({
      model,
      prompt: "We the",
      temperature: 0,
      max_tokens: 16,
    });
    expect(answer.choices[0]).toMatchObject({ index: 0, text, finish_reason: "length", logprobs: null });
    expect(completionResponse.parse(answer)).toEqual(answer);
  });

  const budgets: [string, object, Loops][] = [
    ["loops", { loops: 2 }, 2],
    ["a trajectory", { trajectory: [0.5, 0.25, 0.25] }, [0.5, 0.25, 0.25]],
    ["FLOPs", { max_flops_per_token: costs(spec, { loops: [3] }).budgets[0]!.flopsPerToken + 1 }, 3],
  ];
  test.each(budgets)("run at a budget given as %s, and say what it cost", async (_, fields, loops) => {
    const { text, ran } = await expected("abc", loops, 8);
    const answer = await client.completions.create({
      model,
      prompt: "abc",
      temperature: 0,
      max_tokens: 8,
      ...extra(fields),
    });
    expect(answer.choices[0]?.text).toBe(text);
    expect(answer.usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: 8,
      total_tokens: 11,
      gyre: { loops_per_token: ran[0], loops: [ran], block_passes: (3 + 7) * ran[0]!, drafts_accepted: 0 },
    });
  });

  test("leave loops early by an exit rule, at most `loops` of them", async () => {
    const { exitRule } = await import("../../src/decode/exits.ts");
    const { text, ran } = await expected("abc", exitRule("change<0.5", 3), 12);
    const fields = { model, prompt: "abc", temperature: 0, max_tokens: 12 };
    const answer = await client.completions.create({ ...fields, ...extra({ exit: "change<0.5", loops: 3 }) });
    expect(answer.choices[0]?.text).toBe(text);
    expect(answer.usage).toMatchObject({ gyre: { loops: [ran] } });
    expect(new Set(ran).size).toBeGreaterThan(1);
  });

  test("draw by seed, n of them for each prompt, all at once", async () => {
    const fields = { model, prompt: ["ab", "cd"], n: 3, seed: 5, max_tokens: 6 };
    const { choices, usage } = await client.completions.create(fields);
    const texts: string[] = [];
    for (const prompt of fields.prompt)
      for (const seed of [5, 6, 7]) texts.push((await expected(prompt, 4, 6, seed)).text);
    expect(choices.map(({ text }) => text)).toEqual(texts);
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 36 });
    expect((await client.completions.create(fields)).choices).toEqual(choices);
  });

  test("are the library's and the command line's where nothing is said", async () => {
    const { seed, maxTokens } = textDefaults;
    const { text } = await expected("ab", 4, maxTokens, seed);
    const { choices } = await client.completions.create({ model, prompt: "ab" });
    expect(choices[0]?.text).toBe(text);
  });

  test("take tokens, and no prompt for a new text", async () => {
    const greedy = { temperature: 0, max_tokens: 16 };
    const tokens = await client.completions.create({ model, prompt: [97, 98], ...greedy });
    expect(tokens.choices[0]?.text).toBe((await expected("ab", 4, 16)).text);
    const fresh = await client.completions.create({ model, prompt: "", ...greedy });
    expect(fresh.choices[0]?.text).toBe((await expected([256], 4, 16)).text);
  });

  test("stream the same text, with usage when asked", async () => {
    const fields = { model, prompt: "We the", temperature: 0, max_tokens: 40, n: 2 };
    const whole = await client.completions.create(fields);
    const stream = await client.completions.create({
      ...fields,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ["", ""];
    const finishes: unknown[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      expect(completionResponse.parse(chunk)).toEqual(chunk);
      usage = chunk.usage ?? usage;
      for (const { index, text, finish_reason } of chunk.choices) {
        texts[index] += text;
        if (finish_reason) finishes[index] = finish_reason;
      }
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(finishes).toEqual(["length", "length"]);
    expect(usage).toEqual(whole.usage);
  });

  test("end before a stop text, streamed or not, and at the end of the context", async () => {
    const { text } = await expected("We the", 4, 58);
    const stop = text.slice(20, 23);
    const before = text.slice(0, text.indexOf(stop));
    const fields = { model, prompt: "We the", temperature: 0, max_tokens: 500 };
    const answer = await client.completions.create({ ...fields, stop });
    expect(answer.choices[0]).toMatchObject({ text: before, finish_reason: "stop" });
    let streamed = "";
    const stream = await client.completions.create({ ...fields, stop: ["\u0001never", stop], stream: true });
    for await (const { choices } of stream) streamed += choices[0]?.text;
    expect(streamed).toBe(before);
    const full = await client.completions.create(fields);
    expect(full.choices[0]).toMatchObject({ finish_reason: "length" });
    expect(full.usage?.completion_tokens).toBe(spec.context - 6 + 1);
  });

  test("report logprobs of the model's own distribution", async () => {
    const fields = { model, prompt: "We the", max_tokens: 5, seed: 3, logprobs: 4, temperature: 0.7 };
    const answer = await client.completions.create(fields);
    const { tokens, token_logprobs, top_logprobs, text_offset } = answer.choices[0]!.logprobs!;
    expect([tokens, token_logprobs, top_logprobs, text_offset].map((list) => list?.length)).toEqual([
      5, 5, 5, 5,
    ]);
    const sizes = top_logprobs?.map((top) => Object.keys(top).length);
    // Four, and the token itself where it is not among them.
    expect(sizes?.every((size) => size === 4 || size === 5)).toBe(true);
    for (const [index, top] of top_logprobs!.entries()) {
      const best = Math.max(...Object.values(top));
      expect(token_logprobs![index]).toBeLessThanOrEqual(best);
      expect(top[tokens![index]!]).toBe(token_logprobs![index]);
      const total = Object.values(top).reduce((sum, value) => sum + Math.exp(value), 0);
      expect(total).toBeGreaterThan(4 / 257);
      expect(total).toBeLessThanOrEqual(1);
    }
    const none = await client.completions.create({ ...fields, temperature: 0, logprobs: 0, prompt: "ab" });
    const alone = none.choices[0]!.logprobs!;
    expect(alone.top_logprobs).toEqual(
      alone.tokens?.map((token, index) => ({ [token]: alone.token_logprobs?.[index] })),
    );
  });
});

describe("chat", () => {
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Hi" }] },
  ];
  const prompt = "System: Be brief.\n\nUser: Hi\n\nAssistant:";

  test("continues the plain template", async () => {
    const { text } = await expected(prompt, 3, 10);
    const fields = { model, messages, temperature: 0, max_completion_tokens: 10 };
    const answer = await client.chat.completions.create({ ...fields, ...extra({ loops: 3 }) });
    const message = { role: "assistant", content: text.replace(/^ /, ""), refusal: null };
    expect(answer.choices).toEqual([{ index: 0, message, logprobs: null, finish_reason: "length" }]);
    expect(chatResponse.parse(answer)).toEqual(answer);
  });

  test("streams through the client's own helper", async () => {
    const fields = { model, messages, seed: 1, max_tokens: 12 };
    const whole = await client.chat.completions.create(fields);
    const stream = client.chat.completions.stream(fields);
    expect(await stream.finalContent()).toBe(whole.choices[0]?.message.content);
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({ finish_reason: "length", message: { role: "assistant" } });
  });

  test("reports logprobs with bytes", async () => {
    const fields = { model, messages, temperature: 0, max_tokens: 4 };
    const answer = await client.chat.completions.create({ ...fields, logprobs: true, top_logprobs: 2 });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(4);
    for (const { token, bytes, logprob, top_logprobs } of content) {
      expect(token).toMatch(bytes ? /^.$/s : /^token_id:\d+$/);
      expect(top_logprobs[0]).toEqual({ token, bytes, logprob });
    }
  });
});

describe("refusals name the field", () => {
  const one = { model, prompt: "x" };
  const cases: [object, number, string, string | null][] = [
    [{ ...one, model: "none" }, 404, "model_not_found", "model"],
    [{ ...one, top_k: 2 }, 400, "unknown_field", "top_k"],
    [{ ...one, best_of: 2 }, 400, "invalid_value", "best_of"],
    [{ ...one, logit_bias: { 50256: -100 } }, 400, "invalid_value", "logit_bias"],
    [{ ...one, suffix: "x" }, 400, "invalid_value", "suffix"],
    [{ ...one, store: true }, 400, "invalid_value", "store"],
    [{ ...one, user: 1 }, 400, "invalid_value", "user"],
    [{ ...one, model: "tiny@5" }, 400, "invalid_value", "model"],
    [{ ...one, model: "tiny@0" }, 400, "loops", "model"],
    [{ ...one, model: "tiny@" }, 400, "invalid_value", "model"],
    [{ ...one, model: "tiny@deep" }, 400, "invalid_value", "model"],
    [{ ...one, model: "tiny@0.5:0.1" }, 400, "trajectory", "model"],
    [{ ...one, model: "tiny@kl<" }, 400, "exit", "model"],
    [{ ...one, model: "none@2" }, 404, "model_not_found", "model"],
    [{ ...one, model: "tiny@2", loops: 2 }, 400, "contradictory_fields", "loops"],
    [{ ...one, model: "tiny@2", max_flops_per_token: 1 }, 400, "contradictory_fields", "max_flops_per_token"],
    [{ ...one, stop: Array.from({ length: 65 }, String) }, 400, "invalid_value", "stop"],
    [{ ...one, stream: true, stream_options: { x: 1 } }, 400, "unknown_field", "stream_options.x"],
    [{ ...one, frequency_penalty: 1 }, 400, "invalid_value", "frequency_penalty"],
    [{ ...one, temperature: "hot" }, 400, "invalid_value", "temperature"],
    [{ ...one, prompt: [1, "a"] }, 400, "invalid_value", "prompt"],
    [{ ...one, prompt: [300] }, 400, "invalid_value", "prompt"],
    [{ ...one, prompt: "x".repeat(65) }, 400, "context_length_exceeded", "prompt"],
    [{ ...one, prompt: "x".repeat(5000) }, 400, "context_length_exceeded", "prompt"],
    [{ ...one, n: 7 }, 400, "invalid_value", "n"],
    [{ ...one, loops: 5 }, 400, "invalid_value", "loops"],
    [{ ...one, trajectory: [0.5, 0.1] }, 400, "trajectory", "trajectory"],
    [{ ...one, exit: "kl=1" }, 400, "exit", "exit"],
    [{ ...one, max_flops_per_token: 1 }, 400, "budget_too_small", "max_flops_per_token"],
    [{ ...one, loops: 2, trajectory: [1] }, 400, "contradictory_fields", "trajectory"],
    [{ ...one, exit: "kl<1", trajectory: [1] }, 400, "contradictory_fields", "exit"],
    [{ ...one, exit: "kl<1", max_flops_per_token: 1e9 }, 400, "contradictory_fields", "max_flops_per_token"],
    [{ ...one, stop: "\ud83d" }, 400, "invalid_value", "stop"],
    [{ ...one, stream_options: { include_usage: true } }, 400, "invalid_value", "stream_options"],
  ];
  test.each(cases)("%j", async (body, status, code, param) => {
    const create = client.completions.create(body as Parameters<typeof client.completions.create>[0]);
    expect(await refused(create)).toMatchObject({ status, code, param });
  });

  test.each([
    [{ ...one, temperature: 3 }, "temperature 3; expected a number of at most 2; correct temperature"],
    [{ ...one, n: 0 }, "n 0; expected a number above 0; correct n"],
    [{ ...one, stop: "" }, 'stop ""; expected a string that is not empty; correct stop'],
    [{ ...one, logprobs: [1] }, "logprobs (a list of 1); expected a number; correct logprobs"],
    [{ prompt: "x" }, "model (missing); expected a string; correct model"],
    [
      Object.fromEntries(Array.from("abcdefghij", (name) => [name, 1])),
      'unknown or unsupported: "a", "b", "c", "d", "e", "f", "g", "h" and 2 more; expected only fields that this ' +
        "server honours; /docs lists them; leave them out",
    ],
    [
      { ...one, logit_bias: { 1: 1 } },
      "logit_bias (an object); expected an object without entries; correct logit_bias",
    ],
    [[], "a body that is wrong (it is an empty list); expected a JSON object; correct the body"],
  ])("in plain words: %j", async (body, message) => {
    const headers = { "content-type": "application/json" };
    const url = `${server.url}/v1/completions`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    expect(await answer.json()).toMatchObject({ error: { message } });
  });

  test("the cheapest budget is in the message", async () => {
    const cheapest = costs(spec, { loops: [1] }).budgets[0]!.flopsPerToken;
    const { message } = await refused(
      client.completions.create({ ...one, ...extra({ max_flops_per_token: cheapest - 1 }) }),
    );
    expect(message).toContain(`at least ${cheapest}`);
  });
});

describe("beside the API", () => {
  const get = (path: string) => fetch(`${server.url}${path}`);

  test("health, readiness and numbers", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok" });
    expect(await (await get("/readyz")).json()).toEqual({ status: "ready" });
    const numbers = await (await get("/metrics")).text();
    expect(numbers).toMatch(/^gyre_responses_total\{route="\/v1\/completions",status="200"\} \d+$/m);
    expect(numbers).toMatch(/^gyre_tokens_total\{model="tiny",kind="completion"\} \d+$/m);
    expect(numbers).toMatch(/^gyre_streams_running\{model="tiny"\} 0$/m);
  });

  test("an OpenAPI document with every field, and a page that shows it", async () => {
    const document = (await (await get("/openapi.json")).json()) as {
      openapi: string;
      components: { schemas: Record<string, { properties: object; additionalProperties: boolean }> };
    };
    expect(document.openapi).toBe("3.1.0");
    const { CompletionRequest } = document.components.schemas;
    expect(Object.keys(CompletionRequest!.properties)).toEqual(
      expect.arrayContaining(["model", "prompt", "loops", "trajectory", "exit", "max_flops_per_token"]),
    );
    expect(CompletionRequest!.additionalProperties).toBe(false);
    const page = await get("/docs");
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("<code>POST /v1/chat/completions</code>");
  });

  test("a page that says what this is, which models there are and where to go", async () => {
    const page = await get("/");
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await page.text();
    expect(text).toContain("<code>gyre serve</code>");
    expect(text).toContain('<a href="docs">');
    expect(text).toMatch(
      /<code>tiny<\/code><\/td><td>loopformer<\/td><td>1<\/td><td>1 to 4<\/td><td>64<\/td>/,
    );
  });

  test("no CORS, and no other path", async () => {
    const answer = await fetch(`${server.url}/v1/models`, { headers: { origin: "https://example.org" } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    const missing = await get("/v1/nothing");
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: "not_found" } }]);
  });
});
