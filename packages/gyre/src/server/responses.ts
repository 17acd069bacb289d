import type { Plan } from "./plan.ts";
import type { ChosenToken, JobEnd, Piece } from "./protocol.ts";
import type { ChoiceEvent } from "./run.ts";
import type {
  ChatChunk,
  ChatLogprobs,
  ChatResponse,
  CompletionLogprobs,
  CompletionResponse,
  Usage,
} from "./schemas.ts";

/** What every part of one answer says of itself. */
export interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** A choice with its text so far. */
export interface Choice extends Piece {
  readonly index: number;
  readonly finish: "stop" | "length" | null;
}

/** How completions, or chats, put choices on the wire. */
export interface Style {
  readonly idPrefix: string;
  response(head: Head, choices: readonly Choice[], usage: Usage, hasLogprobs: boolean): object;
  /** One event of a stream; `isFirst` for the first one of its choice. */
  chunk(head: Head, choice: Choice, hasLogprobs: boolean, isFirst: boolean): object;
  usageChunk(head: Head, usage: Usage): object;
}

export const completionStyle: Style = {
  idPrefix: "cmpl",
  response: (head, choices, usage, hasLogprobs): CompletionResponse => ({
    ...head,
    object: "text_completion",
    choices: choices.map((choice) => completionChoice(choice, hasLogprobs)),
    usage,
  }),
  chunk: (head, choice, hasLogprobs): CompletionResponse => ({
    ...head,
    object: "text_completion",
    choices: [completionChoice(choice, hasLogprobs)],
  }),
  usageChunk: (head, usage): CompletionResponse => ({
    ...head,
    object: "text_completion",
    choices: [],
    usage,
  }),
};

export const chatStyle: Style = {
  idPrefix: "chatcmpl",
  response: (head, choices, usage, hasLogprobs): ChatResponse => ({
    ...head,
    object: "chat.completion",
    choices: choices.map(({ index, text, tokens, finish }) => ({
      index,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: hasLogprobs ? chatLogprobs(tokens) : null,
      finish_reason: finish ?? "length",
    })),
    usage,
  }),
  chunk: (head, { index, text, tokens, finish }, hasLogprobs, isFirst): ChatChunk => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [
      {
        index,
        delta: { ...(isFirst ? { role: "assistant" } : {}), ...(text === "" ? {} : { content: text }) },
        logprobs: hasLogprobs ? chatLogprobs(tokens) : null,
        finish_reason: finish,
      },
    ],
  }),
  usageChunk: (head, usage): ChatChunk => ({ ...head, object: "chat.completion.chunk", choices: [], usage }),
};

function completionChoice({ index, text, tokens, finish }: Choice, hasLogprobs: boolean) {
  return { index, text, logprobs: hasLogprobs ? completionLogprobs(tokens) : null, finish_reason: finish };
}

function completionLogprobs(tokens: readonly ChosenToken[]): CompletionLogprobs {
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ token, logprob, alternatives }) => {
      if (logprob === null) return null;
      const likeliest = alternatives.map((other) => [other.token, other.logprob] as const);
      return Object.fromEntries([...likeliest, [token, logprob]]);
    }),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

function chatLogprobs(tokens: readonly ChosenToken[]): ChatLogprobs {
  const chance = ({ token, bytes, logprob }: Pick<ChosenToken, "token" | "bytes" | "logprob">) => {
    // Null is for prompts alone, which chats do not give out.
    return { token, bytes: bytes && [...bytes], logprob: logprob ?? 0 };
  };
  const content = tokens.map((token) => ({ ...chance(token), top_logprobs: token.alternatives.map(chance) }));
  return { content, refusal: null };
}

/** What a request cost, once all of its choices have ended. */
export function usageOf({ promptTokens, warning }: Plan, ends: readonly JobEnd[]): Usage {
  const loops = ends.map((end) => [...end.loops]);
  const all = loops.flat();
  const read = ends.flatMap(({ promptLoops }) => promptLoops);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: all.length,
    total_tokens: promptTokens + all.length,
    gyre: {
      loops_per_token: all.length === 0 ? 0 : sum(all) / all.length,
      loops,
      block_passes: sum(ends.map(({ blockPasses }) => blockPasses)),
      ...(read.length > 0 ? { prompt_loops_per_token: sum(read) / read.length } : {}),
      drafts_accepted: sum(ends.map(({ draftsAccepted }) => draftsAccepted)),
      ...(warning === undefined ? {} : { warning }),
    },
  };
}

export const choiceOf = ({ choice, event }: ChoiceEvent): Choice => ({
  index: choice,
  text: event.text,
  tokens: event.tokens,
  finish: event.type === "end" ? event.finish : null,
});

/** The choices of a whole answer. */
export async function collect(
  events: AsyncIterable<ChoiceEvent>,
  count: number,
): Promise<{ readonly choices: readonly Choice[]; readonly ends: readonly JobEnd[] }> {
  const texts = Array.from({ length: count }, () => ({
    parts: [] as Piece[],
    end: undefined as JobEnd | undefined,
  }));
  for await (const { choice, event } of events) {
    const text = texts[choice];
    text?.parts.push(event);
    if (text && event.type === "end") text.end = event;
  }
  const choices = texts.map(({ parts, end }, index) => ({
    index,
    text: parts.map(({ text }) => text).join(""),
    tokens: parts.flatMap(({ tokens }) => tokens),
    finish: end?.finish ?? null,
  }));
  return { choices, ends: texts.flatMap(({ end }) => end ?? []) };
}
