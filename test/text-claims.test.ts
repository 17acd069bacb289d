import { expect, test } from "vitest";
import { textClaims, textReport } from "../scripts/text-claims.ts";

test("the claims on text are those of the numbers beside them, and all held-out mails were asked", () => {
  const report = textReport();
  expect(report.claims).toEqual(textClaims(report));
  expect(report.problems).toBe(767);
  expect(report.models.map(({ name }) => name)).toEqual(["algoformer", "gpt-deep", "gpt-shallow", "looped"]);
  expect(report.provenance.commit).toMatch(/^[0-9a-f]{7,}$/);
});
