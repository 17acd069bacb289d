import { type Budget, conditions } from "../models/spec.ts";
import { type Rng, rng } from "../util/rng.ts";
import type { FloatData } from "../util/tensor.ts";
import type { Decoder } from "./decoder.ts";
import { badDraft } from "./errors.ts";
import { joined, type Passage, type Route, type Sequence } from "./passage.ts";
import { type SamplingOptions, samplingDistribution, withoutPadding } from "./sampling.ts";
import { checkRequest, type Finish, type GeneratedToken, type StreamOptions } from "./stream.ts";

// Few loops draft, all loops verify: Leviathan et al. (arXiv 2211.17192), with one model at two depths.

/**
 * How tokens are drafted. `prefix`: the first loops of the full trajectory, read out early; verification goes on
 * from their states and keeps their cache. `coarse`: a trajectory of fewer, longer steps with a cache of its own.
 */
export const draftKinds = ["prefix", "coarse"] as const;
/** How speculative decoding guesses ahead: the first loops of the core, or the same depth in coarser steps. */
export interface Draft {
  readonly kind: (typeof draftKinds)[number];
  /** Loops that a drafted token runs. */
  readonly loops: number;
  /** Tokens drafted before they are verified together. */
  readonly tokens: number;
}

/** What speculative decoding is told beside the model and the prompt. */
export interface SpeculateOptions extends StreamOptions {
  readonly loops?: Budget;
  readonly draft: Draft;
  /** Decides about one drafted token; `acceptDraft` if not given. */
  readonly accept?: typeof acceptDraft;
}

/**
 * Keeps a token drawn from the distribution `drafted` or replaces it, so that the result is distributed as
 * `wanted`: kept with probability min(1, wanted / drafted), else drawn from what `wanted` has in excess.
 */
export function acceptDraft(
  token: number,
  drafted: Float64Array,
  wanted: Float64Array,
  random: Rng,
): { readonly token: number; readonly isKept: boolean } {
  const [q, p] = [drafted[token] as number, wanted[token] as number];
  if (random.uniform() * q < p) return { token, isKept: true };
  return {
    token: draw(
      wanted.map((value, index) => Math.max(0, value - (drafted[index] as number))),
      random,
    ),
    isKept: false,
  };
}

/** Draws from a distribution [vocab] that need not be normalised. */
function draw(weights: Float64Array, random: Rng): number {
  let total = 0;
  for (let token = 0; token < weights.length; token++) total += weights[token] as number;
  let rest = random.uniform() * total;
  let last = 0;
  for (let token = 0; token < weights.length; token++) {
    const weight = weights[token] as number;
    if (weight <= 0) continue;
    last = token;
    rest -= weight;
    if (rest < 0) return token;
  }
  return last;
}

/** Drafted tokens and the distributions that they were drawn from. */
interface Drafts {
  readonly tokens: number[];
  readonly distributions: Float64Array[];
}

/** A continuation that drafts and verifies in rounds. Its text is what plain decoding would write. */
export class Speculation {
  readonly text: number[];
  finish: Finish | undefined;
  readonly #decoder: Decoder;
  readonly #options: SpeculateOptions;
  readonly #sampling: SamplingOptions;
  readonly #route: Route;
  readonly #coarse: Route | undefined;
  readonly #sequence: Sequence;
  readonly #draftSequence: Sequence;
  readonly #draws: Rng;
  readonly #coins: Rng;
  #written = 0;

  /** Throws DRAFT, and what `Stream.open` throws. */
  static async open(
    decoder: Decoder,
    prompt: ArrayLike<number>,
    options: SpeculateOptions,
  ): Promise<Speculation> {
    const { spec } = decoder.model;
    const text = checkRequest(spec, prompt, options);
    const budget = options.loops ?? spec.loops;
    const { loops } = conditions(spec, budget);
    checkDraft(options.draft, loops);
    const coarse = options.draft.kind === "coarse" ? await decoder.route(options.draft.loops) : undefined;
    return new Speculation(decoder, text, options, await decoder.route(budget), coarse);
  }

  private constructor(
    decoder: Decoder,
    text: number[],
    options: SpeculateOptions,
    route: Route,
    coarse: Route | undefined,
  ) {
    this.text = text;
    this.#decoder = decoder;
    this.#options = options;
    this.#sampling = { ...options, temperature: options.temperature ?? 1 };
    this.#route = route;
    this.#coarse = coarse;
    const expected = text.length + options.maxTokens;
    this.#sequence = decoder.start(expected);
    this.#draftSequence = decoder.start(coarse ? expected : 0);
    this.#draws = rng(options.seed ?? 0, "draft");
    this.#coins = rng(options.seed ?? 0, "accept");
    if (options.maxTokens === 0) this.finish = "length";
    else if (text.length > decoder.model.spec.context) this.finish = "window";
  }

  /** Bytes of its caches. */
  get cacheBytes(): number {
    return this.#sequence.cache.bytes + this.#draftSequence.cache.bytes;
  }

  /** Drafts and verifies once: the tokens that came of it, at least one. */
  async round(): Promise<GeneratedToken[]> {
    const before = this.#decoder.blockPasses;
    const { context } = this.#decoder.model.spec;
    const { draft, maxTokens } = this.#options;
    await this.#readPrompt(this.#sequence, this.#route);
    if (this.#coarse) await this.#readPrompt(this.#draftSequence, this.#coarse);
    const room = Math.min(draft.tokens, context - this.text.length, maxTokens - this.#written);
    const drafts: Drafts = { tokens: [], distributions: [] };
    const logits = this.#coarse
      ? await this.#draftCoarse(drafts, room, this.#coarse)
      : await this.#draftPrefix(drafts, Math.max(1, room));
    return this.#settle(drafts, logits, before);
  }

  /** All of the prompt but its last token. */
  async #readPrompt(sequence: Sequence, route: Route): Promise<void> {
    if (sequence.length === 0 && this.text.length > 1)
      await this.#decoder.append(sequence, this.text.slice(0, -1), route);
  }

  /** Drafts with the first loops, then runs the others for all drafted tokens at once: logits of each. */
  async #draftPrefix(drafts: Drafts, count: number): Promise<FloatData[]> {
    const decoder = this.#decoder;
    const [sequence, route, first] = [this.#sequence, this.#route, this.#options.draft.loops];
    const passages: Passage[] = [];
    for (let row = 0; row < count; row++) {
      const token = drafts.tokens.at(-1) ?? (this.text.at(-1) as number);
      const passage = decoder.begin(sequence, [token], { route, position: sequence.length + row });
      this.#draw(drafts, await decoder.run([passage], first, "logits"));
      passages.push(passage);
    }
    const all = joined(passages, decoder.model.runtime.precision);
    return decoder.run([all], route.loops - first, "logits");
  }

  /** Drafts along the coarse trajectory, then runs the full one for all drafted tokens and the one before. */
  async #draftCoarse(drafts: Drafts, count: number, coarse: Route): Promise<FloatData[]> {
    const sequence = this.#draftSequence;
    for (let row = 0; row < count; row++) {
      const unread = [...this.text, ...drafts.tokens].slice(sequence.length);
      this.#draw(drafts, await this.#read(sequence, unread, coarse));
      sequence.length += unread.length;
    }
    return this.#read(this.#sequence, [this.text.at(-1) as number, ...drafts.tokens], this.#route);
  }

  /** Logits of tokens that follow a sequence; its length stays. */
  #read(sequence: Sequence, tokens: readonly number[], route: Route): Promise<FloatData[]> {
    return this.#decoder.run([this.#decoder.begin(sequence, tokens, { route })], route.loops, "logits");
  }

  #draw(drafts: Drafts, logits: readonly FloatData[]): void {
    const last = withoutPadding(logits.at(-1) as FloatData, this.#options.vocab);
    const distribution = samplingDistribution(last, this.#sampling);
    drafts.distributions.push(distribution);
    drafts.tokens.push(draw(distribution, this.#draws));
  }

  /** Accepts drafts up to the first that is replaced; where all are kept, a further row adds a token. */
  #settle(drafts: Drafts, logits: readonly FloatData[], before: number): GeneratedToken[] {
    const { accept = acceptDraft, stop, maxTokens, vocab } = this.#options;
    const emitted: GeneratedToken[] = [];
    let kept = 0;
    for (const [row, all] of logits.entries()) {
      const scores = withoutPadding(all, vocab);
      const wanted = samplingDistribution(scores, this.#sampling);
      const drafted = drafts.tokens[row];
      const next =
        drafted === undefined
          ? { token: draw(wanted, this.#coins), isKept: false }
          : accept(drafted, drafts.distributions[row] as Float64Array, wanted, this.#coins);
      if (next.isKept) kept++;
      emitted.push({ token: next.token, logits: scores, loops: this.#route.loops, blockPasses: 0 });
      this.text.push(next.token);
      this.#sequence.length++;
      this.#written++;
      if (next.token === stop) this.finish = "stop";
      else if (this.#written >= maxTokens) this.finish = "length";
      if (!next.isKept || this.finish) break;
    }
    this.#draftSequence.length = Math.min(this.#draftSequence.length, this.#sequence.length);
    if (!this.finish && this.text.length > this.#decoder.model.spec.context) this.finish = "window";
    const [first, ...others] = emitted as [GeneratedToken, ...GeneratedToken[]];
    const blockPasses = this.#decoder.blockPasses - before;
    return [{ ...first, blockPasses, drafts: { proposed: drafts.tokens.length, kept } }, ...others];
  }
}

function checkDraft({ kind, loops, tokens }: Draft, full: number): void {
  if (!(Number.isInteger(loops) && loops >= 1 && loops < full))
    throw badDraft(`${kind} draft of ${loops} loops`, `at least 1 and fewer than the ${full} that verify`);
  if (!(Number.isInteger(tokens) && tokens >= 1 && tokens <= 16))
    throw badDraft(`${kind} draft of ${tokens} tokens`, "1 to 16 tokens");
}
