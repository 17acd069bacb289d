import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenizerInfo } from "../../src/server/schemas.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { tinyRuns } from "./tiny-runs.ts";

// What clients send beside the words: fields without an effect, and questions to the tokenizer.

const model = "tiny";
let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  runs = await tinyRuns("tiny", "other");
  server = await serve(runs.paths, { port: 0, threads: 1 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server.close(0);
  await runs.remove();
});

const refused = async (answer: PromiseLike<unknown>) => {
  const error = await Promise.resolve(answer).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(APIError);
  const { status, param } = error as APIError;
  return { status, param };
};

describe("fields that change nothing", () => {
  const neutral = {
    ...{
      user: "me",
      safety_identifier: "me",
      prompt_cache_key: "x",
      metadata: { a: "b" },
      service_tier: "auto",
    },
    ...{ store: false, logit_bias: {}, frequency_penalty: 0, presence_penalty: 0, stop: [], n: 1 },
  };
  const nothing = Object.fromEntries([...Object.keys(neutral), "seed"].map((name) => [name, null]));

  test.each([
    { ...neutral, best_of: 1, echo: false, suffix: null },
    { ...neutral, suffix: "" },
    { ...nothing, best_of: null, echo: null, suffix: null },
  ])("are accepted in completions: %j", async (fields) => {
    const request = { model, prompt: "We", temperature: 0, max_tokens: 3 };
    const { choices } = await client.completions.create(request);
    const more = { ...request, ...fields } as OpenAI.CompletionCreateParamsNonStreaming;
    expect((await client.completions.create(more)).choices).toEqual(choices);
  });

  const chatNeutral = {
    ...{ tools: [], functions: [], tool_choice: "none", parallel_tool_calls: true, modalities: ["text"] },
    response_format: { type: "text" },
  };
  const messages = [
    { role: "user", content: "Hi", name: "me" },
    { role: "assistant", content: null, refusal: null, tool_calls: [], annotations: [], audio: null },
    { role: "user", content: "Go on" },
  ];
  const said = { role: "user", content: "x" };
  const plain = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "" },
    { role: "user", content: "Go on" },
  ];
  const chat = (fields: object) =>
    client.chat.completions.create({
      ...{ model, temperature: 0, max_tokens: 3 },
      ...fields,
    } as OpenAI.ChatCompletionCreateParamsNonStreaming);

  test("are accepted in chats, and in messages", async () => {
    const { choices } = await chat({ messages: plain });
    expect((await chat({ messages, ...neutral, ...chatNeutral })).choices).toEqual(choices);
    const none = Object.fromEntries(Object.keys(chatNeutral).map((name) => [name, null]));
    expect((await chat({ messages, ...nothing, ...none })).choices).toEqual(choices);
    // What the server answers can be sent back to it.
    const back = [said, choices[0]!.message, said];
    expect((await chat({ messages: back })).choices).toHaveLength(1);
  });

  const called = { id: "1", type: "function", function: { name: "f", arguments: "" } };
  test.each<[object, string]>([
    [{ tools: [{ type: "function", function: { name: "f" } }] }, "tools"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ functions: [{ name: "f" }] }, "functions"],
    [{ response_format: { type: "json_object" } }, "response_format.type"],
    [{ response_format: { type: "json_schema", json_schema: {} } }, "response_format.json_schema"],
    [{ modalities: ["audio"] }, "modalities.0"],
    [{ metadata: { a: 1 } }, "metadata.a"],
    [{ messages: [{ role: "user", content: null }] }, "messages.0.content"],
    [
      { messages: [said, { role: "assistant", content: null, tool_calls: [called] }] },
      "messages.1.tool_calls",
    ],
    [{ messages: [{ role: "tool", content: "x" }] }, "messages.0.role"],
  ])("with a value that would are refused by name: %j", async (fields, param) => {
    expect(await refused(chat({ messages: [said], ...fields }))).toMatchObject({ status: 400, param });
  });
});

describe("the tokenizer", () => {
  const send = async (path: string, body: object) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as object };
  };

  test("says what it is, and turns text into tokens and back", async () => {
    const info = tokenizerInfo.parse(await (await fetch(`${server.url}/tokenizer_info`)).json());
    expect(info).toMatchObject({ eos_token: "<|endoftext|>", bos_token: null, vocab_size: 257 });
    const text = "We<|endoftext|>\u00e9";
    const tokenized = await send("/tokenize", { prompt: text, add_special_tokens: false });
    const tokens = [87, 101, 256, 195, 169];
    expect(tokenized).toEqual({ status: 200, body: { tokens, count: 5, max_model_len: 64 } });
    expect(await send("/detokenize", { tokens, model: "tiny@2" })).toEqual({
      status: 200,
      body: { prompt: text },
    });
  });

  test.each<[string, object, string]>([
    ["/tokenize", {}, "prompt"],
    ["/tokenize", { prompt: "x", model: "none" }, "model"],
    ["/tokenize", { prompt: "x", messages: [] }, "messages"],
    ["/detokenize", { tokens: [257] }, "tokens"],
    ["/detokenize", { tokens: [-1] }, "tokens.0"],
    ["/detokenize", { tokens: "x" }, "tokens"],
  ])("refuses at %s %j", async (path, body, param) => {
    expect((await send(path, body)).body).toMatchObject({ error: { param } });
  });
});
