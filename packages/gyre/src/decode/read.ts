import { contextExceeded } from "../models/errors.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import type { FloatData } from "../util/tensor.ts";
import type { Decoder } from "./decoder.ts";
import { badPromptToken } from "./errors.ts";
import type { ExitRule } from "./exits.ts";
import { type Pack, packTexts } from "./packs.ts";
import { type Passage, type Route, rowsOf, type Sequence, stacked } from "./passage.ts";
import { withoutPadding } from "./sampling.ts";
import { isExitRule, type Loops } from "./stream.ts";
import { wholeLength } from "./whole.ts";

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
  /** Some of what `packsOf` makes of the texts: only the texts in them are read. All are by default. */
  readonly packs?: readonly Pack[];
}

/** Tokens of each text in one call over caches: long stretches while they last, then short ones, so that little is padding. */
const STRETCHES = [64, 16] as const;
/** Tokens of the longest row that is read without caches: attention costs as its square. */
const LONGEST_WHOLE = 512;
/** Tokens of a call that reads whole texts, at most. */
const TOKENS_AT_A_TIME = 4096;
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
  { loops = decoder.model.spec.loops, vocab, from, packs = packsOf(texts) }: ReadOptions,
  onReading: (reading: Reading) => void,
): Promise<void> {
  const { spec } = decoder.model;
  const rule = isExitRule(loops) ? loops : undefined;
  const budget = rule ? (rule.most ?? spec.loops) : (loops as Budget);
  conditions(spec, budget);
  const read = textsIn(packs).map((text) => ({ text, tokens: texts[text] as ArrayLike<number> }));
  for (const { tokens } of read) checkText(tokens, spec);
  const hear: Hear = { vocab, onReading };
  const longest = Math.max(0, ...read.map(({ tokens }) => tokens.length));
  if (!rule && longest <= LONGEST_WHOLE) return await readWhole(decoder, packs, { budget, from }, hear);
  const route = await decoder.route(budget);
  // what a coda reads of earlier tokens is where they left, which a look at the logits decides
  const oneByOne = rule?.reads === "logits" && spec.layers.coda > 0;
  const open = read.map(({ text, tokens }) => {
    return { text, tokens, sequence: decoder.start(longest), from: from?.[text] ?? 0 };
  });
  for (let position = 0; position < longest; ) {
    const left = longest - position;
    const stretch = STRETCHES.find((size) => left > size - STRETCHES[1]) ?? STRETCHES[1];
    const count = oneByOne ? 1 : Math.min(stretch, left);
    const reading = open.filter(({ tokens }) => tokens.length > position);
    const together = rule ? Math.max(1, Math.floor(READ_ROWS / count)) : reading.length;
    for (let start = 0; start < reading.length; start += together) {
      const some = reading.slice(start, start + together);
      const passages = some.map((one) => passageOf(decoder, one, { route, position }, count));
      if (rule) await readByRule(decoder, some, passages, rule, hear);
      else await readAtEnd(decoder, some, passages, hear);
    }
    position += count;
  }
}

/** Texts as rows that share calls, the shortest first: what begins alike shares a row. */
export const packsOf = (texts: readonly ArrayLike<number>[]): Pack[] =>
  packTexts(texts, LONGEST_WHOLE).sort((a, b) => a.tokens.length - b.tokens.length);

/** The indices of the texts in some packs. */
export const textsIn = (packs: readonly Pack[]): number[] =>
  packs.flatMap((pack) => pack.texts.map(({ text }) => text));

function checkText(text: ArrayLike<number>, { vocab, context }: Spec): void {
  if (text.length > context) throw contextExceeded(text.length, context);
  for (let index = 0; index < text.length; index++) {
    const token = text[index] as number;
    if (!(Number.isInteger(token) && token >= 0 && token < vocab)) throw badPromptToken(token, vocab);
  }
}

/** Where reading begins to be heard, at which budget. */
interface WholeOptions {
  readonly budget: Budget;
  readonly from: readonly number[] | undefined;
}

/** Packs that share calls, without caches: no text is read in more than one. */
async function readWhole(
  decoder: Decoder,
  packs: readonly Pack[],
  { budget, from }: WholeOptions,
  hear: Hear,
): Promise<void> {
  const { layers } = decoder.model.spec;
  const loops = typeof budget === "number" ? budget : budget.length;
  const blockPasses = layers.prelude + loops * layers.core + layers.coda;
  const waiting = packs.filter(({ tokens }) => tokens.length > 0);
  while (waiting.length > 0) {
    const length = wholeLength((waiting.at(-1) as Pack).tokens.length);
    const some = waiting.splice(-largestPower(TOKENS_AT_A_TIME / length));
    const rows = some.flatMap((pack, index) =>
      pack.texts.flatMap(({ text, places }) =>
        places.flatMap((place, position) =>
          position < (from?.[text] ?? 0) ? [] : [{ pack: index, place, text, position }],
        ),
      ),
    );
    if (rows.length === 0) continue;
    const hidden = await decoder.readWhole(some, rows, budget);
    for (let start = 0; start < rows.length; start += READ_ROWS) {
      const logits = await logitsOf(decoder, hidden.slice(start, start + READ_ROWS), hear);
      for (const [index, own] of logits.entries()) {
        const { text, position } = rows[start + index] as (typeof rows)[number];
        hear.onReading({ text, position, logits: own, loops, blockPasses });
      }
    }
  }
}

/** The largest power of two that is at most `most`, which is at least 1. */
const largestPower = (most: number): number => 2 ** Math.floor(Math.log2(most));

/** The next `count` tokens of a text; past its end zeros, which nothing before them sees. */
function passageOf(
  decoder: Decoder,
  { tokens, sequence }: Open,
  beginning: { readonly route: Route; readonly position: number },
  count: number,
): Passage {
  const ids = Array.from({ length: count }, (_, index) => tokens[beginning.position + index] ?? 0);
  return decoder.begin(sequence, ids, beginning);
}

/** Who hears the logits, and how many of them. */
interface Hear {
  readonly vocab: number | undefined;
  readonly onReading: (reading: Reading) => void;
}

async function logitsOf(
  decoder: Decoder,
  hidden: readonly FloatData[],
  { vocab }: Hear,
): Promise<FloatData[]> {
  const logits: FloatData[] = [];
  for (let start = 0; start < hidden.length; start += READ_ROWS)
    logits.push(...(await decoder.logits(hidden.slice(start, start + READ_ROWS))));
  return logits.map((row) => withoutPadding(row, vocab));
}

/** A token of a text, as a row of its passage. */
interface Row {
  readonly text: number;
  readonly position: number;
  readonly passage: Passage;
  /** Which row of the passage it is. */
  readonly index: number;
  /** Nothing of its text comes after it. */
  readonly isLast: boolean;
  readonly isWanted: boolean;
}

/** The rows that are part of their texts. */
function rowsIn(reading: readonly Open[], passages: readonly Passage[]): Row[] {
  return reading.flatMap(({ text, tokens, from }, at) => {
    const passage = passages[at] as Passage;
    const { position } = passage;
    const count = Math.min(passage.tokens.length, tokens.length - position);
    return Array.from({ length: count }, (_, index) => ({
      text,
      position: position + index,
      passage,
      index,
      isLast: position + index + 1 === tokens.length,
      isWanted: position + index >= from,
    }));
  });
}

/** What belongs to a row in a matrix [T, d] of its passage. */
const rowOf = ({ index }: Row, matrix: FloatData | undefined, width: number): FloatData =>
  (matrix as FloatData).slice(index * width, (index + 1) * width);

/** All loops in one call, and what ends with them. */
async function readAtEnd(
  decoder: Decoder,
  reading: readonly Open[],
  passages: readonly Passage[],
  hear: Hear,
): Promise<void> {
  const { layers, width } = decoder.model.spec;
  const { loops } = (passages[0] as Passage).route;
  const hidden = await decoder.run(passages, loops, "hidden");
  const rows = rowsIn(reading, passages).filter(({ isWanted }) => isWanted);
  const blockPasses = layers.prelude + loops * layers.core + layers.coda;
  for (let start = 0; start < rows.length; start += READ_ROWS) {
    const some = rows.slice(start, start + READ_ROWS);
    const own = some.map((row) => rowOf(row, hidden[passages.indexOf(row.passage)], width));
    for (const [index, logits] of (await logitsOf(decoder, own, hear)).entries()) {
      const { text, position } = some[index] as Row;
      hear.onReading({ text, position, logits, loops, blockPasses });
    }
  }
}

/** A row under a rule: its states so far, what was predicted from them, and where it left. */
interface Going extends Row {
  readonly states: FloatData[];
  readonly logits: FloatData[];
  left: number | undefined;
}

/** One call for each loop; the rule is asked after each. */
async function readByRule(
  decoder: Decoder,
  reading: readonly Open[],
  passages: readonly Passage[],
  rule: ExitRule,
  hear: Hear,
): Promise<void> {
  const { layers, width } = decoder.model.spec;
  const { loops: most } = (passages[0] as Passage).route;
  const hasCoda = layers.coda > 0;
  await decoder.run(passages, 0);
  const rows = rowsIn(reading, passages)
    .filter(({ isWanted }) => isWanted || hasCoda)
    .map((row): Going => {
      return { ...row, states: [rowOf(row, row.passage.states, width)], logits: [], left: undefined };
    });
  for (let loops = 1; loops <= most; loops++) {
    await decoder.run(passages, 1);
    const going = rows.filter(({ left }) => left === undefined);
    for (const row of going) row.states.push(rowOf(row, row.passage.states, width));
    if (rule.reads === "logits") {
      const looks = hasCoda ? going.map(({ passage }) => passage) : [];
      const hidden = looks.length > 0 ? await decoder.run(looks, 0, "hidden") : going.map(lastState);
      const logits = await logitsOf(decoder, hidden, hear);
      for (const [index, row] of going.entries()) row.logits.push(logits[index] as FloatData);
    }
    for (const row of going) {
      const { states, logits, isLast } = row;
      if (loops === most || (!isLast && rule.exit({ loops, most, states, logits }))) row.left = loops;
    }
  }
  if (rule.reads === "states") await readWhereLeft(decoder, passages, rows, hear);
  const blockPasses = layers.prelude + most * layers.core + layers.coda;
  for (const { text, position, logits, left, isWanted } of rows)
    if (isWanted)
      hear.onReading({
        text,
        position,
        logits: logits.at(-1) as FloatData,
        loops: left as number,
        blockPasses,
      });
}

const lastState = ({ states }: Going): FloatData => states.at(-1) as FloatData;

/** The logits of rows, each from the state at which it left. */
async function readWhereLeft(
  decoder: Decoder,
  passages: readonly Passage[],
  rows: readonly Going[],
  hear: Hear,
): Promise<void> {
  const { spec, runtime } = decoder.model;
  let hidden = rows.map(lastState);
  if (spec.layers.coda > 0) {
    for (const passage of passages) {
      const own = rowsOf(passage.states as FloatData, spec.width);
      for (const row of rows) if (row.passage === passage) own[row.index] = lastState(row);
      passage.states = stacked(own, runtime.precision);
    }
    const ended = await decoder.run(passages, 0, "hidden");
    hidden = rows.map((row) => rowOf(row, ended[passages.indexOf(row.passage)], spec.width));
  }
  const wanted = rows.flatMap((row, index) =>
    row.isWanted ? [{ row, hidden: hidden[index] as FloatData }] : [],
  );
  const own = wanted.map((one) => one.hidden);
  for (const [index, logits] of (await logitsOf(decoder, own, hear)).entries())
    wanted[index]?.row.logits.push(logits);
}
