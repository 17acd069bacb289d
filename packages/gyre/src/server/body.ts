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
  checkLists(body);
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

/** Long lists of wrong things are slow to check one by one, and everybody waits. */
const LONGEST_LIST = 2 ** 14;

function checkLists(body: unknown): void {
  for (const [field, value] of Object.entries(body ?? {})) {
    if (!Array.isArray(value)) continue;
    const inner = value.slice(0, LONGEST_LIST).map((item) => item?.content ?? item);
    const lengths = inner.map((item) => (Array.isArray(item) ? item.length : 0));
    const total = lengths.reduce((sum, length) => sum + length, value.length);
    if (total > LONGEST_LIST)
      throw badField(field, `${field} with ${total} entries`, `at most ${LONGEST_LIST}`);
  }
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
