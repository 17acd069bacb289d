import type { Model } from "../models/model.ts";
import type { Decoder } from "./decoder.ts";
import { borrowDecoder } from "./decoders.ts";
import { draftWithExit } from "./errors.ts";
import { type Draft, Speculation } from "./speculate.ts";
import { advance, type GeneratedToken, isExitRule, Stream, type StreamOptions } from "./stream.ts";

/** What `generate` is told beside the model and the prompt. */
export interface GenerateOptions extends StreamOptions {
  /** Few loops draft and all verify: the same text, perhaps sooner. Not with an exit rule. */
  readonly draft?: Draft;
  readonly signal?: AbortSignal;
}

/**
 * Continues `prompt` token by token, with a key/value cache per loop and layer. Throws PROMPT_EMPTY,
 * PROMPT_TOKEN, SAMPLING, EXIT, DRAFT, LOOPS, TRAJECTORY, or WEIGHTS_CHANGED where training changes them meanwhile.
 */
export async function* generate(
  model: Model,
  prompt: ArrayLike<number>,
  { signal, draft, ...options }: GenerateOptions,
): AsyncGenerator<GeneratedToken> {
  await using loan = await borrowDecoder(model);
  const { decoder } = loan;
  if (draft) {
    yield* speculate(decoder, prompt, { ...options, draft }, signal);
    return;
  }
  const stream = await Stream.open(decoder, prompt, options);
  while (!stream.finish) {
    signal?.throwIfAborted();
    const [token] = await advance(decoder, [stream], "all");
    if (token) yield token;
  }
}

/** By drafts while the context has room; what comes after it is plain. */
async function* speculate(
  decoder: Decoder,
  prompt: ArrayLike<number>,
  { loops = decoder.model.spec.loops, draft, ...options }: StreamOptions & { readonly draft: Draft },
  signal: AbortSignal | undefined,
): AsyncGenerator<GeneratedToken> {
  if (isExitRule(loops)) throw draftWithExit(loops.name);
  const speculation = await Speculation.open(decoder, prompt, { ...options, loops, draft });
  while (!speculation.finish) {
    signal?.throwIfAborted();
    yield* await speculation.round();
  }
  const written = speculation.text.length - prompt.length;
  if (speculation.finish !== "window" || options.window === "stop") return;
  const maxTokens = options.maxTokens - written;
  yield* generate(decoder.model, speculation.text, {
    ...options,
    loops,
    maxTokens,
    ...(signal ? { signal } : {}),
  });
}
