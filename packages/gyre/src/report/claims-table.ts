import type { AnswerClaim } from "./answers.ts";
import { numberText } from "./numbers.ts";
import { type Table, textTable } from "./table.ts";

/** A row for each claim: the inequality, what was measured, and whether it holds. */
export function claimsTable(claims: readonly AnswerClaim[]): Table {
  const rows = claims.map(({ id, text, measured, is, limit }) => [
    id,
    text,
    measured === undefined ? "" : numberText(measured),
    `${is} ${numberText(limit)}`,
    outcomeOf({ measured, is, limit }),
  ]);
  return {
    title: "Claims",
    ...textTable(["", "what is claimed", "measured", "must be", "outcome"], rows, [0, 1, 3, 4]),
  };
}

/** Whether a claim holds. */
function outcomeOf({ measured, is, limit }: Pick<AnswerClaim, "measured" | "is" | "limit">): string {
  if (measured === undefined) return "not measured";
  return (is === "at least" ? measured >= limit : measured <= limit) ? "holds" : "FAILS";
}
