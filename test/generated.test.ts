import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as z from "zod";
import { generatedFiles } from "../scripts/generate.ts";
import { fieldsOf, markdownTable } from "../scripts/schema-tables.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = generatedFiles();

test.each([...files.keys()])("%s is what `npm run generate` writes", (path) => {
  expect(readFileSync(join(root, path), "utf8")).toBe(files.get(path));
});

test("the README shows what loops are for", () => {
  const svg = files.get("docs/results/depth/overview.svg") ?? "";
  expect(readFileSync(join(root, "README.md"), "utf8")).toContain("](docs/results/depth/overview.svg)");
  for (const name of ["loopformer", "gpt"]) expect(svg.split(`>${name}</text>`)).toHaveLength(2);
});

test("the figure on text has six series at most, each in its own colour and with its own name", () => {
  const svg = files.get("docs/results/overview.svg") ?? "";
  expect(readFileSync(join(root, "docs/results/README.md"), "utf8")).toContain("](overview.svg)");
  const [drawing = ""] = /<\/style>[\s\S]*/.exec(svg) ?? [];
  const colors = new Set(
    [...drawing.matchAll(/fill="(#[0-9a-f]{6})" stroke="#ffffff"/g)].map(([, color]) => color),
  );
  expect(colors.size).toBe(6);
  for (const name of ["gpt-shallow", "gpt-deep", "base-loop", "base-loop-ee-naive", "tmlt-ee", "loopformer"])
    expect(svg.split(`>${name}</text>`)).toHaveLength(2);
});

test("a schema's fields: bounds, words, defaults, and what is nested", () => {
  const schema = z.strictObject({
    steps: z.int().positive().max(9).describe("how often"),
    rate: z.number().positive().default(0.5).describe("how fast"),
    inner: z.strictObject({ isOn: z.boolean().default(false).describe("whether") }),
    shape: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("round") }).describe("has no corner"),
        z.strictObject({ kind: z.literal("square"), side: z.int().min(0).describe("its length") }),
      ])
      .default({ kind: "round" })
      .describe("what it looks like"),
    way: z.enum(["left", "right"]).describe("where to"),
  });
  expect(markdownTable(fieldsOf(schema))).toMatchInlineSnapshot(`
    "| field | values | default | meaning |
    | --- | --- | --- | --- |
    | \`steps\` | whole, from 1 to 9 | | how often |
    | \`rate\` | above 0 | \`0.5\` | how fast |
    | \`inner.isOn\` | true, false | \`false\` | whether |
    | \`shape.kind\` | \`round\`, \`square\` | \`round\` | what it looks like; round: has no corner |
    | \`shape.side\` | whole, from 0 | | square: its length |
    | \`way\` | \`left\`, \`right\` | | where to |"
  `);
});
