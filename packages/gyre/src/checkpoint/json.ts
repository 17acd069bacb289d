import { notJson } from "./errors.ts";

/** JSON text of a value; throws RUN_JSON, naming `what`, where JSON.stringify fails or gives nothing. */
export function jsonText(value: unknown, what: string, indent?: number): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, null, indent);
  } catch (cause) {
    throw notJson(what, cause);
  }
  if (text === undefined) throw notJson(what);
  return text;
}
