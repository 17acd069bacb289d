import * as z from "zod";
import { reasonOf } from "../../util/errors.ts";
import { inWords, problemsOf } from "../../util/issues.ts";
import { badServer } from "./errors.ts";
import type { Row, Vocabulary } from "./join.ts";
import type { Writing } from "./question.ts";
import { beforeStop, type Likelihood, type Reader } from "./reader.ts";

// What is sent is what lm-evaluation-harness 0.4 sends (lm_eval/models/openai_completions.py), so that whatever answers
// it can be measured here too.

export interface ServerOptions {
  /** Up to and without `/v1`. */
  readonly url: string;
  /** As the server calls it; with gyre's own server `NAME@2` is two loops. */
  readonly model: string;
  /** Sent as a bearer token. */
  readonly key?: string | undefined;
  /** Prompts in a request; 16 by default. */
  readonly batch?: number;
  /** Called after each request, with the number of its prompts. */
  readonly onProgress?: (rows: number) => void;
  readonly signal?: AbortSignal;
}

const TEXTS_AT_A_TIME = 8;

const infoSchema = z.object({ eos_token: z.string().min(1), model_max_length: z.number().optional() });
const tokensSchema = z.object({ tokens: z.array(z.int()), max_model_len: z.int().nullish() });
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });
const completionsSchema = z.object({
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      logprobs: z
        .object({
          token_logprobs: z.array(z.number().nullable()),
          top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
        })
        .nullish(),
    }),
  ),
  usage: z.object({ prompt_tokens: z.int() }).nullish(),
});

/** The names of all models that a server lists. Throws BENCHMARK_SERVER. */
export async function servedModels(options: Omit<ServerOptions, "model">): Promise<string[]> {
  const { data } = await ask({ ...options, model: "" }, "/v1/models", modelsSchema);
  return data.map(({ id }) => id);
}

/** The server's tokenizer and context, of `/tokenize` and `/tokenizer_info`. Throws BENCHMARK_SERVER. */
export async function serverVocabulary(options: ServerOptions): Promise<Vocabulary> {
  const tokensOf = (prompt: string) =>
    ask(options, "/tokenize", tokensSchema, { model: options.model, prompt, add_special_tokens: false });
  const query = `?model=${encodeURIComponent(options.model)}`;
  const info = await ask(options, `/tokenizer_info${query}`, infoSchema);
  const end = await tokensOf(info.eos_token);
  const [endOfText] = end.tokens;
  if (endOfText === undefined || end.tokens.length > 1)
    throw badServer(options.url, `its /tokenize makes ${end.tokens.length} tokens of its end of text`);
  const context = end.max_model_len ?? info.model_max_length;
  if (context === undefined) throw badServer(options.url, "it does not say how long a context may be");
  const encode = async (texts: readonly string[]) => {
    const known = new Map<string, number[]>();
    const different = [...new Set(texts)];
    for (let start = 0; start < different.length; start += TEXTS_AT_A_TIME) {
      const some = different.slice(start, start + TEXTS_AT_A_TIME);
      const found = await Promise.all(
        some.map(async (text) => (text === "" ? [] : (await tokensOf(text)).tokens)),
      );
      for (const [index, text] of some.entries()) known.set(text, found[index] as number[]);
    }
    return texts.map((text) => known.get(text) as number[]);
  };
  // a row has one token more than are read, and one is generated after it
  return { encode, endOfText, vocab: undefined, context: context - 2 };
}

/** A model behind a server. Throws BENCHMARK_SERVER where it does not echo, cuts prompts or fails. */
export function serverReader(options: ServerOptions): Reader {
  const { batch = 16, onProgress, signal } = options;
  const inGroups = async <Item, Result>(
    items: readonly Item[],
    each: (some: readonly Item[]) => Promise<Result[]>,
  ) => {
    const all: Result[] = [];
    for (let start = 0; start < items.length; start += batch) {
      signal?.throwIfAborted();
      const some = items.slice(start, start + batch);
      all.push(...(await each(some)));
      onProgress?.(some.length);
    }
    return all;
  };
  return {
    score: (rows) => inGroups(rows, (some) => scoreRows(options, some)),
    write: (prompts, writing) => inGroups(prompts, (some) => writeAnswers(options, some, writing)),
  };
}

async function scoreRows(options: ServerOptions, rows: readonly Row[]): Promise<Likelihood[]> {
  const { model, url } = options;
  const body = {
    model,
    prompt: rows.map(({ tokens }) => tokens),
    temperature: 0,
    max_tokens: 1,
    logprobs: 1,
    echo: true,
  };
  const choices = await complete(options, body, rows.length);
  return rows.map(({ tokens, from }, index) => {
    const { logprobs } = choices[index] as (typeof choices)[number];
    if (!logprobs) throw badServer(url, "it gives no log-probabilities of the prompt: it lacks echo");
    const { token_logprobs: found, top_logprobs: top } = logprobs;
    if (found.length <= 1 && tokens.length > 1)
      throw badServer(
        url,
        `${found.length} log-probability for a prompt of ${tokens.length} tokens: it lacks echo`,
      );
    if (found.length < tokens.length)
      throw badServer(
        url,
        `${found.length} log-probabilities for a prompt of ${tokens.length} tokens: it cuts prompts`,
      );
    if (found.length > tokens.length + 1)
      throw badServer(
        url,
        `${found.length} log-probabilities for a prompt of ${tokens.length} tokens: it adds tokens`,
      );
    let sum = 0;
    let isGreedy = true;
    for (let at = from; at < tokens.length; at++) {
      const own = found[at];
      const others = top?.[at];
      if (typeof own !== "number" || !others)
        throw badServer(
          url,
          `no log-probability for token ${at + 1} of a prompt of ${tokens.length}: it lacks echo`,
        );
      sum += own;
      isGreedy &&= own >= Math.max(...Object.values(others));
    }
    return { sum, isGreedy };
  });
}

async function writeAnswers(
  options: ServerOptions,
  prompts: readonly (readonly number[])[],
  { stop, maxTokens }: Writing,
): Promise<string[]> {
  const { model } = options;
  const body = {
    model,
    prompt: prompts,
    temperature: 0,
    max_tokens: maxTokens,
    ...(stop.length > 0 ? { stop } : {}),
  };
  const choices = await complete(options, body, prompts.length);
  return choices.map(({ text }) => beforeStop(text, stop));
}

/** The choices of a request in the order of its prompts. */
async function complete(
  options: ServerOptions,
  body: { readonly prompt: readonly (readonly number[])[] },
  count: number,
) {
  const { choices, usage } = await ask(options, "/v1/completions", completionsSchema, body);
  const sorted = choices.toSorted((a, b) => a.index - b.index);
  if (sorted.length !== count || sorted.some(({ index }, at) => index !== at))
    throw badServer(options.url, `${sorted.length} choices for ${count} prompts`);
  const sent = body.prompt.reduce((total, { length }) => total + length, 0);
  if (usage && usage.prompt_tokens < sent)
    throw badServer(
      options.url,
      `it read ${usage.prompt_tokens} of the ${sent} tokens sent: it cuts prompts`,
    );
  return sorted;
}

/** A request and its answer, checked. GET where there is no body. */
async function ask<Answer>(
  { url, key, signal }: ServerOptions,
  path: string,
  schema: z.ZodType<Answer>,
  body?: object,
): Promise<Answer> {
  const where = `${url.replace(/\/+$/, "")}${path}`;
  const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  let text: string;
  try {
    const sent = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const response = await fetch(where, { headers, ...sent, ...(signal ? { signal } : {}) });
    text = await response.text();
    if (!response.ok) throw badServer(where, `it answers ${response.status}: ${text.slice(0, 300)}`);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof TypeError)
      throw badServer(where, `it cannot be reached (${reasonOf(cause.cause ?? cause)})`);
    throw cause;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badServer(where, `its answer is no JSON: ${text.slice(0, 80)}`);
  }
  const parsed = schema.safeParse(value, { error: inWords });
  if (parsed.success) return parsed.data;
  throw badServer(where, `its answer's ${problemsOf(parsed.error, "top")[0]}`);
}
