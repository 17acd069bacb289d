import { Decoder, type Model } from "./decoder.ts";
import { advance, type GeneratedToken, Stream, type StreamOptions } from "./stream.ts";

export interface GenerateOptions extends StreamOptions {
  readonly signal?: AbortSignal;
}

/**
 * Continues `prompt` token by token, with a key/value cache per loop and layer. Throws PROMPT_EMPTY,
 * PROMPT_TOKEN, SAMPLING, EXIT, LOOPS or TRAJECTORY.
 */
export async function* generate(
  model: Model,
  prompt: ArrayLike<number>,
  { signal, ...options }: GenerateOptions,
): AsyncGenerator<GeneratedToken> {
  const decoder = decoderOf(model);
  const stream = await Stream.open(decoder, prompt, options);
  while (!stream.finish) {
    signal?.throwIfAborted();
    const [token] = await advance(decoder, [stream]);
    if (token) yield token;
  }
}

const decoders = new WeakMap<Model["weights"], Decoder>();

/** The decoder of a model; one for all that is done with the same weights on the same runtime. */
export function decoderOf(model: Model): Decoder {
  const known = decoders.get(model.weights);
  if (known?.model.runtime === model.runtime && known.model.spec === model.spec) return known;
  const decoder = new Decoder(model);
  decoders.set(model.weights, decoder);
  return decoder;
}
