/** What every gyre error says: what was given, what was expected, and what to do about it. */
export interface ErrorDetail {
  readonly given: string;
  readonly expected: string;
  readonly fix: string;
}

/** The one error class of gyre. `code` is stable and meant for programs; the message is meant for people. */
export class GyreError extends Error {
  override readonly name = "GyreError";
  readonly code: string;
  readonly detail: ErrorDetail;

  constructor(code: string, detail: ErrorDetail, options?: { cause?: unknown }) {
    super(`${code}: ${detail.given}\n  expected: ${detail.expected}\n  fix: ${detail.fix}`, options);
    this.code = code;
    this.detail = detail;
  }
}

/** A text list of legal values for an error message: `"a", "b" or "c"`. */
export function listOf(values: readonly (string | number)[]): string {
  const quoted = values.map((value) => JSON.stringify(value));
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}
