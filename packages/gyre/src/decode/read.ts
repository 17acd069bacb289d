import { type Budget, conditions } from "../models/spec.ts";
import type { FloatData } from "../util/tensor.ts";
import type { Decoder, LoopCall, Route, Sequence } from "./decoder.ts";
import { badPromptToken } from "./errors.ts";
import type { ExitRule } from "./exits.ts";
import { withoutPadding } from "./sampling.ts";
import { isExitRule, type Loops } from "./stream.ts";

// Texts that are there already are read many at a time, where a stream writes token by token. Shapes: T tokens, d width.

/** What the model expects after a token of a text. */
export interface Reading {
  /** Index of the text. */
  readonly text: number;
  /** Index of the token that it comes after. */
  readonly position: number;
  /** [vocab], without padding. */
  readonly logits: FloatData;
  /** Loops that this prediction ran. */
  readonly loops: number;
  /** Blocks applied for it; under a rule those of all loops. */
  readonly blockPasses: number;
}

export interface ReadOptions {
  /** The model's full depth by default. A rule lets each position leave by itself. */
  readonly loops?: Loops;
  /** Of each text, the first position whose prediction is wanted; 0 by default. Those before it need no head. */
  readonly from?: readonly number[];
  /** Entries of the tokenizer's vocabulary, where the model's is padded: logits of what comes after them are left out. */
  readonly vocab?: number;
}

/** Tokens of each text in one call: long stretches while they last, then short ones, so that little is padding. */
const STRETCHES = [64, 16] as const;
/** Rows whose logits are held at a time. */
const READ_ROWS = 128;

/** A text with the sequence that holds its keys and values. */
interface Open {
  readonly text: number;
  readonly tokens: ArrayLike<number>;
  readonly sequence: Sequence;
  /** The first position whose prediction is wanted. */
  readonly from: number;
}

/**
 * Reads texts in calls of the core that they share: the logits after each of their tokens, at a budget or by an exit
 * rule. Under a rule every loop is run, and each token is read where the rule would have left: what a stream that
 * writes this text sees, for its earlier tokens' loops are run after all when a later one needs them (`recompute`). The
 * last one runs all loops, as a prompt does. Texts of about one length share calls best. Throws PROMPT_TOKEN, CONTEXT,
 * LOOPS or TRAJECTORY.
 *
 * @example
 * await using decoder = new Decoder(model);
 * await readTexts(decoder, [tokenizer.encode("We the people")], { loops: 2 }, ({ position, logits }) => {
 *   console.log(position, argmax(logits));
 * });
 */
export async function readTexts(
  decoder: Decoder,
  texts: readonly ArrayLike<number>[],
  { loops = decoder.model.spec.loops, vocab, from }: ReadOptions,
  onReading: (reading: Reading) => void,
): Promise<void> {
  const { spec } = decoder.model;
  const rule = isExitRule(loops) ? loops : undefined;
  const budget = rule ? (rule.most ?? spec.loops) : (loops as Budget);
  conditions(spec, budget);
  for (const text of texts) checkTokens(text, spec.vocab);
  const route = await decoder.route(budget);
  const hear: Hear = { vocab, onReading };
  const longest = Math.max(0, ...texts.map(({ length }) => length));
  const open = texts.map((tokens, text) => {
    return { text, tokens, sequence: decoder.start(longest), from: from?.[text] ?? 0 };
  });
  for (let position = 0; position < longest; ) {
    const left = longest - position;
    const stretch = STRETCHES.find((size) => left > size - STRETCHES[1]) ?? STRETCHES[1];
    const count = Math.min(stretch, left);
    const reading = open.filter(({ tokens }) => tokens.length > position);
    const together = rule ? Math.max(1, Math.floor(READ_ROWS / count)) : reading.length;
    for (let start = 0; start < reading.length; start += together) {
      const some = reading.slice(start, start + together);
      const calls = some.map((one) => callOf(decoder, one, route, position, count));
      if (rule) await readByRule(decoder, some, calls, rule, hear);
      else await readAtEnd(decoder, some, calls, hear);
    }
    position += count;
  }
}

function checkTokens(text: ArrayLike<number>, vocab: number): void {
  for (let index = 0; index < text.length; index++) {
    const token = text[index] as number;
    if (!(Number.isInteger(token) && token >= 0 && token < vocab)) throw badPromptToken(token, vocab);
  }
}

/** The next `count` tokens of a text; past its end zeros, which nothing before them sees. */
function callOf(
  decoder: Decoder,
  { tokens, sequence }: Open,
  { modulations }: Route,
  position: number,
  count: number,
): LoopCall {
  const ids = Array.from({ length: count }, (_, index) => tokens[position + index] ?? 0);
  return { sequence, loop: 0, modulations, position, states: decoder.embed(ids, position) };
}

/** Who hears the logits, and how many of them. */
interface Hear {
  readonly vocab: number | undefined;
  readonly onReading: (reading: Reading) => void;
}

async function logitsOf(
  decoder: Decoder,
  states: readonly FloatData[],
  { vocab }: Hear,
): Promise<FloatData[]> {
  return (await decoder.logits(states)).map((logits) => withoutPadding(logits, vocab));
}

/** A row of a call that is part of its text, and whose prediction is wanted. */
interface Row {
  readonly text: number;
  readonly position: number;
  /** Nothing of its text comes after it. */
  readonly isLast: boolean;
  readonly state: () => FloatData;
}

function rowsOf(decoder: Decoder, reading: readonly Open[], calls: readonly LoopCall[]): Row[] {
  const { width } = decoder.model.spec;
  return reading.flatMap(({ text, tokens, from }, index) => {
    const { states, position } = calls[index] as LoopCall;
    const count = Math.min(states.length / width, tokens.length - position);
    return Array.from({ length: count }, (_, row) => ({
      text,
      position: position + row,
      isLast: position + row + 1 === tokens.length,
      state: () => states.slice(row * width, (row + 1) * width),
    })).filter((row) => row.position >= from);
  });
}

/** All loops in one call. */
async function readAtEnd(
  decoder: Decoder,
  reading: readonly Open[],
  calls: readonly LoopCall[],
  hear: Hear,
): Promise<void> {
  const loops = (calls[0] as LoopCall).modulations.length;
  const { core } = decoder.model.spec.layers;
  await decoder.loop(calls);
  const rows = rowsOf(decoder, reading, calls);
  for (let start = 0; start < rows.length; start += READ_ROWS) {
    const some = rows.slice(start, start + READ_ROWS);
    const states = some.map(({ state }) => state());
    const logits = await logitsOf(decoder, states, hear);
    for (const [index, { text, position }] of some.entries())
      hear.onReading({
        text,
        position,
        logits: logits[index] as FloatData,
        loops,
        blockPasses: loops * core,
      });
  }
}

/** One call for each loop; the rule is asked after each. */
async function readByRule(
  decoder: Decoder,
  reading: readonly Open[],
  calls: readonly LoopCall[],
  rule: ExitRule,
  hear: Hear,
): Promise<void> {
  const most = (calls[0] as LoopCall).modulations.length;
  const blockPasses = most * decoder.model.spec.layers.core;
  let going = rowsOf(decoder, reading, calls).map((row) => ({
    ...row,
    states: [row.state()],
    logits: [] as FloatData[],
  }));
  for (let loop = 0; loop < most; loop++) {
    await decoder.loop(
      calls.map((call) => ({ ...call, loop, modulations: call.modulations.slice(loop, loop + 1) })),
    );
    const loops = loop + 1;
    for (const row of going) row.states.push(row.state());
    const asks = (row: (typeof going)[number]) =>
      loops === most || (!row.isLast && rule.exit({ loops, most, states: row.states, logits: row.logits }));
    const isWanted = rule.reads === "logits" || loops === most ? () => true : asks;
    const wanted = going.filter(isWanted);
    const last = wanted.map(({ states }) => states[loops] as FloatData);
    const read = wanted.length > 0 ? await logitsOf(decoder, last, hear) : [];
    for (const [index, row] of wanted.entries()) row.logits.push(read[index] as FloatData);
    const leaving = new Set(rule.reads === "logits" ? wanted.filter(asks) : wanted);
    for (const { text, position, logits } of leaving)
      hear.onReading({ text, position, logits: logits.at(-1) as FloatData, loops, blockPasses });
    going = going.filter((row) => !leaving.has(row));
  }
}
