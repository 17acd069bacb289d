import type { Decoder } from "../../decode/decoder.ts";
import { packsOf, readTexts, textsIn } from "../../decode/read.ts";
import { advance, Stream } from "../../decode/stream.ts";
import type { Budget } from "../../models/spec.ts";
import { inTurns } from "../../ranks/agreement.ts";
import { alone, type Collective } from "../../ranks/collective.ts";
import { groups } from "../../util/groups.ts";
import type { FloatData } from "../../util/tensor.ts";
import type { Row } from "./join.ts";
import type { Writing } from "./question.ts";

/** What was found of the scored tokens of a row. */
export interface Likelihood {
  /** Sum of their log-probabilities, in nats. */
  readonly sum: number;
  /** Each of them was the most likely one. */
  readonly isGreedy: boolean;
}

/** A model at one budget, here or behind a server. */
export interface Reader {
  /** In the order of the rows. */
  readonly score: (rows: readonly Row[]) => Promise<Likelihood[]>;
  /** What is written after each prompt, the most likely token each time, without what stopped it. */
  readonly write: (prompts: readonly (readonly number[])[], writing: Writing) => Promise<string[]>;
}

/** Rows that are read together unless told otherwise. */
const ROWS_AT_A_TIME = 64;

export interface ModelReaderOptions {
  readonly loops: Budget;
  readonly decode: (tokens: Iterable<number>) => string;
  readonly endOfText: number;
  /** Rows that are read together; no result depends on it. */
  readonly batch?: number;
  /** The processes that share the rows, a group at a time; this one alone by default. */
  readonly ranks?: Collective;
  /** Called after each group of rows, with their number. */
  readonly onProgress?: (rows: number) => void;
  readonly signal?: AbortSignal;
}

/** A model here. Throws LOOPS or TRAJECTORY. */
export function modelReader(decoder: Decoder, options: ModelReaderOptions): Reader {
  return {
    score: (rows) => scoreRows(decoder, rows, options),
    write: (prompts, writing) => writeAnswers(decoder, prompts, writing, options),
  };
}

async function scoreRows(
  decoder: Decoder,
  rows: readonly Row[],
  { loops, batch = ROWS_AT_A_TIME, ranks = alone, onProgress, signal }: ModelReaderOptions,
): Promise<Likelihood[]> {
  const texts = rows.map(({ tokens }) => tokens.slice(0, -1));
  const from = rows.map((row) => row.from - 1);
  const packs = packsOf(texts);
  const inGroups = groups(packs, batch, (pack) => pack.texts.length);
  const ofGroups = await inTurns(ranks, inGroups, {
    onPassed: (group) => onProgress?.(textsIn(group).length),
    compute: async (group) => {
      signal?.throwIfAborted();
      const found = new Map(textsIn(group).map((text) => [text, { sum: 0, isGreedy: true }]));
      await readTexts(decoder, texts, { loops, from, packs: group }, ({ text, position, logits }) => {
        const token = (rows[text] as Row).tokens[position + 1] as number;
        const { logProbability, isMost } = lookUp(logits, token);
        const likelihood = found.get(text) as { sum: number; isGreedy: boolean };
        likelihood.sum += logProbability;
        likelihood.isGreedy &&= isMost;
      });
      return [...found.values()].flatMap(({ sum, isGreedy }) => [sum, Number(isGreedy)]);
    },
  });
  const numbers = ofGroups.flat();
  const found: Likelihood[] = [];
  for (const [at, text] of textsIn(packs).entries())
    found[text] = { sum: numbers[2 * at] as number, isGreedy: numbers[2 * at + 1] === 1 };
  return found;
}

/** The log-probability of a token, in float64, and whether no other has more. */
function lookUp(logits: FloatData, token: number): { logProbability: number; isMost: boolean } {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - most);
  const own = logits[token] as number;
  return { logProbability: own - most - Math.log(total), isMost: own === most };
}

async function writeAnswers(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  { stop, maxTokens }: Writing,
  { loops, decode, endOfText, batch = ROWS_AT_A_TIME, ranks = alone, onProgress, signal }: ModelReaderOptions,
): Promise<string[]> {
  const ofGroups = await inTurns(ranks, groups(prompts, batch), {
    onPassed: ({ length }) => onProgress?.(length),
    compute: async (group) => {
      const options = { loops, maxTokens, temperature: 0, stop: endOfText, window: "stop" as const };
      const writers = await Promise.all(
        group.map(async (prompt) => {
          const stream = await Stream.open(decoder, prompt, options);
          return { stream, tokens: [] as number[], text: "", isStopped: false };
        }),
      );
      const isWriting = ({ stream, isStopped }: (typeof writers)[number]) => !stream.finish && !isStopped;
      for (let active = writers.filter(isWriting); active.length > 0; active = active.filter(isWriting)) {
        signal?.throwIfAborted();
        const advanced = await advance(
          decoder,
          active.map(({ stream }) => stream),
          "all",
        );
        for (const [index, written] of advanced.entries()) {
          const writer = active[index] as (typeof active)[number];
          if (!written || written.token === endOfText) continue;
          writer.tokens.push(written.token);
          writer.text = decode(writer.tokens);
          writer.isStopped = stop.some((end) => writer.text.includes(end));
        }
      }
      const texts = JSON.stringify(writers.map(({ text }) => beforeStop(text, stop)));
      return Array.from(texts, (letter) => letter.codePointAt(0) as number);
    },
  });
  return ofGroups.flatMap(
    (letters) => JSON.parse(letters.map((one) => String.fromCodePoint(one)).join("")) as string[],
  );
}

/** A text up to the first of some others. */
export function beforeStop(text: string, stop: readonly string[]): string {
  const ends = stop.map((end) => text.indexOf(end)).filter((end) => end >= 0);
  return text.slice(0, Math.min(text.length, ...ends));
}
