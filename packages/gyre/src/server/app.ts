import type { Context, Hono } from "hono";
import { parameterCount } from "../models/parameters.ts";
import { Answers, type AnswersOptions } from "./answers.ts";
import { flopsByLoops } from "./depth.ts";
import { docsPage } from "./docs-page.ts";
import { badHost, errorBody, foreignHost, noSuchPath, type Refusal, wrongKey } from "./errors.ts";
import { guarded } from "./faults.ts";
import { homePage } from "./home-page.ts";
import { hostName, ownHosts } from "./hosts.ts";
import { RequestNote, type RequestRecord } from "./log.ts";
import { listedNames, modelNamed, type NamedModel } from "./names.ts";
import { openApi } from "./openapi.ts";
import { loadHono } from "./packages.ts";
import { planChat, planCompletion, type ServedModel } from "./plan.ts";
import { chatStyle, completionStyle } from "./responses.ts";
import { chatRequest, completionRequest, detokenizeRequest, tokenizeRequest } from "./schemas.ts";
import { detokenize, tokenize, tokenizerInfoOf, tokenizingModel } from "./tokens.ts";

/** Who may call a server. */
export interface AppOptions extends AnswersOptions {
  /** Asked of every request to /v1, to the tokenizer and to /metrics. */
  readonly apiKey?: string;
  /** The names that requests may be sent to where no key is asked; localhost alone by default. */
  readonly isOwnHost?: (name: string) => boolean;
  /** The site whose pages may call; none by default. */
  readonly corsOrigin?: string;
  /** Told of every request once it has been answered. */
  readonly onRequest?: (record: RequestRecord) => void;
}

/** The server as a function from Request to Response. */
export interface App {
  /** Answers one request. */
  fetch(request: Request): Response | Promise<Response>;
}

/** What needs the key, where there is one. */
const lockedPaths = ["/v1/*", "/metrics", "/tokenizer_info", "/tokenize", "/detokenize"];

interface Environment {
  Variables: { note: RequestNote };
}

/** The server, which knows nothing of sockets here. Throws SERVE_PACKAGES. */
export async function createApp(options: AppOptions): Promise<App> {
  const { apiKey, corsOrigin, metrics, models, isOwnHost = ownHosts() } = options;
  const { Hono: Router, cors, routePath, timingSafeEqual } = await loadHono();
  const call = guarded(options.onFault);
  const answers = new Answers(options);
  const app = new Router<Environment>();
  app.use(async (context, next) => {
    const { method, path } = context.req;
    const note = new RequestNote({ method, path }, (record) => call(() => options.onRequest?.(record)));
    context.set("note", note);
    await next();
    note.status = context.res.status;
    call(() => metrics?.answered(routePath(context, -1), note.status, note.elapsedMs / 1000));
    if (!note.isStreamed) note.end();
  });
  app.use((context, next) => {
    checkHost(context.req.raw, apiKey === undefined ? isOwnHost : () => true);
    return next();
  });
  if (corsOrigin !== undefined) app.use(cors({ origin: corsOrigin }));
  if (apiKey !== undefined) {
    const isKey = (given: string) => timingSafeEqual(given, apiKey);
    for (const path of lockedPaths) app.use(path, (context, next) => checkKey(context, isKey, next));
  }
  app.get("/", () => homePage(apiKey === undefined ? models : undefined));
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", () => answers.readiness());
  app.get("/metrics", async (context) => {
    if (!metrics) throw noSuchPath("GET", "/metrics");
    return context.body(await metrics.text(), 200, { "content-type": metrics.contentType });
  });
  const document = openApi(apiKey !== undefined);
  app.get("/openapi.json", (context) => context.json(document));
  app.get("/docs", () => docsPage(document));
  addModels(app, options);
  addTokenizer(app, models, answers);
  app.post("/v1/completions", ({ req, var: { note } }) =>
    answers.answer(req.raw, note, completionRequest, planCompletion, completionStyle),
  );
  app.post("/v1/chat/completions", ({ req, var: { note } }) =>
    answers.answer(req.raw, note, chatRequest, planChat, chatStyle),
  );
  const refused = ({ var: { note } }: Context<Environment>, refusal: Refusal) => {
    note.add({ error: refusal.code.toLowerCase() });
    return refuse(refusal);
  };
  app.notFound((context) => refused(context, noSuchPath(context.req.method, context.req.path)));
  app.onError((error, context) => refused(context, answers.refusalOf(error)));
  return { fetch: (request) => app.fetch(request) };
}

function checkHost(request: Request, isOwn: (name: string) => boolean): void {
  const name = hostName(request.headers.get("host") ?? new URL(request.url).host);
  if (name === undefined) throw badHost();
  if (!isOwn(name)) throw foreignHost(name);
}

async function checkKey(
  context: Context,
  isKey: (given: string) => Promise<boolean>,
  next: () => Promise<void>,
): Promise<void> {
  const given = context.req.header("authorization");
  if (given === undefined) throw wrongKey("no API key");
  const [, token = ""] = /^Bearer (.*)$/i.exec(given) ?? [];
  if (!(await isKey(token))) throw wrongKey("a wrong API key");
  await next();
}

function refuse(refusal: Refusal): Response {
  const { status, retryAfterSeconds } = refusal;
  const headers: Record<string, string> = retryAfterSeconds
    ? { "retry-after": String(retryAfterSeconds) }
    : {};
  return Response.json(errorBody(refusal), { status, headers });
}

type Routes = Hono<Environment>;

function addModels(app: Routes, { models, limits }: AppOptions): void {
  const object = (name: string) => modelObject(modelNamed(models, name));
  const names = () => models.flatMap((model) => listedNames(model, limits?.loops));
  app.get("/v1/models", (context) => context.json({ object: "list", data: names().map(object) }));
  app.get("/v1/models/:name", (context) => context.json(object(context.req.param("name"))));
}

function modelObject({ model: { id, created, spec }, name }: NamedModel) {
  const { family, layers, loops, context } = spec;
  const gyre = {
    family,
    layers: layers.core,
    loops,
    context,
    ...(name === id ? {} : { depth: name.slice(id.length + 1) }),
    parameters: parameterCount(spec),
    flops_per_token: flopsByLoops(spec),
  };
  return { id: name, object: "model", created, owned_by: "gyre", gyre };
}

function addTokenizer(app: Routes, models: readonly ServedModel[], answers: Answers): void {
  app.get("/tokenizer_info", (context) =>
    context.json(tokenizerInfoOf(tokenizingModel(models, context.req.query("model")))),
  );
  app.post("/tokenize", async (context) => {
    const { model, prompt } = await answers.read(context.req.raw, tokenizeRequest);
    return context.json(tokenize(tokenizingModel(models, model), prompt));
  });
  app.post("/detokenize", async (context) => {
    const { model, tokens } = await answers.read(context.req.raw, detokenizeRequest);
    return context.json(detokenize(tokenizingModel(models, model), tokens));
  });
}
