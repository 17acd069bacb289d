import * as z from "zod";
import { LONE_SURROGATE } from "../data/tokenizer.ts";
import { textDefaults } from "../decode/options.ts";

// The wire format, once: requests are checked with these, types come from them, and OpenAPI is made of them.
// Objects are strict. Fields that may be left out may also be null, as OpenAI's clients send them.

const text = z.string();
const MOST_STOPS = 64;
const stopText = z
  .string()
  .min(1)
  .max(256)
  .refine((stop) => stop.search(LONE_SURROGATE) < 0, "a lone surrogate never appears in a text");
const count = z.int().positive();
const unused = "accepted, and nothing comes of it";
const only = (what: string) => `nothing but ${what}: this server does no more`;
/** A list that clients send empty. */
const noEntries = z.array(z.unknown()).max(0).nullish();

/** Fields that clients send although they change nothing; with a value that would, they are refused. */
const neutral = {
  user: text.nullish().describe(unused),
  safety_identifier: text.nullish().describe(unused),
  prompt_cache_key: text.nullish().describe(unused),
  metadata: z.record(z.string(), z.string()).nullish().describe(unused),
  store: z.literal(false).nullish().describe(only("false")),
  service_tier: z.enum(["auto", "default"]).nullish().describe(unused),
  logit_bias: z
    .record(z.string(), z.number())
    .refine((biases) => Object.keys(biases).length === 0, "an object without entries")
    .nullish()
    .describe(only("{}")),
  frequency_penalty: z.literal(0).nullish().describe(only("0")),
  presence_penalty: z.literal(0).nullish().describe(only("0")),
};

const generation = {
  model: text.describe(
    "id of a model, as /v1/models lists it; or with a depth after it: `NAME@2` loops, `NAME@0.5:0.25:0.25` step sizes, " +
      "`NAME@kl<0.01` an exit rule",
  ),
  n: count.nullish().describe("texts to write for each prompt; by default 1. Text i has the seed `seed + i`"),
  stop: z
    .union([stopText, z.array(stopText).max(MOST_STOPS)])
    .nullish()
    .describe(`up to ${MOST_STOPS} texts that end the answer; none of them is given out`),
  seed: z.int().nullish().describe(`seed of the choices; ${textDefaults.seed} when left out`),
  temperature: z
    .number()
    .min(0)
    .max(2)
    .nullish()
    .describe(`0 takes the most likely token; ${textDefaults.temperature} when left out`),
  top_p: z
    .number()
    .positive()
    .max(1)
    .nullish()
    .describe("choose among the likeliest tokens that together have this probability"),
  stream: z.boolean().nullish().describe("send the text as server-sent events, as it is written"),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish() })
    .nullish()
    .describe("include_usage: a last event with `usage`"),
  loops: count.nullish().describe("loops of the core for each token; by default the model's full depth"),
  trajectory: z
    .array(z.number().positive())
    .min(1)
    .nullish()
    .describe("step sizes that sum to 1, one for each loop"),
  exit: z
    .string()
    .max(64)
    .nullish()
    .describe("rule that ends a token's loops early, like `kl<0.01`; `loops` is then the most that it runs"),
  max_flops_per_token: z
    .number()
    .positive()
    .nullish()
    .describe("as many loops as cost no more FLOPs per token than this"),
  ...neutral,
};

const tokens = z.array(z.int().nonnegative());

export const completionRequest = z.strictObject({
  ...generation,
  prompt: z
    .union([z.string(), tokens, z.array(z.string()), z.array(tokens)])
    .nullish()
    .describe("a text or its tokens, or several; by default a new text"),
  max_tokens: z
    .int()
    .min(0)
    .nullish()
    .describe(`tokens to write at most; ${textDefaults.maxTokens} when left out`),
  logprobs: z
    .int()
    .min(0)
    .max(5)
    .nullish()
    .describe("report each token with this many alternatives, itself among them"),
  echo: z
    .boolean()
    .nullish()
    .describe("return the prompt before the text; with `logprobs`, report its tokens too"),
  best_of: z.literal(1).nullish().describe(only("1")),
  suffix: z.literal("").nullish().describe(only('""')),
});
export type CompletionRequest = z.infer<typeof completionRequest>;

const textPart = z.strictObject({ type: z.literal("text"), text });
const message = z
  .strictObject({
    role: z.enum(["system", "developer", "user", "assistant"]).describe("developer is the same as system"),
    content: z
      .union([z.string(), z.array(textPart)])
      .nullable()
      .describe("plain text; null only for the assistant"),
    name: text.nullish().describe(unused),
    refusal: z.null().optional(),
    audio: z.null().optional(),
    function_call: z.null().optional(),
    tool_calls: noEntries,
    annotations: noEntries,
  })
  .refine(({ role, content }) => content !== null || role === "assistant", {
    path: ["content"],
    error: "a text: null is only for the assistant",
  });
/** One message of a chat, as clients send it. */
export type ChatMessage = z.infer<typeof message>;

export const chatRequest = z.strictObject({
  ...generation,
  messages: z.array(message).min(1),
  max_tokens: count.nullish().describe("most tokens to write; by default up to the end of the context"),
  max_completion_tokens: count.nullish().describe("the same as max_tokens"),
  logprobs: z.boolean().nullish().describe("report each token with its probability"),
  top_logprobs: z.int().min(0).max(20).nullish().describe("with this many alternatives; needs logprobs"),
  tools: noEntries.describe(only("[]")),
  functions: noEntries.describe(only("[]")),
  tool_choice: z.enum(["none", "auto"]).nullish().describe(unused),
  parallel_tool_calls: z.boolean().nullish().describe(unused),
  response_format: z
    .strictObject({ type: z.literal("text") })
    .nullish()
    .describe(only('{"type": "text"}')),
  modalities: z.array(z.literal("text")).max(1).nullish().describe(only('["text"]')),
});
export type ChatRequest = z.infer<typeof chatRequest>;

const oneModel = text
  .nullish()
  .describe("id of a model; may be left out if all models have the same tokenizer");
export const tokenizeRequest = z.strictObject({
  model: oneModel,
  prompt: text.describe("`<|endoftext|>` in it is the end of a text"),
  add_special_tokens: z.boolean().nullish().describe("this tokenizer adds none"),
});
export const tokenizeResponse = z.strictObject({
  tokens: z.array(z.int()),
  count: z.int(),
  max_model_len: z.int().describe("the model's context"),
});
export const detokenizeRequest = z.strictObject({ model: oneModel, tokens });
export const detokenizeResponse = z.strictObject({ prompt: text });
export const tokenizerInfo = z.strictObject({
  eos_token: text,
  bos_token: z.null(),
  pad_token: z.null(),
  chat_template: text.describe("Jinja, of the same chats as /v1/chat/completions"),
  vocab_size: z.int(),
  model_max_length: z.int().describe("the model's context"),
});

const usage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int().describe("tokens computed, with those of a stop text or the end of the text"),
  total_tokens: z.int(),
  gyre: z.strictObject({
    loops_per_token: z.number().describe("mean over all tokens"),
    loops: z.array(z.array(z.int())).describe("loops that each token of each choice ran"),
    block_passes: z.int().describe("one layer applied once to one token, prompts included"),
    prompt_loops_per_token: z
      .number()
      .optional()
      .describe("mean over the tokens of prompts, if their log-probabilities were asked for"),
    drafts_accepted: z.int().describe("tokens that were drafted with few loops and kept"),
    warning: z.string().optional().describe("present if the model was not trained for the requested depth"),
  }),
});
export type Usage = z.infer<typeof usage>;

const finishReason = z.enum(["stop", "length"]);
const completionLogprobs = z.strictObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()).describe("null for a prompt's first token"),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).describe("each token itself among them"),
  text_offset: z.array(z.int()).describe("where each token begins, in characters of the answer"),
});
const tokenChance = z.strictObject({
  token: z.string().describe("`token_id:N` for a part of a character"),
  bytes: z.array(z.int()).nullable(),
  logprob: z.number(),
});
const chatLogprobs = z.strictObject({
  content: z.array(z.strictObject({ ...tokenChance.shape, top_logprobs: z.array(tokenChance) })),
  refusal: z.null(),
});
const envelope = { id: z.string(), created: z.int().describe("seconds since 1970"), model: z.string() };

export const completionResponse = z.strictObject({
  ...envelope,
  object: z.literal("text_completion"),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      text: z.string(),
      logprobs: completionLogprobs.nullable(),
      finish_reason: finishReason.nullable().describe("null in events before the last one of a choice"),
    }),
  ),
  usage: usage.nullish().describe("in events: only the last one's, if asked for"),
});
export type CompletionResponse = z.infer<typeof completionResponse>;
export type CompletionLogprobs = z.infer<typeof completionLogprobs>;

export const chatResponse = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion"),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      message: z.strictObject({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: finishReason,
    }),
  ),
  usage,
});
export type ChatResponse = z.infer<typeof chatResponse>;
export type ChatLogprobs = z.infer<typeof chatLogprobs>;

export const chatChunk = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      delta: z.strictObject({ role: z.literal("assistant").optional(), content: z.string().optional() }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: usage.nullish(),
});
export type ChatChunk = z.infer<typeof chatChunk>;

export const modelObject = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.literal("gyre"),
  gyre: z.strictObject({
    family: z.string(),
    layers: z.int(),
    loops: z.int().describe("full depth"),
    context: z.int(),
    depth: z.string().optional().describe("what follows @ in the id, for requests by this id"),
    parameters: z.int(),
    flops_per_token: z.array(z.number()).describe("at 1 loop, 2 loops and so on to full depth"),
  }),
});
export const modelList = z.strictObject({ object: z.literal("list"), data: z.array(modelObject) });

export const errorResponse = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.enum(["invalid_request_error", "rate_limit_error", "server_error"]),
    param: z.string().nullable().describe("the field at fault"),
    code: z.string(),
  }),
});
