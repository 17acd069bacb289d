import type { Budget, Spec } from "../models/spec.ts";
import { type Rng, rng } from "../util/rng.ts";
import type { FloatData } from "../util/tensor.ts";
import type { Decoder } from "./decoder.ts";
import { badPromptToken, badSampling, emptyPrompt } from "./errors.ts";
import type { ExitRule } from "./exits.ts";
import { joined, type Passage, type Route, rowsOf, type Sequence } from "./passage.ts";
import { checkSampling, type SamplingOptions, sampleToken, withoutPadding } from "./sampling.ts";

/**
 * What later tokens attend to in loops that an earlier token never ran. `recompute`: the loops are run after
 * all, when a later token first needs them; `share-last`: keys and values of the last loop that it ran.
 */
export const cachePolicies = ["recompute", "share-last"] as const;
/** How loops are filled in that an earlier token never ran: one of `cachePolicies`. */
export type CachePolicy = (typeof cachePolicies)[number];

/** When the context is full: `stop`, or `slide` on, each token from its last `context` tokens computed anew. */
export const windowModes = ["stop", "slide"] as const;
/** What happens when the context is full: `stop`, or `slide` on. */
export type WindowMode = (typeof windowModes)[number];

/** How many loops a token runs: a number, a trajectory, or a rule that looks at the state. */
export type Loops = Budget | ExitRule;

export const isExitRule = (loops: Loops): loops is ExitRule => typeof loops === "object" && "exit" in loops;

/** What decoding one text is told beside the model and the prompt. */
export interface StreamOptions extends Partial<SamplingOptions> {
  /** The model's full depth by default. The prompt always runs all loops of the trajectory. */
  readonly loops?: Loops;
  readonly cachePolicy?: CachePolicy;
  readonly window?: WindowMode;
  readonly maxTokens: number;
  readonly seed?: number;
  /** Entries of the tokenizer's vocabulary, where the model's is padded: what comes after them is never drawn. */
  readonly vocab?: number;
  /** Token after which to stop. */
  readonly stop?: number;
  /** Tokens to take instead of choosing: a given text is read, as fast as text is written. */
  readonly follow?: ArrayLike<number>;
}

/** One token that was written, and what it cost. */
export interface GeneratedToken {
  readonly token: number;
  /** Logits that chose it [vocab], without padding. */
  readonly logits: FloatData;
  /** Loops that the prediction of this token ran. */
  readonly loops: number;
  /** Only where the text before it is longer than the context: its last `context` tokens were computed anew for it. */
  readonly slides?: true;
  /** Blocks applied for it, once for every token that went through: the prompt's count with the first one. */
  readonly blockPasses: number;
  /** With the first token of a round of speculation: tokens drafted in it, and those that were kept. */
  readonly drafts?: { readonly proposed: number; readonly kept: number };
}

/** Why a stream ended. */
export type Finish = "length" | "stop" | "window";

/** The newest token on its way: where a rule looks, its state before the first loop and after each, and predictions. */
interface Pass {
  readonly passage: Passage;
  readonly states: FloatData[];
  readonly logits: FloatData[];
}

/** What is cached of one position. */
interface Depth {
  /** Loops that have rows. */
  filled: number;
  /** Loops that it ran of itself. */
  readonly ran: number;
  /** Its token, after the last loop that was run for it; none where no loop is left. */
  readonly passage: Passage | undefined;
}

/** One continuation of a prompt, advanced loop by loop and so at its own depth beside others. */
export class Stream {
  readonly text: number[];
  finish: Finish | undefined;
  readonly #decoder: Decoder;
  readonly #options: StreamOptions;
  readonly #sampling: SamplingOptions;
  readonly #rule: ExitRule | undefined;
  readonly #route: Route;
  readonly #random: Rng;
  #sequence: Sequence;
  #pass: Pass | undefined;
  /** What the head reads after a window that was computed whole. */
  #windowEnd: FloatData | undefined;
  #written = 0;
  #blockPasses = 0;
  readonly #depths: Depth[] = [];

  /** Checks prompt and options; throws PROMPT_EMPTY, PROMPT_TOKEN, SAMPLING, LOOPS or TRAJECTORY. */
  static async open(decoder: Decoder, prompt: ArrayLike<number>, options: StreamOptions): Promise<Stream> {
    const { spec } = decoder.model;
    const { loops = spec.loops } = options;
    const text = checkRequest(spec, prompt, options);
    const rule = isExitRule(loops) ? loops : undefined;
    const route = await decoder.route(rule ? (rule.most ?? spec.loops) : (loops as Budget));
    return new Stream(decoder, text, options, route, rule);
  }

  private constructor(
    decoder: Decoder,
    text: number[],
    options: StreamOptions,
    route: Route,
    rule: ExitRule | undefined,
  ) {
    this.text = text;
    this.#decoder = decoder;
    this.#options = options;
    this.#sampling = { ...options, temperature: options.temperature ?? 1 };
    this.#route = route;
    this.#rule = rule;
    this.#random = rng(options.seed ?? 0, "sample");
    this.#sequence = decoder.start(text.length + options.maxTokens);
    if (options.maxTokens === 0) this.finish = "length";
    else if (text.length > decoder.model.spec.context && options.window === "stop") this.finish = "window";
  }

  /** Bytes of its cache. */
  get cacheBytes(): number {
    return this.#sequence.cache.bytes;
  }

  /** Gets ready for the next loops: the passage that runs them, or nothing where a whole window was computed. */
  async prepare(): Promise<Passage | undefined> {
    const decoder = this.#decoder;
    const { length: position } = this.#sequence;
    if (!this.#pass && (position === 0 || position >= decoder.model.spec.context)) {
      await this.#readWindow();
      return undefined;
    }
    if (!this.#pass) {
      const passage = decoder.begin(this.#sequence, this.text.slice(-1), { route: this.#route });
      this.#pass = { passage, states: [], logits: [] };
      this.#blockPasses += decoder.model.spec.layers.prelude;
    }
    await this.#fill(this.#pass.passage.loops);
    return this.#pass.passage;
  }

  /** Computes the last `context` tokens of the text, all loops of each. */
  async #readWindow(): Promise<void> {
    const { context, width, layers } = this.#decoder.model.spec;
    const { loops } = this.#route;
    const seen = this.text.slice(-context);
    this.#sequence.length = 0;
    const hidden = await this.#decoder.append(this.#sequence, seen, this.#route);
    this.#windowEnd = hidden.slice(-width);
    this.#depths.length = 0;
    for (const _ of seen) this.#depths.push({ filled: loops, ran: loops, passage: undefined });
    this.#blockPasses += seen.length * (layers.prelude + loops * layers.core + layers.coda);
  }

  /** Whether its rule looks at every state, and so at the one before the first loop. */
  get looks(): boolean {
    return this.#rule !== undefined;
  }

  /** Loops that it may run before anything looks in between. */
  get ahead(): number {
    return this.#rule ? 1 : this.#route.loops - (this.#pass?.passage.loops ?? 0);
  }

  /** Whether its pass is through after so many loops, so that logits are wanted then. */
  endsAfter(loops: number): boolean {
    return !this.#rule && this.ahead === loops;
  }

  /** Takes notice of the state after so many more loops. */
  accept(loops: number): void {
    const { passage, states } = this.#pass as Pass;
    if (this.#rule) states.push(passage.states as FloatData);
    this.#blockPasses += loops * this.#decoder.model.spec.layers.core;
  }

  /** What the head reads after a window; its logits are wanted. */
  get windowEnd(): FloatData | undefined {
    return this.#windowEnd;
  }

  /** The passage whose logits are wanted now: where the pass ends, or the rule reads predictions. */
  get wanted(): Passage | undefined {
    if (!this.#pass) return undefined;
    const isWanted = this.#isThrough || this.#rule?.reads === "logits" || this.#exits();
    return isWanted ? this.#pass.passage : undefined;
  }

  /** Takes the logits that it wanted: the next token, unless the rule has the pass go on. */
  take(all: FloatData): GeneratedToken | undefined {
    const logits = withoutPadding(all, this.#options.vocab);
    if (this.#windowEnd) return this.#emit(logits);
    (this.#pass as Pass).logits.push(logits);
    this.#blockPasses += this.#decoder.model.spec.layers.coda;
    const goesOn = !this.#isThrough && this.#rule?.reads === "logits" && !this.#exits();
    return goesOn ? undefined : this.#emit(logits);
  }

  get #loopsRun(): number {
    return this.#windowEnd ? this.#route.loops : (this.#pass?.passage.loops ?? 0);
  }

  get #isThrough(): boolean {
    return this.#loopsRun === this.#route.loops;
  }

  #exits(): boolean {
    const { states, logits } = this.#pass as Pass;
    const [loops, most] = [this.#loopsRun, this.#route.loops];
    return this.#rule?.exit({ loops, most, states, logits }) ?? false;
  }

  #emit(logits: FloatData): GeneratedToken {
    const loops = this.#loopsRun;
    const { context } = this.#decoder.model.spec;
    if (this.#pass) {
      const { passage } = this.#pass;
      // a state that no loop reads again would only be memory
      this.#depths.push({ filled: loops, ran: loops, passage: this.#isThrough ? undefined : passage });
      this.#sequence.length++;
    }
    const { follow } = this.#options;
    const token = follow?.[this.#written] ?? sampleToken(logits, this.#sampling, this.#random);
    const slides = this.#windowEnd !== undefined && this.text.length > context;
    this.text.push(token);
    const blockPasses = this.#blockPasses;
    this.#pass = undefined;
    this.#windowEnd = undefined;
    this.#blockPasses = 0;
    this.#written++;
    if (token === this.#options.stop) this.finish = "stop";
    else if (this.#written >= this.#options.maxTokens) this.finish = "length";
    else if (this.#sequence.length >= context && this.#options.window === "stop") this.finish = "window";
    return { token, logits, loops, blockPasses, ...(slides ? { slides: true } : {}) };
  }

  /** Gives every earlier token that has no rows in `loop` some, as the cache policy says. */
  async #fill(loop: number): Promise<void> {
    const { cachePolicy = "recompute" } = this.#options;
    const isMissing = (position: number) => this.#depths[position]?.filled === loop;
    for (let start = 0, end = 1; start < this.#depths.length; start = end, end++) {
      if (!isMissing(start)) continue;
      if (cachePolicy === "share-last") {
        this.#sequence.cache.share((this.#depths[start] as Depth).ran - 1, loop, start);
      } else {
        while (isMissing(end)) end++;
        await this.#runLater(this.#depths.slice(start, end));
      }
      for (const depth of this.#depths.slice(start, end)) depth.filled++;
    }
  }

  /** Runs a loop for neighbouring tokens that had left before it. */
  async #runLater(depths: readonly Depth[]): Promise<void> {
    const { spec, runtime } = this.#decoder.model;
    const passages = depths.flatMap(({ passage }) => passage ?? []);
    const all = joined(passages, runtime.precision);
    await this.#decoder.run([all], 1);
    const next = rowsOf(all.states as FloatData, spec.width);
    for (const [row, passage] of passages.entries()) {
      passage.states = next[row];
      passage.loops++;
    }
    this.#blockPasses += depths.length * spec.layers.core;
  }
}

/** The prompt as numbers, once it and the options are checked. Throws PROMPT_EMPTY, PROMPT_TOKEN or SAMPLING. */
export function checkRequest(
  spec: Spec,
  prompt: ArrayLike<number>,
  { temperature = 1, maxTokens, vocab, ...options }: Omit<StreamOptions, "loops">,
): number[] {
  checkSampling({ ...options, temperature });
  if (!(Number.isInteger(maxTokens) && maxTokens >= 0))
    throw badSampling("max-tokens", maxTokens, "a whole number of at least 0");
  if (vocab !== undefined && !(Number.isInteger(vocab) && vocab >= 1))
    throw badSampling("vocab", vocab, "a whole number of at least 1");
  if (prompt.length === 0) throw emptyPrompt();
  const text = Array.from(prompt);
  const unknown = text.find((token) => !(Number.isInteger(token) && token >= 0 && token < spec.vocab));
  if (unknown !== undefined) throw badPromptToken(unknown, spec.vocab);
  return text;
}

/** How far one call goes: the next loop, or, where no rule looks in between, all that are left. */
export type LoopsAtOnce = "next" | "all";

/**
 * Advances streams together, each by the next loop of its own (or by its whole prompt): one call of the core, one
 * of the head for those that want logits. Streams whose passes end together may run `all` their loops in that call.
 * The tokens that came of it, in the order of the streams.
 */
export async function advance(
  decoder: Decoder,
  streams: readonly Stream[],
  loops: LoopsAtOnce = "next",
): Promise<(GeneratedToken | undefined)[]> {
  const moving: Moving[] = [];
  for (const stream of streams) {
    const passage = await stream.prepare();
    if (passage) moving.push({ stream, passage });
  }
  const logits = new Map<Stream, FloatData>();
  if (moving.length > 0) await moveOn(decoder, moving, loops, logits);
  const reading = streams.flatMap((stream) => {
    const passage = logits.has(stream) ? undefined : stream.wanted;
    return passage ? [{ stream, passage }] : [];
  });
  const ended = streams.filter(({ windowEnd }) => windowEnd);
  const after = reading.length > 0 ? await decoder.run(passagesOf(reading), 0, "hidden") : [];
  const hidden = [...ended.flatMap(({ windowEnd }) => windowEnd ?? []), ...after];
  const read = hidden.length > 0 ? await decoder.logits(hidden) : [];
  for (const [index, stream] of [...ended, ...reading.map(({ stream }) => stream)].entries())
    logits.set(stream, read[index] as FloatData);
  return streams.map((stream) => {
    const own = logits.get(stream);
    return own && stream.take(own);
  });
}

interface Moving {
  readonly stream: Stream;
  readonly passage: Passage;
}
const passagesOf = (moving: readonly Moving[]) => moving.map(({ passage }) => passage);

/** Runs the next loops of streams; where all end with them, the head follows in the same call. */
async function moveOn(
  decoder: Decoder,
  moving: readonly Moving[],
  atOnce: LoopsAtOnce,
  logits: Map<Stream, FloatData>,
): Promise<void> {
  const looking = moving.filter(({ stream, passage }) => stream.looks && !passage.states);
  if (looking.length > 0) await decoder.run(passagesOf(looking), 0);
  for (const { stream } of looking) stream.accept(0);
  const loops = atOnce === "next" ? 1 : Math.min(...moving.map(({ stream }) => stream.ahead));
  const areThrough = atOnce === "all" && moving.every(({ stream }) => stream.endsAfter(loops));
  const read = await decoder.run(passagesOf(moving), loops, areThrough ? "logits" : "loops");
  for (const [index, { stream }] of moving.entries()) {
    stream.accept(loops);
    if (areThrough) logits.set(stream, read[index] as FloatData);
  }
}
