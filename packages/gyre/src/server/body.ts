import type * as z from "zod";
import { expectedOf, shown } from "../util/issues.ts";
import {
  badField,
  bodyTooLarge,
  disconnected,
  malformedJson,
  type Refusal,
  unknownFields,
  wrongContentType,
} from "./errors.ts";

/** The request's body as the schema describes it. Throws refusals (400, 413, 415) that name the field. */
export async function readBody<Schema extends z.ZodObject>(
  request: Request,
  schema: Schema,
  mostBytes: number,
): Promise<z.infer<Schema>> {
  // Also keeps other sites' pages out: a browser asks first before it sends this type.
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) throw wrongContentType(type);
  const body = parseJson(await readBytes(request, mostBytes));
  checkSizes(body);
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw refusalOf(parsed.error.issues, schema, body);
  return parsed.data;
}

async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > most) throw bodyTooLarge(most);
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read().catch(cutOff)) ?? { done: true };
    if (done) break;
    length += value.length;
    if (length > most) throw bodyTooLarge(most);
    parts.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function cutOff(): never {
  throw disconnected();
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformedJson(error instanceof Error ? error.message : String(error));
  }
}

/** Lists of tokens may be long; long lists of other things are slow to check one by one, and everybody waits. */
const MOST_TOKENS = 2 ** 17;
const LONGEST_LIST = 2 ** 12;
const MOST_FIELDS = 512;

function checkSizes(body: unknown): void {
  checkFields("the body", body);
  for (const [field, value] of Object.entries(body ?? {})) {
    if (!Array.isArray(value)) {
      checkFields(field, value);
      continue;
    }
    const entries = value.flatMap((item: unknown) => contentOf(item));
    const isTokens = value.length <= LONGEST_LIST || !Array.isArray(value[0]);
    const most = isTokens && entries.every(isToken) ? MOST_TOKENS : LONGEST_LIST;
    if (entries.length > most)
      throw badField(field, `${field} with ${entries.length} entries`, `at most ${most} of this kind`);
  }
}

function checkFields(name: string, value: unknown): void {
  const { length } = typeof value === "object" ? Object.keys(value ?? {}) : [];
  if (length > MOST_FIELDS) throw badField(name, `${name} with ${length} fields`, `at most ${MOST_FIELDS}`);
}

const isToken = (entry: unknown): boolean => Number.isSafeInteger(entry) && (entry as number) >= 0;

/** What may be long in an entry: a prompt's tokens, or the parts of a message. */
function contentOf(item: unknown): unknown {
  const { content = item } = (item ?? {}) as { content?: unknown };
  return content;
}

function refusalOf(issues: readonly z.core.$ZodIssue[], schema: z.ZodObject, body: unknown): Refusal {
  const unknown = issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown) return unknownFields(unknown.keys.map((key) => [...unknown.path, key].join(".")));
  const [issue] = issues as [z.core.$ZodIssue];
  const value = valueAt(body, issue.path);
  if (issue.path.length === 0) return malformedJson(`it is ${shown(value)}`);
  const field = issue.path.join(".");
  const isPlain = value === null || ["number", "boolean", "string"].includes(typeof value);
  const given = value === undefined ? "(missing)" : isPlain ? shown(value) : `(${shown(value)})`;
  const { description } = schema.shape[String(issue.path[0])] as z.ZodType;
  const isVague = issue.code === "invalid_union" && issue.path.length === 1 && description !== undefined;
  return badField(field, `${field} ${given}`, isVague ? description : expectedOf(issue));
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], body);
}
