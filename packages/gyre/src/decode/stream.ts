import type { Budget, Spec } from "../models/spec.ts";
import { type Rng, rng } from "../util/rng.ts";
import type { FloatData } from "../util/tensor.ts";
import type { Decoder, LoopCall, Route, Sequence } from "./decoder.ts";
import { badPromptToken, badSampling, emptyPrompt } from "./errors.ts";
import type { ExitRule } from "./exits.ts";
import { checkSampling, type SamplingOptions, sampleToken, withoutPadding } from "./sampling.ts";

/**
 * What later tokens attend to in loops that an earlier token never ran. `recompute`: the loops are run after
 * all, when a later token first needs them; `share-last`: keys and values of the last loop that it ran.
 */
export const cachePolicies = ["recompute", "share-last"] as const;
export type CachePolicy = (typeof cachePolicies)[number];

/** When the context is full: `stop`, or `slide` on, each token from its last `context` tokens computed anew. */
export const windowModes = ["stop", "slide"] as const;
export type WindowMode = (typeof windowModes)[number];

/** How many loops a token runs: a number, a trajectory, or a rule that looks at the state. */
export type Loops = Budget | ExitRule;

export const isExitRule = (loops: Loops): loops is ExitRule => typeof loops === "object" && "exit" in loops;

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

export interface GeneratedToken {
  readonly token: number;
  /** Logits that chose it [vocab], without padding. */
  readonly logits: FloatData;
  /** Loops that the prediction of this token ran. */
  readonly loops: number;
  /** Blocks applied for it, once for every token that went through: the prompt's count with the first one. */
  readonly blockPasses: number;
  /** With the first token of a round of speculation: tokens drafted in it, and those that were kept. */
  readonly drafts?: { readonly proposed: number; readonly kept: number };
}

/** Why a stream ended. */
export type Finish = "length" | "stop" | "window";

/** The loops of the newest token: its state before the first and after each, and what was predicted from them. */
interface Pass {
  readonly states: FloatData[];
  readonly logits: FloatData[];
}

/** What is cached of one position. */
interface Depth {
  /** Loops that have rows. */
  filled: number;
  /** Loops that it ran of itself. */
  readonly ran: number;
  /** State after the last loop that was run for it. */
  state: FloatData;
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

  /** Gets ready for the next loops; gives the call that they need, or nothing when the pass is through. */
  async prepare(loops: LoopsAtOnce): Promise<LoopCall | undefined> {
    const decoder = this.#decoder;
    const { length: position } = this.#sequence;
    if (!this.#pass && (position === 0 || position >= decoder.model.spec.context)) {
      await this.#readWindow();
      return undefined;
    }
    this.#pass ??= { states: [decoder.embed([this.text.at(-1) as number], position)], logits: [] };
    const loop = this.#loopsRun;
    await this.#fill(loop);
    const states = (this.#pass.states.at(-1) as FloatData).slice();
    const end = loops === "all" && !this.#rule ? this.#route.loops : loop + 1;
    const modulations = this.#route.modulations.slice(loop, end);
    return { sequence: this.#sequence, loop, modulations, position, states };
  }

  /** Computes the last `context` tokens of the text, all loops of each. */
  async #readWindow(): Promise<void> {
    const { context, width, layers } = this.#decoder.model.spec;
    const { loops } = this.#route;
    const seen = this.text.slice(-context);
    this.#sequence.length = 0;
    this.#depths.length = 0;
    const all = await this.#decoder.append(this.#sequence, seen, this.#route);
    const state = all.slice(-width);
    for (let position = 0; position < seen.length; position++)
      this.#depths.push({ filled: loops, ran: loops, state });
    this.#blockPasses += seen.length * loops * layers.core;
    this.#pass = { states: new Array<FloatData>(loops + 1).fill(state), logits: [] };
  }

  /** Takes the state after the loops of a call. */
  accept({ states, modulations }: LoopCall): void {
    for (const _ of modulations) this.#pass?.states.push(states);
    this.#blockPasses += modulations.length * this.#decoder.model.spec.layers.core;
  }

  /** Whether its pass is through after a call, so that logits are wanted then. */
  endsWith({ loop, modulations }: LoopCall): boolean {
    return !this.#rule && loop + modulations.length === this.#route.loops;
  }

  /** The state whose logits are wanted now: where the pass ends, or the rule reads predictions. */
  get wanted(): FloatData | undefined {
    const pass = this.#pass as Pass;
    const isWanted = this.#isThrough || this.#rule?.reads === "logits" || this.#exits();
    return isWanted ? pass.states.at(-1) : undefined;
  }

  /** Takes the logits that it wanted: the next token, unless the rule has the pass go on. */
  take(all: FloatData): GeneratedToken | undefined {
    const pass = this.#pass as Pass;
    const logits = withoutPadding(all, this.#options.vocab);
    pass.logits.push(logits);
    const goesOn = !this.#isThrough && this.#rule?.reads === "logits" && !this.#exits();
    return goesOn ? undefined : this.#emit(pass, logits);
  }

  get #loopsRun(): number {
    return (this.#pass?.states.length ?? 1) - 1;
  }

  get #isThrough(): boolean {
    return this.#loopsRun === this.#route.loops;
  }

  #exits(): boolean {
    const { states, logits } = this.#pass as Pass;
    const [loops, most] = [this.#loopsRun, this.#route.loops];
    return this.#rule?.exit({ loops, most, states, logits }) ?? false;
  }

  #emit(pass: Pass, logits: FloatData): GeneratedToken {
    const loops = this.#loopsRun;
    const { context } = this.#decoder.model.spec;
    if (this.#depths.length < Math.min(this.text.length, context)) {
      this.#depths.push({ filled: loops, ran: loops, state: pass.states.at(-1) as FloatData });
      this.#sequence.length++;
    }
    const { follow } = this.#options;
    const token = follow?.[this.#written] ?? sampleToken(logits, this.#sampling, this.#random);
    this.text.push(token);
    const blockPasses = this.#blockPasses;
    this.#pass = undefined;
    this.#blockPasses = 0;
    this.#written++;
    if (token === this.#options.stop) this.finish = "stop";
    else if (this.#written >= this.#options.maxTokens) this.finish = "length";
    else if (this.#sequence.length >= context && this.#options.window === "stop") this.finish = "window";
    return { token, logits, loops, blockPasses };
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
        await this.#runLater(loop, start, this.#depths.slice(start, end));
      }
      for (const depth of this.#depths.slice(start, end)) depth.filled++;
    }
  }

  /** Runs a loop for neighbouring tokens that had left before it. */
  async #runLater(loop: number, position: number, depths: readonly Depth[]): Promise<void> {
    const { width, layers } = this.#decoder.model.spec;
    const states = this.#decoder.zeros(depths.length * width);
    for (const [row, { state }] of depths.entries()) states.set(state, row * width);
    const modulations = this.#route.modulations.slice(loop, loop + 1);
    await this.#decoder.loop([{ sequence: this.#sequence, loop, modulations, position, states }]);
    for (const [row, depth] of depths.entries()) depth.state = states.slice(row * width, (row + 1) * width);
    this.#blockPasses += depths.length * layers.core;
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
  const calls: { stream: Stream; call: LoopCall }[] = [];
  for (const stream of streams) {
    const call = await stream.prepare(loops);
    if (call) calls.push({ stream, call });
  }
  const logits = new Map<Stream, FloatData>();
  const loopCalls = calls.map(({ call }) => call);
  if (loops === "all" && calls.length > 0 && calls.every(({ stream, call }) => stream.endsWith(call))) {
    for (const [index, read] of (await decoder.loopAndRead(loopCalls)).entries())
      logits.set((calls[index] as { stream: Stream }).stream, read);
  } else if (calls.length > 0) await decoder.loop(loopCalls);
  for (const { stream, call } of calls) stream.accept(call);
  const reading = streams.flatMap((stream) => {
    const state = logits.has(stream) ? undefined : stream.wanted;
    return state ? [{ stream, state }] : [];
  });
  const read = reading.length > 0 ? await decoder.logits(reading.map(({ state }) => state)) : [];
  for (const [index, { stream }] of reading.entries()) logits.set(stream, read[index] as FloatData);
  return streams.map((stream) => {
    const own = logits.get(stream);
    return own && stream.take(own);
  });
}
