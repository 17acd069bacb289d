import { answerTooLong, emptyContinuation, tokenOutside } from "./errors.ts";
import type { Place, Request } from "./question.ts";

// Joining and cutting are those of lm-evaluation-harness 0.4: lm_eval/api/model.py, TemplateLM._encode_pair;
// lm_eval/models/huggingface.py, _loglikelihood_tokens; lm_eval/utils.py, get_rolling_token_windows.

/** Tokens of which those from `from` on are scored, each after all before it. */
export interface Row {
  readonly place: Place;
  readonly tokens: readonly number[];
  /** At least 1. */
  readonly from: number;
  /** The beginning of the context was left out: it did not fit. */
  readonly isCut: boolean;
}

/** What reads the rows: texts become its tokens. */
export interface Vocabulary {
  /** In order. No text is control: `<|endoftext|>` is letters. */
  readonly encode: (texts: readonly string[]) => Promise<readonly ArrayLike<number>[]>;
  readonly endOfText: number;
  /** Number of tokens, where it is known. */
  readonly vocab: number | undefined;
  /** Most tokens that are read at once. */
  readonly context: number;
}

/**
 * Contexts and continuations as tokens. Trailing white space of a context goes to its continuation, the whole is
 * tokenized once, and cut at the length of the tokenized context. An empty context is end of text. What does not fit is
 * taken from the beginning. Throws BENCHMARK_EMPTY, BENCHMARK_LENGTH or BENCHMARK_TOKEN.
 */
export async function joinRequests(
  requests: readonly (Request & { readonly place: Place })[],
  vocabulary: Vocabulary,
): Promise<Row[]> {
  const { encode, endOfText, context } = vocabulary;
  const wholes = await encode(requests.map((request) => request.context + request.continuation));
  const contexts = await encode(requests.map((request) => request.context.trimEnd()));
  return requests.map(({ place, continuation }, index) => {
    const whole = Array.from(wholes[index] as ArrayLike<number>);
    const before = (contexts[index] as ArrayLike<number>).length;
    const tokens = before === 0 ? [endOfText, ...whole] : whole;
    const from = Math.max(1, before);
    if (tokens.length <= from) throw emptyContinuation(place, continuation);
    if (tokens.length - from > context) throw answerTooLong(place, tokens.length - from, context);
    checkTokens(tokens, place, vocabulary);
    // the last token is only predicted
    const cut = Math.max(0, tokens.length - 1 - context);
    return { place, tokens: tokens.slice(cut), from: from - cut, isCut: cut > 0 };
  });
}

/**
 * A document in rows that score each of its tokens once: the first after end of text; each row but the last has one token
 * of context, and the last as many as fit. Throws BENCHMARK_EMPTY or BENCHMARK_TOKEN.
 */
export async function rollingRows(
  { text, place }: { readonly text: string; readonly place: Place },
  vocabulary: Vocabulary,
): Promise<Row[]> {
  const { endOfText, context } = vocabulary;
  const tokens = Array.from((await vocabulary.encode([text]))[0] as ArrayLike<number>);
  if (tokens.length === 0) throw emptyContinuation(place, text);
  checkTokens(tokens, place, vocabulary);
  const all = [endOfText, ...tokens];
  const rows: Row[] = [];
  for (let scored = 1; scored < all.length; ) {
    const end = Math.min(all.length, scored + context);
    const start = scored === 1 ? 0 : end - 1 - context;
    rows.push({ place, tokens: all.slice(start, end), from: scored - start, isCut: false });
    scored = end;
  }
  return rows;
}

/** Throws BENCHMARK_TOKEN. */
export function checkTokens(tokens: readonly number[], place: Place, { vocab }: Vocabulary): void {
  if (vocab === undefined) return;
  const wrong = tokens.find((token) => token >= vocab);
  if (wrong !== undefined) throw tokenOutside(place, wrong, vocab);
}
