import type { Tokenizer } from "../data/tokenizer.ts";
import { textDefaults } from "../decode/options.ts";
import type { Draft } from "../decode/speculate.ts";
import type { Spec } from "../models/spec.ts";
import { chatPrompt, chatStop } from "./chat.ts";
import { depthOf } from "./depth.ts";
import { badField, fieldsTogether, promptTooLong } from "./errors.ts";
import type { NamedModel } from "./names.ts";
import type { Limits } from "./options.ts";
import type { Engine, Job } from "./protocol.ts";
import type { ChatRequest, CompletionRequest } from "./schemas.ts";
import { checkText } from "./tokens.ts";

/** A model as the server knows it. */
export interface ServedModel {
  readonly id: string;
  readonly spec: Spec;
  readonly tokenizer: Tokenizer;
  readonly engine: Engine;
  /** Seconds since 1970. */
  readonly created: number;
  /** Streams that share a call. */
  readonly slots: number;
  /** What a text at another depth than the full one is told. */
  readonly depthWarning?: string;
  /** The draft that texts of its number of loops are written with, if any. */
  readonly drafting?: { readonly loops: number; readonly draft: Draft };
}

/** What of a server's limits concerns a single request. */
export type PlanLimits = Pick<Limits, "choices" | "promptTokens" | "loops">;

/** What a request comes to: one job for each choice. */
export interface Plan {
  readonly jobs: readonly Job[];
  readonly promptTokens: number;
  /** What the request's reader should know of its answer. */
  readonly warning?: string;
}

/** Checks a completion against its model. Throws refusals that name the field. */
export function planCompletion(request: CompletionRequest, named: NamedModel, limits: PlanLimits): Plan {
  const given = request.prompt ?? "";
  const isOne = typeof given === "string" || given.length === 0 || typeof given[0] === "number";
  const prompts = (isOne ? [given] : given) as readonly (string | number[])[];
  const { encode } = named.model.tokenizer;
  return plan(request, named, limits, {
    prompts: prompts.map((prompt) => promptIds(prompt, "prompt", named.model, limits, encode)),
    echo: request.echo ?? false,
    maxTokens: request.max_tokens ?? textDefaults.maxTokens,
    stops: [],
    logprobs: request.logprobs ?? undefined,
  });
}

/** Checks a chat against its model. Throws refusals that name the field. */
export function planChat(request: ChatRequest, named: NamedModel, limits: PlanLimits): Plan {
  const { max_tokens, max_completion_tokens, logprobs, top_logprobs } = request;
  if (max_tokens != null && max_completion_tokens != null)
    throw fieldsTogether(["max_tokens", "max_completion_tokens"], "one of the two");
  if (top_logprobs != null && !logprobs)
    throw badField("top_logprobs", "top_logprobs without logprobs", "logprobs true beside it");
  const { spec, tokenizer } = named.model;
  const prompt = chatPrompt(request.messages);
  return plan(request, named, limits, {
    prompts: [promptIds(prompt, "messages", named.model, limits, tokenizer.encodeText)],
    echo: false,
    maxTokens: max_tokens ?? max_completion_tokens ?? spec.context,
    stops: [chatStop],
    logprobs: logprobs ? (top_logprobs ?? 0) : undefined,
  });
}

interface Parts {
  readonly prompts: readonly (readonly number[])[];
  readonly echo: boolean;
  readonly maxTokens: number;
  /** Stop texts beside the request's own; with some, it is a chat. */
  readonly stops: readonly string[];
  readonly logprobs: number | undefined;
}

function plan(
  request: CompletionRequest | ChatRequest,
  { model, depth: named }: NamedModel,
  limits: PlanLimits,
  { prompts, echo, maxTokens, stops, logprobs }: Parts,
): Plan {
  const n = request.n ?? 1;
  const choices = prompts.length * n;
  if (choices > limits.choices)
    throw badField("n", `${choices} texts at once`, `at most ${limits.choices}, prompts times n`);
  if (request.stream_options != null && !request.stream)
    throw badField("stream_options", "stream_options without stream", "stream true beside it");
  const seed = request.seed ?? textDefaults.seed;
  const depth = depthOf(request, model.spec, limits.loops ?? model.spec.loops, named);
  const isDrafted = depth.exit === undefined && depth.budget === model.drafting?.loops;
  const job = {
    ...depth,
    ...(isDrafted && model.drafting ? { draft: model.drafting.draft } : {}),
    maxTokens,
    temperature: request.temperature ?? textDefaults.temperature,
    topP: request.top_p ?? textDefaults.topP,
    stops: [...stops, ...[request.stop ?? []].flat()],
    dropsSpace: stops.length > 0,
    ...(logprobs === undefined ? {} : { logprobs }),
  };
  const jobs = prompts.flatMap((given) => {
    // The end of a text before a new one stands for no prompt, and is not given out.
    const prompt = given.length > 0 ? given : [model.tokenizer.endOfText];
    const own = { ...job, prompt, echo: echo && given.length > 0 };
    return Array.from({ length: n }, (_, index) => ({ ...own, seed: seed + index }));
  });
  const promptTokens = prompts.reduce((sum, { length }) => sum + Math.max(1, length), 0);
  const isFull = depth.exit === undefined && depth.budget === model.spec.loops;
  const warning = isFull ? undefined : model.depthWarning;
  return { jobs, promptTokens, ...(warning === undefined ? {} : { warning }) };
}

/** The tokens of a prompt. */
function promptIds(
  prompt: string | readonly number[],
  field: string,
  { tokenizer, spec }: ServedModel,
  limits: PlanLimits,
  encode: Tokenizer["encode"],
): number[] {
  const most = Math.min(limits.promptTokens ?? spec.context, spec.context);
  // No need to read a text that is too long even in the longest tokens.
  if (typeof prompt === "string" && prompt.length > most * longestToken(tokenizer))
    throw promptTooLong(field, `${prompt.length} characters`, most);
  if (typeof prompt === "string") checkText(field, prompt);
  const ids = typeof prompt === "string" ? Array.from(encode(prompt)) : [...prompt];
  if (ids.length > most) throw promptTooLong(field, `${ids.length} tokens`, most);
  const unknown = ids.find((id) => id >= spec.vocab);
  if (unknown !== undefined)
    throw badField(field, `the token ${unknown}`, `tokens below ${spec.vocab}, the model's vocabulary`);
  return ids;
}

const longest = new WeakMap<Tokenizer, number>();

/** Bytes of a tokenizer's longest token. */
function longestToken(tokenizer: Tokenizer): number {
  const known = longest.get(tokenizer);
  if (known !== undefined) return known;
  let most = new TextEncoder().encode("<|endoftext|>").length;
  for (let id = 0; id < tokenizer.vocab; id++) most = Math.max(most, tokenizer.byteLength(id));
  longest.set(tokenizer, most);
  return most;
}
