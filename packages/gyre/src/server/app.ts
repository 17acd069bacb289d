import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { routePath } from "hono/route";
import { timingSafeEqual } from "hono/utils/buffer";
import type * as z from "zod";
import { parameterCount } from "../models/parameters.ts";
import { readBody } from "./body.ts";
import { flopsByLoops } from "./depth.ts";
import { docsPage } from "./docs-page.ts";
import {
  disconnected,
  errorBody,
  internalFault,
  modelGone,
  noSuchModel,
  noSuchPath,
  queueFull,
  Refusal,
  wrongKey,
} from "./errors.ts";
import { Lifecycle } from "./lifecycle.ts";
import { openApi } from "./openapi.ts";
import { type Plan, type PlanLimits, planChat, planCompletion, type ServedModel } from "./plan.ts";
import type { JobEnd } from "./protocol.ts";
import {
  chatStyle,
  choiceOf,
  collect,
  completionStyle,
  type Head,
  type Style,
  usageOf,
} from "./responses.ts";
import { type ChoiceEvent, runJobs } from "./run.ts";
import { chatRequest, completionRequest } from "./schemas.ts";
import { eventStream } from "./sse.ts";

export interface Limits extends PlanLimits {
  readonly bodyBytes: number;
  /** Texts that may wait for a slot, per model. */
  readonly queue: number;
  /** Time for a request, queueing included. */
  readonly seconds: number;
}

export const defaultLimits: Limits = { bodyBytes: 2 ** 18, queue: 64, seconds: 300, choices: 16 };

/** Where the server's numbers go. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** An answer began, this long after its request. */
  answered(route: string, status: number, seconds: number): void;
  wrote(model: string, promptTokens: number, ends: readonly JobEnd[]): void;
}

export interface AppOptions {
  readonly models: readonly ServedModel[];
  readonly limits?: Partial<Limits>;
  /** Asked of every request to /v1 and /metrics. */
  readonly apiKey?: string;
  /** The site whose pages may call; none by default. */
  readonly corsOrigin?: string;
  readonly metrics?: Metrics;
  readonly lifecycle?: Lifecycle;
  /** Told of faults of the server itself. */
  readonly onFault?: (error: unknown) => void;
}

/** The server as a function from Request to Response; it knows nothing of sockets. */
export function createApp(options: AppOptions): Hono {
  const { apiKey, corsOrigin, metrics } = options;
  const answers = new Answers(options);
  const app = new Hono();
  app.use(async (context, next) => {
    const started = performance.now();
    await next();
    metrics?.answered(routePath(context, -1), context.res.status, (performance.now() - started) / 1000);
  });
  if (corsOrigin !== undefined) app.use(cors({ origin: corsOrigin }));
  if (apiKey !== undefined) {
    app.use("/v1/*", (context, next) => checkKey(context, apiKey, next));
    app.use("/metrics", (context, next) => checkKey(context, apiKey, next));
  }
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", () => answers.readiness());
  app.get("/metrics", async (context) => {
    if (!metrics) throw noSuchPath("GET", "/metrics");
    return context.body(await metrics.text(), 200, { "content-type": metrics.contentType });
  });
  const document = openApi(apiKey !== undefined);
  app.get("/openapi.json", (context) => context.json(document));
  app.get("/docs", (context) => context.html(docsPage(document)));
  app.get("/v1/models", (context) => context.json({ object: "list", data: options.models.map(modelObject) }));
  app.get("/v1/models/:id", (context) => context.json(modelObject(answers.model(context.req.param("id")))));
  app.post("/v1/completions", (context) =>
    answers.answer(context.req.raw, completionRequest, planCompletion, completionStyle),
  );
  app.post("/v1/chat/completions", (context) =>
    answers.answer(context.req.raw, chatRequest, planChat, chatStyle),
  );
  app.notFound(({ req }) => refuse(noSuchPath(req.method, req.path)));
  app.onError((error) => refuse(answers.refusalOf(error)));
  return app;
}

async function checkKey(context: Context, key: string, next: () => Promise<void>): Promise<void> {
  const given = context.req.header("authorization");
  if (given === undefined) throw wrongKey("no API key");
  const [, token = ""] = /^Bearer (.*)$/i.exec(given) ?? [];
  if (!(await timingSafeEqual(token, key))) throw wrongKey("a wrong API key");
  await next();
}

function refuse(refusal: Refusal): Response {
  const { status, retryAfterSeconds } = refusal;
  const headers: Record<string, string> = retryAfterSeconds
    ? { "retry-after": String(retryAfterSeconds) }
    : {};
  return Response.json(errorBody(refusal), { status, headers });
}

function modelObject({ id, created, spec }: ServedModel) {
  const { family, layers, loops, context } = spec;
  const gyre = {
    family,
    layers,
    loops,
    context,
    parameters: parameterCount(spec),
    flops_per_token: flopsByLoops(spec),
  };
  return { id, object: "model", created, owned_by: "gyre", gyre };
}

/** Answers requests for text. */
class Answers {
  readonly #options: AppOptions;
  readonly #limits: Limits;
  readonly #lifecycle: Lifecycle;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#lifecycle = options.lifecycle ?? new Lifecycle();
  }

  model(id: string): ServedModel {
    const { models } = this.#options;
    const found = models.find((model) => model.id === id);
    if (found) return found;
    const ids = models.map((model) => model.id);
    throw noSuchModel(id, ids);
  }

  readiness(): Response {
    const states = this.#options.models.map(({ id, engine }) => [id, engine.failure ?? "ready"] as const);
    const { isDraining } = this.#lifecycle;
    const isReady = !isDraining && states.every(([, state]) => state === "ready");
    const status = isReady ? "ready" : isDraining ? "shutting down" : "unavailable";
    return Response.json({ status, models: Object.fromEntries(states) }, { status: isReady ? 200 : 503 });
  }

  refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#options.onFault?.(error);
    return internalFault();
  }

  async answer<Schema extends typeof completionRequest | typeof chatRequest>(
    request: Request,
    schema: Schema,
    plan: (request: z.infer<Schema>, model: ServedModel, limits: PlanLimits) => Plan,
    style: Style,
  ): Promise<Response> {
    const body = await readBody(request, schema, this.#limits.bodyBytes);
    if (request.signal.aborted) throw disconnected();
    const model = this.model(body.model);
    const planned = plan(body, model, this.#limits);
    this.#checkRoom(model, planned.jobs.length);
    const events = this.#lifecycle.track(request.signal, this.#limits.seconds, (signal) =>
      runJobs(model, planned.jobs, signal),
    );
    const head = { id: `${style.idPrefix}-${crypto.randomUUID()}`, created: now(), model: model.id };
    if (!body.stream) return this.#whole(events, planned, style, head);
    const chunks = this.#chunks(events, planned, style, head, body.stream_options?.include_usage ?? false);
    return eventStream(chunks, (error) => errorBody(this.refusalOf(error)));
  }

  #checkRoom({ id, engine, slots }: ServedModel, jobs: number): void {
    if (engine.failure !== undefined) throw modelGone(id, engine.failure);
    if (engine.pending + jobs > slots + this.#limits.queue) throw queueFull(engine.pending);
  }

  async #whole(
    events: AsyncIterable<ChoiceEvent>,
    planned: Plan,
    style: Style,
    head: Head,
  ): Promise<Response> {
    const { jobs, promptTokens } = planned;
    const { choices, ends } = await collect(events, jobs.length);
    this.#options.metrics?.wrote(head.model, promptTokens, ends);
    const usage = usageOf(planned, ends);
    return Response.json(style.response(head, choices, usage, jobs[0]?.logprobs !== undefined));
  }

  async *#chunks(
    events: AsyncIterable<ChoiceEvent>,
    planned: Plan,
    style: Style,
    head: Head,
    includeUsage: boolean,
  ): AsyncGenerator<object, void> {
    const { jobs, promptTokens } = planned;
    const hasLogprobs = jobs[0]?.logprobs !== undefined;
    const seen = new Set<number>();
    const ends: JobEnd[] = [];
    for await (const event of events) {
      if (event.event.type === "end") ends[event.choice] = event.event;
      const chunk = style.chunk(head, choiceOf(event), hasLogprobs, !seen.has(event.choice));
      seen.add(event.choice);
      yield includeUsage ? { ...chunk, usage: null } : chunk;
    }
    this.#options.metrics?.wrote(head.model, promptTokens, ends);
    if (includeUsage) yield style.usageChunk(head, usageOf(planned, ends));
  }
}

const now = () => Math.floor(Date.now() / 1000);
