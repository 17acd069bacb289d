import { numberText } from "./numbers.ts";
import type { Page } from "./page.ts";
import type { Claim, ReportOf } from "./report.ts";
import { type Column, tableOf, textTable } from "./table.ts";

const claimColumns: readonly Column<Claim>[] = [
  { title: "claim", align: "left", text: ({ text }) => text },
  { title: "measured", text: ({ measured }) => numberText(measured) },
  { title: "at most", text: ({ limit }) => numberText(limit) },
  { title: "", align: "left", text: ({ holds }) => (holds ? "holds" : "DOES NOT HOLD") },
];

/** The page of what the laboratory found: its charts, its claims and its table. */
export function labPage({ findings: { title, charts, claims, table, settings } }: ReportOf<"lab">): Page {
  return {
    title,
    charts,
    tables: [
      ...(claims.length > 0 ? [tableOf(claimColumns, claims)] : []),
      ...(table ? [textTable(table.head, table.rows)] : []),
    ],
    notes: [],
    sources: [{ name: "settings", text: JSON.stringify(settings), isCode: true }],
  };
}
