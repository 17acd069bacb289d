import type * as z from "zod";
import { readBody } from "./body.ts";
import { disconnected, errorBody, internalFault, modelGone, queueFull, Refusal } from "./errors.ts";
import { guarded, type OnFault } from "./faults.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { RequestNote } from "./log.ts";
import { modelNamed, type NamedModel } from "./names.ts";
import { defaultLimits, type Limits } from "./options.ts";
import type { Plan, PlanLimits, ServedModel } from "./plan.ts";
import type { JobEnd } from "./protocol.ts";
import { choiceOf, collect, type Head, type Style, usageOf } from "./responses.ts";
import { type ChoiceEvent, runJobs } from "./run.ts";
import type { chatRequest, completionRequest } from "./schemas.ts";
import { eventStream } from "./sse.ts";

/** Where the server's numbers go. */
export interface Metrics {
  readonly contentType: string;
  /** Everything counted, in Prometheus's format. */
  text(): Promise<string>;
  /** An answer began, this long after its request. */
  answered(route: string, status: number, seconds: number): void;
  /** So many tokens were read and written. */
  wrote(model: string, promptTokens: number, ends: readonly JobEnd[]): void;
}

/** What a server answers for, and within which limits. */
export interface AnswersOptions {
  readonly models: readonly ServedModel[];
  readonly limits?: Partial<Limits>;
  readonly metrics?: Metrics;
  readonly lifecycle?: Lifecycle;
  readonly onFault?: OnFault;
}

/** One request for text that is being answered. */
interface Answer {
  readonly events: AsyncIterable<ChoiceEvent>;
  readonly planned: Plan;
  readonly style: Style;
  readonly head: Head;
  readonly note: RequestNote;
  readonly model: ServedModel;
}

/** Answers requests for text. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #limits: Limits;
  readonly #lifecycle: Lifecycle;
  readonly #guarded: (call: () => void) => void;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#lifecycle = options.lifecycle ?? new Lifecycle();
    this.#guarded = guarded(options.onFault);
  }

  /** Whether every model can write; neither which there are nor what is wrong, for it is told to anyone. */
  readiness(): Response {
    const { isDraining } = this.#lifecycle;
    const isReady = !isDraining && this.#options.models.every(({ engine }) => engine.failure === undefined);
    const status = isReady ? "ready" : isDraining ? "shutting down" : "unavailable";
    return Response.json({ status }, { status: isReady ? 200 : 503 });
  }

  refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#guarded(() => this.#options.onFault?.(error));
    return internalFault();
  }

  /** The request's body, which is no larger than allowed. Throws refusals. */
  read<Schema extends z.ZodObject>(request: Request, schema: Schema): Promise<z.infer<Schema>> {
    return readBody(request, schema, this.#limits.bodyBytes);
  }

  async answer<Schema extends typeof completionRequest | typeof chatRequest>(
    request: Request,
    note: RequestNote,
    schema: Schema,
    plan: (request: z.infer<Schema>, named: NamedModel, limits: PlanLimits) => Plan,
    style: Style,
  ): Promise<Response> {
    const body = await this.read(request, schema);
    if (request.signal.aborted) throw disconnected();
    const named = modelNamed(this.#options.models, body.model);
    const { model, name } = named;
    note.add({ model: name });
    const planned = plan(body, named, this.#limits);
    this.#checkRoom(model);
    const events = this.#lifecycle.track(request.signal, this.#limits.seconds, (signal) =>
      runJobs(model, planned.jobs, signal),
    );
    const head = { id: `${style.idPrefix}-${crypto.randomUUID()}`, created: now(), model: name };
    const answer = { events, planned, style, head, note, model };
    if (!body.stream) return this.#whole(answer);
    const chunks = this.#chunks(answer, body.stream_options?.include_usage ?? false);
    return eventStream(chunks, (error) => errorBody(this.refusalOf(error)));
  }

  #checkRoom({ id, engine, slots }: ServedModel): void {
    if (engine.failure !== undefined) throw modelGone(id);
    if (engine.pending >= slots + this.#limits.queue) throw queueFull(engine.pending);
  }

  /** Counts an answer that is whole. */
  #count({ model, planned, note }: Answer, ends: readonly JobEnd[]): void {
    note.addEnds(planned.promptTokens, ends);
    this.#guarded(() => this.#options.metrics?.wrote(model.id, planned.promptTokens, ends));
  }

  async #whole(answer: Answer): Promise<Response> {
    const { events, planned, style, head } = answer;
    const { choices, ends } = await collect(events, planned.jobs.length);
    this.#count(answer, ends);
    const hasLogprobs = planned.jobs[0]?.logprobs !== undefined;
    return Response.json(style.response(head, choices, usageOf(planned, ends), hasLogprobs));
  }

  async *#chunks(answer: Answer, includeUsage: boolean): AsyncGenerator<object, void> {
    const { events, planned, style, head, note } = answer;
    const hasLogprobs = planned.jobs[0]?.logprobs !== undefined;
    const seen = new Set<number>();
    const ends: JobEnd[] = [];
    let error: string | undefined = disconnected().code;
    try {
      for await (const event of events) {
        note.isStreamed = true;
        if (event.event.type === "end") ends[event.choice] = event.event;
        const chunk = style.chunk(head, choiceOf(event), hasLogprobs, !seen.has(event.choice));
        seen.add(event.choice);
        yield includeUsage ? { ...chunk, usage: null } : chunk;
      }
      this.#count(answer, ends);
      if (includeUsage) yield style.usageChunk(head, usageOf(planned, ends));
      error = undefined;
    } catch (cause) {
      error = this.refusalOf(cause).code;
      throw cause;
    } finally {
      if (error !== undefined) note.add({ error: error.toLowerCase() });
      if (note.isStreamed) note.end();
    }
  }
}

const now = () => Math.floor(Date.now() / 1000);
