import { bytesTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { Decoder } from "../decode/decoder.ts";
import { emptyPrompt } from "../decode/errors.ts";
import { exitRule } from "../decode/exits.ts";
import { generate } from "../decode/generate.ts";
import { readTexts } from "../decode/read.ts";
import { softmaxOf } from "../decode/sampling.ts";
import type { Model } from "../models/model.ts";
import { startFrom, usedWeights } from "../optim/state.ts";
import type { AnswerPoint } from "../report/answers.ts";
import type { BudgetPoint } from "../report/report.ts";
import type { DataReference } from "../runs/config.ts";
import { datasetOfText, readDatasetFiles } from "../runs/dataset-files.ts";
import type { FetchProgress } from "../runs/downloads.ts";
import { fetchModel, fetchTask } from "../runs/fetch-model.ts";
import { filesInMemory, readConfig, readRun } from "../runs/read-run.ts";
import { runFiles } from "../runs/run-files.ts";
import { openWebRuntime, type WebRuntime, type WebRuntimeOptions } from "../runtime/onnx.web.ts";
import { tokenTaskNamed } from "../tasks/tokens/index.ts";
import { parseAnswerTraining } from "../train/answer-options.ts";
import { initialState } from "../train/initial-state.ts";
import type { StepEvent } from "../train/optimise.ts";
import { nothingLoaded, otherModel, otherText } from "./errors.ts";
import { goingOf, type Held, languageConfig, qualityOf, taskConfig, taskOf } from "./held.ts";
import { lensOf } from "./lens.ts";
import type { CallName, Calls, Loaded, LoadRequest, WriteOptions, Written } from "./protocol.ts";

/** How a call of the page is done: what is told on the way, and when to stop. */
export interface Doing<Event> {
  readonly signal: AbortSignal;
  /** Tells the page of an event, and lets its messages in. */
  readonly tell: (event: Event) => Promise<void>;
}

type Handlers = {
  readonly [Name in CallName]: (
    given: Calls[Name]["given"],
    doing: Doing<Calls[Name]["event"]>,
  ) => Promise<Calls[Name]["value"]>;
};

/** The model of a worker, and all that can be done with it. */
export class Session implements Handlers, AsyncDisposable {
  #held: Held | undefined;

  async load({ url, isTask = false, ...request }: LoadRequest, doing: Doing<FetchProgress>): Promise<Loaded> {
    const { loops, provider, threads, wasmPaths, ...options } = fetchOptions(request, doing);
    const opening = opened({ provider, threads, wasmPaths });
    if (isTask) {
      const { config, weights, step, state, warnings } = await fetchTask(url, options);
      const { spec } = config;
      const own = state ?? { ...startFrom(weights), step };
      return this.#hold({ spec, tokenizer: undefined, config, state: own }, opening, warnings);
    }
    const model = await fetchModel(url, loops === undefined ? options : { ...options, loops });
    const { spec, tokenizer, weights, run } = model;
    const state = run?.state ?? { ...startFrom(weights), step: run?.step ?? 0 };
    const config = run?.config ?? languageConfig(spec, tokenizer, { kind: "imported" });
    return this.#hold({ spec, tokenizer, state, config }, opening, model.warnings);
  }

  async create({ spec, seed, initStd, task, training, ...host }: Calls["create"]["given"]): Promise<Loaded> {
    const opening = opened(host);
    const state = initialState(spec, seed, initStd);
    if (task) {
      const own = tokenTaskNamed(task.name, task.variant);
      const config = taskConfig(spec, own, parseAnswerTraining({ seed, ...training }, spec, own));
      return this.#hold({ spec, tokenizer: undefined, state, config }, opening, []);
    }
    const tokenizer = bytesTokenizer();
    const config = languageConfig(spec, tokenizer, { kind: "imported" });
    return this.#hold({ spec, tokenizer, state, config }, opening, []);
  }

  async open({ files, name, ...host }: Calls["open"]["given"]): Promise<Loaded> {
    const opening = opened(host);
    const source = filesInMemory(files, name);
    const json = await readConfig(source);
    const run = await readRun(source, { json, kinds: ["text", "imported", "task"], withState: true });
    const { config, tokenizer, weights, state = startFrom(weights) } = run;
    const metrics = new TextDecoder().decode(files.get("metrics.jsonl"));
    const data = await readDatasetFiles(source);
    const expected = "data" in config && config.data !== undefined ? shaOf(config.data) : undefined;
    if (data && expected !== undefined && shaOf(data.reference) !== expected) throw otherText(name);
    return this.#hold({ spec: config.spec, tokenizer, state, config, data, metrics }, opening, []);
  }

  async prepare({ text }: Calls["prepare"]["given"]): Promise<Calls["prepare"]["value"]> {
    const held = this.#require("prepare");
    held.data = datasetOfText(text, this.#text("prepare").tokenizer);
    held.going = undefined;
    const { train, validation } = held.data;
    return { trainBytes: train.bytes, validationBytes: validation.bytes };
  }

  async generate(
    { prompt, options: { exit, ...options } }: Calls["generate"]["given"],
    { signal, tell }: Doing<Written>,
  ): Promise<undefined> {
    const { model, tokenizer } = this.#text("generate");
    const { vocab, endOfText: stop } = tokenizer;
    const written = tokenizer.decodeStream();
    const ids = idsOf(tokenizer, prompt);
    const loops = loopsOf(exit, options, model);
    for await (const { logits, ...token } of generate(model, ids, {
      ...options,
      ...loops,
      vocab,
      stop,
      signal,
    })) {
      const text = token.token === stop ? "" : written.push(token.token);
      const probability = softmaxOf(Float64Array.from(logits))[token.token] ?? 0;
      await tell({ ...token, text, probability });
    }
    return undefined;
  }

  async logits({ prompt }: Calls["logits"]["given"], doing: Doing<never>): Promise<Float32Array[]> {
    const { model, tokenizer } = this.#text("logits");
    const ids = idsOf(tokenizer, prompt);
    const budgets = Array.from({ length: model.spec.loops }, (_, index) => index + 1);
    return await logitsOf(model, { ids, budgets, vocab: tokenizer.vocab, from: ids.length - 1 }, doing);
  }

  async lens(request: Calls["lens"]["given"]): Promise<Calls["lens"]["value"]> {
    const { model, tokenizer } = this.#text("lens");
    return await lensOf(model, tokenizer, request);
  }

  async answers(
    { tokens, budgets }: Calls["answers"]["given"],
    doing: Doing<never>,
  ): Promise<Float32Array[]> {
    const held = this.#require("answers");
    const { vocab } = held.spec;
    return await logitsOf(modelOf(held), { ids: tokens, budgets, vocab, from: 0 }, doing);
  }

  async train(
    { text, training, until = Number.POSITIVE_INFINITY }: Calls["train"]["given"],
    { signal, tell }: Doing<StepEvent>,
  ): Promise<number> {
    const held = this.#require("train");
    if (held.task && text !== undefined) throw otherModel("train with a text");
    const going = goingOf(held, text, training);
    while (!signal.aborted && held.state.step < until) {
      const { done, value: event } = await going.events.next();
      if (done) break;
      if (event.type !== "step") continue;
      held.config = going.config;
      const { type: _, ...record } = event;
      held.metrics += `${JSON.stringify(record)}\n`;
      await tell(event);
    }
    held.config = going.config;
    signal.throwIfAborted();
    return held.state.step;
  }

  async quality(
    request: Calls["quality"]["given"],
    { signal, tell }: Doing<BudgetPoint | AnswerPoint>,
  ): Promise<undefined> {
    for await (const point of qualityOf(this.#require("quality"), request, { signal })) await tell(point);
    return undefined;
  }

  async files(): Promise<ReadonlyMap<string, Uint8Array>> {
    return runFiles(this.#require("files"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.web.runtime[Symbol.asyncDispose]();
    this.#held = undefined;
  }

  async #hold(
    model: Pick<Held, "spec" | "tokenizer" | "state" | "config"> & Partial<Pick<Held, "data" | "metrics">>,
    opening: Promise<WebRuntime>,
    warnings: readonly string[],
  ): Promise<Loaded> {
    await this[Symbol.asyncDispose]();
    const task = taskOf(model.config);
    const web = await opening;
    const held: Held = { data: undefined, metrics: "", going: undefined, ...model, task, web };
    this.#held = held;
    return loadedOf(held, warnings);
  }

  #require(call: CallName): Held {
    if (!this.#held) throw nothingLoaded(call);
    return this.#held;
  }

  #text(call: CallName): { readonly model: Model; readonly tokenizer: Tokenizer } {
    const held = this.#require(call);
    if (!held.tokenizer) throw otherModel(call);
    return { model: modelOf(held), tokenizer: held.tokenizer };
  }
}

/** Opens while the model is fetched; where that fails, nobody waits for it. */
function opened(host: WebRuntimeOptions): Promise<WebRuntime> {
  const opening = openWebRuntime(host);
  opening.catch(() => undefined);
  return opening;
}

const shaOf = (data: DataReference | null) => (data && "sha256" in data ? data.sha256 : undefined);

const modelOf = ({ spec, state, web }: Held): Model => ({
  spec,
  weights: usedWeights(state),
  runtime: web.runtime,
});

function loadedOf(
  { spec, tokenizer, task, state, config, data, metrics, web }: Held,
  warnings: readonly string[],
): Loaded {
  return {
    spec,
    tokenizer: tokenizer && { kind: tokenizer.kind, vocab: tokenizer.vocab },
    ...(task ? { task: { name: task.name, variant: task.variant } } : {}),
    ...(config.kind === "imported" ? {} : { training: config.training }),
    ...(data ? { textBytes: data.train.bytes + data.validation.bytes } : {}),
    ...(metrics === "" ? {} : { metrics }),
    step: state.step,
    runtime: web.runtime.name,
    provider: web.provider,
    ...(web.reason === undefined ? {} : { reason: web.reason }),
    warnings: web.reason === undefined ? warnings : [...warnings, web.reason],
  };
}

/** What a request says to fetching, without what it leaves open. */
function fetchOptions(
  { cache = true, ...request }: Omit<LoadRequest, "url" | "isTask">,
  { signal, tell }: Doing<FetchProgress>,
) {
  const onProgress = (progress: FetchProgress) => void tell(progress);
  return { ...request, signal, onProgress, ...(cache ? {} : { cache: false as const }) };
}

/** The loops of a text: a budget, or a rule that runs as many loops at most. Throws EXIT. */
function loopsOf(exit: string | undefined, { loops }: WriteOptions, { spec }: Model) {
  if (exit === undefined) return {};
  return { loops: exitRule(exit, typeof loops === "number" ? loops : spec.loops) };
}

interface Asked {
  readonly ids: ArrayLike<number>;
  readonly budgets: Calls["answers"]["given"]["budgets"];
  readonly vocab: number;
  /** The first position whose prediction is wanted. */
  readonly from: number;
}

/** The logits of a text's tokens at each budget, one after the other. */
async function logitsOf(model: Model, { ids, budgets, vocab, from }: Asked, { signal, tell }: Doing<never>) {
  await using decoder = new Decoder(model);
  const all: Float32Array[] = [];
  for (const loops of budgets) {
    signal.throwIfAborted();
    const rows = new Float32Array((ids.length - from) * vocab);
    await readTexts(decoder, [ids], { loops, vocab, from: [from] }, ({ position, logits }) =>
      rows.set(logits, (position - from) * vocab),
    );
    all.push(rows);
    await tell(undefined as never);
  }
  return all;
}

function idsOf(tokenizer: Tokenizer, prompt: string): Uint32Array {
  const ids = tokenizer.encode(prompt);
  if (ids.length === 0) throw emptyPrompt();
  return ids;
}
