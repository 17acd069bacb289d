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

export function unknownName(kind: string, given: string, legal: readonly string[]): GyreError {
  return new GyreError("LAB_NAME", {
    given: `the ${kind} ${JSON.stringify(given)}`,
    expected: listOf(legal),
    fix: "take one of these names; `gyre lab list` says what they are",
  });
}

/** The one of that name. Throws LAB_NAME, which lists the others. */
export function named<Item extends { readonly name: string }>(
  kind: string,
  all: readonly Item[],
  name: string,
): Item {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw unknownName(
    kind,
    name,
    all.map((one) => one.name),
  );
}

/** The message of whatever was thrown. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
