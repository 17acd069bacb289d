import * as z from "zod";
import {
  chatChunk,
  chatRequest,
  chatResponse,
  completionRequest,
  completionResponse,
  detokenizeRequest,
  detokenizeResponse,
  errorResponse,
  modelList,
  modelObject,
  tokenizeRequest,
  tokenizeResponse,
  tokenizerInfo,
} from "./schemas.ts";

const schemas = {
  CompletionRequest: completionRequest,
  CompletionResponse: completionResponse,
  ChatRequest: chatRequest,
  ChatResponse: chatResponse,
  ChatChunk: chatChunk,
  TokenizeRequest: tokenizeRequest,
  TokenizeResponse: tokenizeResponse,
  DetokenizeRequest: detokenizeRequest,
  DetokenizeResponse: detokenizeResponse,
  TokenizerInfo: tokenizerInfo,
  Model: modelObject,
  ModelList: modelList,
  Error: errorResponse,
};
type SchemaName = keyof typeof schemas;

const statuses: Readonly<Record<number, string>> = {
  400: "A field is wrong, unknown or too much; `param` names it",
  401: "The API key is missing or wrong",
  403: "The Host header names another server, and no key is asked for",
  404: "No such model or path",
  413: "The body is too large",
  415: "The body is not application/json",
  429: "The queue is full; Retry-After says when to try again",
  500: "A fault of the server",
  503: "The model is not there any more, or the server shuts down",
  504: "The time limit is over",
};

const ref = (name: SchemaName) => ({ schema: { $ref: `#/components/schemas/${name}` } });
const json = (name: SchemaName) => ({ "application/json": ref(name) });

const answer = (description: string, content: object = {}) => ({ description, content });

const errors = (...of: readonly number[]) =>
  Object.fromEntries(of.map((status) => [status, answer(statuses[status] as string, json("Error"))]));

const posts = (summary: string, request: SchemaName, responses: object) => ({
  post: { summary, requestBody: { required: true, content: json(request) }, responses },
});

/** A POST that writes text: its request, its answer, and the events of its stream. */
const writes = (summary: string, request: SchemaName, response: SchemaName, event: SchemaName) =>
  posts(summary, request, {
    200: answer("The text; with `stream`, server-sent events with `[DONE]` last", {
      ...json(response),
      "text/event-stream": ref(event),
    }),
    ...errors(...Object.keys(statuses).map(Number)),
  });

/** A POST that only looks things up. */
const turns = (summary: string, request: SchemaName, response: SchemaName) =>
  posts(summary, request, {
    200: answer("What came of it", json(response)),
    ...errors(400, 401, 403, 404, 413, 415),
  });

const reads = (summary: string, responses: object) => ({ get: { summary, responses } });

/** The OpenAPI 3.1 document, made of the schemas that requests are checked with. */
export function openApi(hasKey: boolean) {
  const model = { name: "id", in: "path", required: true, schema: { type: "string" } };
  return {
    openapi: "3.1.0",
    info: { title: "gyre serve", version: "1", description: "OpenAI's API for looped transformers." },
    paths: {
      "/v1/completions": writes(
        "Continue a text",
        "CompletionRequest",
        "CompletionResponse",
        "CompletionResponse",
      ),
      "/v1/chat/completions": writes("Continue a chat", "ChatRequest", "ChatResponse", "ChatChunk"),
      "/v1/models": reads("The models, alone and at each number of loops", {
        200: answer("All of them", json("ModelList")),
      }),
      "/v1/models/{id}": {
        parameters: [model],
        ...reads("One model", {
          200: answer("The model", json("Model")),
          404: answer("No such model", json("Error")),
        }),
      },
      "/tokenizer_info": reads("What the tokenizer is; `?model=` names a model", {
        200: answer("Its special tokens", json("TokenizerInfo")),
        400: answer("Models have different tokenizers: name one", json("Error")),
      }),
      "/tokenize": turns("The tokens of a text", "TokenizeRequest", "TokenizeResponse"),
      "/detokenize": turns("The text of tokens", "DetokenizeRequest", "DetokenizeResponse"),
      "/": reads("What this server is, for people", { 200: answer("A page") }),
      "/healthz": reads("Whether the process answers", { 200: answer("It does") }),
      "/readyz": reads("Whether every model can write", { 200: answer("Yes"), 503: answer("No") }),
      "/metrics": reads("Numbers for Prometheus", { 200: answer("Prometheus text format") }),
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => {
          const { $schema: _, ...body } = z.toJSONSchema(schema, { io: "input" });
          return [name, body];
        }),
      ),
      ...(hasKey ? { securitySchemes: { key: { type: "http", scheme: "bearer" } } } : {}),
    },
    ...(hasKey ? { security: [{ key: [] }] } : {}),
  };
}

export type OpenApi = ReturnType<typeof openApi>;
