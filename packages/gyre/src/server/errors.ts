import { type ErrorDetail, GyreError, listOf, reasonOf } from "../util/errors.ts";

/** An error that a client is told of, with the HTTP status that says so. */
export class Refusal extends GyreError {
  readonly status: number;
  /** The field at fault. */
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    code: string,
    { param, retryAfterSeconds, ...detail }: ErrorDetail & { param?: string; retryAfterSeconds?: number },
  ) {
    super(code, detail);
    this.status = status;
    this.param = param;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The body of an error response, in OpenAI's shape. */
export function errorBody({ status, code, detail, param }: Refusal) {
  const { given, expected, fix } = detail;
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  const message = `${given}; expected ${expected}; ${fix}`;
  return { error: { message, type, param: param ?? null, code: code.toLowerCase() } };
}

type Said = readonly [given: string, expected: string, fix: string];

const refusal = (status: number, code: string, [given, expected, fix]: Said, param?: string): Refusal =>
  new Refusal(status, code, { given, expected, fix, ...(param === undefined ? {} : { param }) });

export const badField = (param: string, given: string, expected: string): Refusal =>
  refusal(400, "INVALID_VALUE", [given, expected, `correct ${param}`], param);

const MOST_NAMED = 8;

export function unknownFields(names: readonly string[]): Refusal {
  const shown = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name.slice(0, 60)));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  const given = `unknown or unsupported: ${shown.join(", ")}${more}`;
  const expected = "only fields that this server honours; /docs lists them";
  return refusal(400, "UNKNOWN_FIELD", [given, expected, "leave them out"], names[0]);
}

export function fieldsTogether([one, other]: readonly [string, string], expected: string): Refusal {
  const said = [`${one} with ${other}`, expected, `leave out ${one} or ${other}`] as const;
  return refusal(400, "CONTRADICTORY_FIELDS", said, one);
}

/** An error of the library that a field's value caused. */
export function fieldRefused(param: string, error: unknown): unknown {
  if (!(error instanceof GyreError)) return error;
  return new Refusal(400, error.code, { param, ...error.detail });
}

export function budgetTooSmall(given: number, cheapest: number): Refusal {
  const name = "max_flops_per_token";
  const expected = `at least ${cheapest}, which one loop costs`;
  return refusal(
    400,
    "BUDGET_TOO_SMALL",
    [`${name} ${given}`, expected, `ask for ${cheapest} or more`],
    name,
  );
}

export const promptTooLong = (param: string, given: string, most: number): Refusal =>
  refusal(400, "CONTEXT_LENGTH_EXCEEDED", [given, `at most ${most} tokens`, "shorten it"], param);

export const malformedJson = (reason: string): Refusal =>
  refusal(400, "MALFORMED_JSON", [`a body that is wrong (${reason})`, "a JSON object", "correct the body"]);

export function wrongContentType(given: string): Refusal {
  const fix = "send the header Content-Type: application/json";
  return refusal(415, "CONTENT_TYPE", [`content type ${given || "none"}`, "application/json", fix]);
}

export const bodyTooLarge = (most: number): Refusal =>
  refusal(413, "BODY_TOO_LARGE", ["a larger body", `at most ${most} bytes`, "send less"]);

export function wrongKey(given: string): Refusal {
  const fix = "pass the key that the server was started with";
  return refusal(401, "INVALID_API_KEY", [given, "the header Authorization: Bearer KEY", fix]);
}

export function noSuchModel(given: string, models: readonly string[]): Refusal {
  const name = `the model ${JSON.stringify(given.slice(0, 60))}`;
  return refusal(404, "MODEL_NOT_FOUND", [name, listOf(models), "name one that /v1/models lists"], "model");
}

export const badHost = (): Refusal =>
  refusal(400, "HOST", [
    "a Host header that names no host, or two",
    "one Host header",
    "send one, as HTTP asks",
  ]);

export function foreignHost(name: string): Refusal {
  const given = `a request to ${name.slice(0, 60)}, which is not this server's name`;
  const fix = "start the server with --host and this name too, or with a key";
  return refusal(403, "FOREIGN_HOST", [given, "localhost or a name that the server was given", fix]);
}

export function unclearDepth(given: string): Refusal {
  const expected = "loops (NAME@2), step sizes (NAME@0.5:0.25:0.25) or an exit rule (NAME@kl<0.01)";
  const said = [`the depth ${JSON.stringify(given.slice(0, 60))} in the model's name`, expected] as const;
  return refusal(400, "INVALID_VALUE", [...said, "correct it, or leave out the @"], "model");
}

export function modelNeeded(models: readonly string[]): Refusal {
  const given = "no model, where models have different tokenizers";
  return refusal(400, "MODEL_NEEDED", [given, listOf(models), "name one"], "model");
}

export const noSuchPath = (method: string, path: string): Refusal =>
  refusal(404, "NOT_FOUND", [`${method} ${path}`, "a path that /docs lists", "correct method or path"]);

export function queueFull(pending: number): Refusal {
  return new Refusal(429, "QUEUE_FULL", {
    given: `a request while ${pending} texts are being written or wait`,
    expected: "room in the queue",
    fix: "try again later",
    retryAfterSeconds: 1,
  });
}

export function tooLate(seconds: number): Refusal {
  const fix = "ask for fewer tokens or loops, or try when less is going on";
  return refusal(504, "TIME_LIMIT", [`a request that took ${seconds} s`, "an answer before that", fix]);
}

export function shuttingDown(): Refusal {
  return new Refusal(503, "SHUTTING_DOWN", {
    given: "a request while the server shuts down",
    expected: "one before that",
    fix: "try again when it is back",
    retryAfterSeconds: 5,
  });
}

/** Nobody reads it; 499 is what logs call it. */
export const disconnected = (): Refusal =>
  refusal(499, "DISCONNECTED", [
    "a connection that was closed",
    "one that stays open",
    "wait for the answer",
  ]);

export function modelGone(model: string): Refusal {
  return new Refusal(503, "MODEL_UNAVAILABLE", {
    given: `the model ${model}, whose worker has ended`,
    expected: "a worker that runs",
    fix: "try again in some seconds: it is being restarted",
    param: "model",
    retryAfterSeconds: 5,
  });
}

export function jobFailed(model: string, reason: string): Refusal {
  const given = `a text of ${model} that failed (${reason})`;
  return refusal(500, "GENERATION_FAILED", [given, "no failure", "report it; the server keeps running"]);
}

export const internalFault = (): Refusal =>
  refusal(500, "INTERNAL", ["a fault of the server", "none", "report it; its log says more"]);

export function workerDied(path: string, when: "starting" | "working", reason: string): GyreError {
  return new GyreError("SERVE_WORKER", {
    given: `the worker for ${path}, which ended while ${when} (${reason})`,
    expected:
      when === "starting" ? "a worker that loads the model" : "a worker that keeps running; it is restarted",
    fix: "see whether gyre generate works with this run, and whether there is memory enough",
  });
}

export function runReplaced(path: string): GyreError {
  return new GyreError("SERVE_REPLACED", {
    given: `${path}, where another model or tokenizer is by now`,
    expected: "the one that the server was started with",
    fix: "restart the server",
  });
}

export function missingPackages(cause: unknown): GyreError {
  return new GyreError(
    "SERVE_PACKAGES",
    {
      given: `gyre/server without a package that it needs (${reasonOf(cause).split("\n")[0]})`,
      expected: "hono, @hono/node-server and prom-client installed beside gyre (they are optional peers)",
      fix: "npm install hono @hono/node-server prom-client",
    },
    { cause },
  );
}

export function sameModelName(name: string, paths: readonly [string, string]): GyreError {
  return new GyreError("SERVE_MODELS", {
    given: `${paths[0]} and ${paths[1]}, which would both be the model "${name}"`,
    expected: "folders with different names: the name is the model's id",
    fix: "rename one of them, or serve it on a port of its own",
  });
}

export function cannotListen(where: string, cause: unknown): GyreError {
  return new GyreError(
    "SERVE_LISTEN",
    {
      given: `${where}: ${reasonOf(cause)}`,
      expected: "a host and a port that are free",
      fix: "choose another --port or --host, or end what listens there",
    },
    { cause },
  );
}
