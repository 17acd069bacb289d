import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { memorySplit } from "../data/windows.ts";
import { Decoder } from "../decode/decoder.ts";
import { emptyPrompt } from "../decode/errors.ts";
import { generate } from "../decode/generate.ts";
import { readTexts } from "../decode/read.ts";
import type { Spec } from "../models/spec.ts";
import { startFrom, type TrainState } from "../optim/state.ts";
import { CONFIG_VERSION, type LanguageConfig, parseConfig } from "../runs/config.ts";
import type { FetchProgress } from "../runs/downloads.ts";
import { fetchModel } from "../runs/fetch-model.ts";
import { runFiles } from "../runs/run-files.ts";
import { tokenizerEntry } from "../runs/tokenizer-entry.ts";
import { openWebRuntime, type WebRuntime, type WebRuntimeOptions } from "../runtime/onnx.web.ts";
import { initialState } from "../train/initial-state.ts";
import type { StepEvent } from "../train/optimise.ts";
import { parseTraining } from "../train/options.ts";
import { train } from "../train/text.ts";
import { nothingLoaded } from "./errors.ts";
import type { CallName, Calls, Loaded, Written } from "./protocol.ts";

/** How a call of the page is done: what is told on the way, and when to stop. */
export interface Doing<Event> {
  readonly signal: AbortSignal;
  /** Tells the page of an event, and lets its messages in. */
  readonly tell: (event: Event) => Promise<void>;
}

interface Held {
  readonly spec: Spec;
  readonly tokenizer: Tokenizer;
  readonly state: TrainState;
  config: LanguageConfig;
  readonly web: WebRuntime;
}

type Handlers = {
  readonly [Name in CallName]: (
    given: Calls[Name]["given"],
    doing: Doing<Calls[Name]["event"]>,
  ) => Promise<Calls[Name]["value"]>;
};

/** The one model that a worker holds, and all that can be done with it. */
export class Session implements Handlers, AsyncDisposable {
  #held: Held | undefined;

  async load(
    { url, cache = true, loops, mostBytes, withState, ...host }: Calls["load"]["given"],
    { signal, tell }: Doing<FetchProgress>,
  ): Promise<Loaded> {
    const model = await fetchModel(url, {
      signal,
      onProgress: (progress) => void tell(progress),
      ...(cache ? {} : { cache: false }),
      ...(loops === undefined ? {} : { loops }),
      ...(mostBytes === undefined ? {} : { mostBytes }),
      ...(withState === undefined ? {} : { withState }),
    });
    const { spec, tokenizer, weights, run } = model;
    const state = run?.state ?? { ...startFrom(weights), step: run?.step ?? 0 };
    const config = run?.config ?? importedConfig(spec, tokenizer);
    return this.#hold({ spec, tokenizer, state, config }, host, model.warnings);
  }

  async create({ spec, seed, ...host }: Calls["create"]["given"]): Promise<Loaded> {
    const tokenizer = bytesTokenizer();
    const state = initialState(spec, seed);
    return this.#hold({ spec, tokenizer, state, config: importedConfig(spec, tokenizer) }, host, []);
  }

  async generate(
    { prompt, options }: Calls["generate"]["given"],
    { signal, tell }: Doing<Written>,
  ): Promise<undefined> {
    const { model, tokenizer } = this.#model("generate");
    const { vocab, endOfText: stop } = tokenizer;
    const written = tokenizer.decodeStream();
    const ids = idsOf(tokenizer, prompt);
    for await (const { logits: _, ...token } of generate(model, ids, { ...options, vocab, stop, signal }))
      await tell({ ...token, text: token.token === stop ? "" : written.push(token.token) });
    return undefined;
  }

  async logits(
    { prompt }: Calls["logits"]["given"],
    { signal, tell }: Doing<never>,
  ): Promise<Float32Array[]> {
    const { model, tokenizer } = this.#model("logits");
    const ids = idsOf(tokenizer, prompt);
    await using decoder = new Decoder(model);
    const all: Float32Array[] = [];
    for (let loops = 1; loops <= model.spec.loops; loops++) {
      signal.throwIfAborted();
      const options = { loops, vocab: tokenizer.vocab, from: [ids.length - 1] };
      await readTexts(decoder, [ids], options, ({ logits }) => all.push(Float32Array.from(logits)));
      await tell(undefined as never);
    }
    return all;
  }

  async train(
    { text, training }: Calls["train"]["given"],
    { signal, tell }: Doing<StepEvent>,
  ): Promise<number> {
    const held = this.#require("train");
    const { spec, tokenizer, state, web } = held;
    const options = parseTraining(training, spec);
    const data = memorySplit(tokenizer.encode(text), { bytes: new TextEncoder().encode(text).length });
    const run = { spec, training: options, data, state, runtime: web.runtime, signal };
    for await (const event of train(run)) if (event.type === "step") await tell(event);
    held.config = configOf(spec, tokenizer, { kind: "text", training: options });
    signal.throwIfAborted();
    return state.step;
  }

  async files(): Promise<ReadonlyMap<string, Uint8Array>> {
    const { config, state, tokenizer } = this.#require("files");
    return runFiles({ config, state, tokenizer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.web.runtime[Symbol.asyncDispose]();
    this.#held = undefined;
  }

  async #hold(
    model: Omit<Held, "web">,
    host: WebRuntimeOptions,
    warnings: readonly string[],
  ): Promise<Loaded> {
    await this[Symbol.asyncDispose]();
    const web = await openWebRuntime(host);
    this.#held = { ...model, web };
    const { spec, tokenizer, state } = model;
    return {
      spec,
      tokenizer: { kind: tokenizer.kind, vocab: tokenizer.vocab },
      step: state.step,
      runtime: web.runtime.name,
      warnings: web.reason === undefined ? warnings : [...warnings, web.reason],
    };
  }

  #require(call: CallName): Held {
    if (!this.#held) throw nothingLoaded(call);
    return this.#held;
  }

  #model(call: CallName) {
    const { spec, state, web, tokenizer } = this.#require(call);
    return { model: { spec, weights: state.weights, runtime: web.runtime }, tokenizer };
  }
}

function idsOf(tokenizer: Tokenizer, prompt: string): Uint32Array {
  const ids = tokenizer.encode(prompt);
  if (ids.length === 0) throw emptyPrompt();
  return ids;
}

/** The config of a run, in the order in which it is read again: a run that travels keeps its bytes. */
function configOf(spec: Spec, tokenizer: Tokenizer, more: object): LanguageConfig {
  const entry = tokenizerEntry(tokenizer);
  const json = { version: CONFIG_VERSION, spec, tokenizer: entry, data: null, ...more };
  return parseConfig(json, "the model of this page").config as LanguageConfig;
}

const importedConfig = (spec: Spec, tokenizer: Tokenizer): LanguageConfig =>
  configOf(spec, tokenizer, { kind: "imported" });
