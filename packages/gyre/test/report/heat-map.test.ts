import { expect, test } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import { drawHeatMap, type HeatMap, heatOf } from "../../src/report/heat-map.ts";
import { darkInk, darkPalette, ink, palette } from "../../src/report/svg.ts";
import { contrast } from "./color.ts";
import { collisionsOf, elementsOf, textsOf } from "./drawing.ts";
import { answers } from "./reports.ts";

const map: HeatMap = {
  title: "words S3: right answers",
  subtitle: "per cent of 50 problems",
  rowTitle: "loops",
  columnTitle: "elements",
  columns: ["1", "2", "3"],
  panels: [
    {
      name: "a < b",
      detail: "52 parameters",
      rows: [
        { label: "1", shares: [1, 0.5, 0.17], solved: 1, isBeyond: false },
        { label: "2", shares: [1, 0.96, 0.2], solved: 2, isBeyond: false },
        { label: "4", shares: [1, 0.97, 0.95], solved: 3, isBeyond: true },
      ],
    },
  ],
  notes: ["orange: what is solved"],
};

test("a cell for each share with its number, darker for more, and the staircase behind what is solved", () => {
  const all = elementsOf(drawHeatMap(map));
  const cells = all.filter(({ attributes }) => attributes["fill-opacity"] !== undefined);
  expect(cells.map(({ attributes }) => Number(attributes["fill-opacity"]))).toEqual(
    [1, 0.5, 0.17, 1, 0.96, 0.2, 1, 0.97, 0.95].map((share) => Number((0.9 * share).toFixed(3))),
  );
  expect(textsOf(all).join(" ")).toBe(
    "words S3: right answers per cent of 50 problems a < b 52 parameters loops \\ elements 1 2 3 " +
      "1 2 4 100 50 17 100 96 20 100 97 95 orange: what is solved",
  );
  expect(all.find(({ tag }) => tag === "path")?.attributes["d"]).toMatchInlineSnapshot(
    `"M174.0 122V141L236.0 141V160L298.0 160V179"`,
  );
  expect(all.filter(({ tag }) => tag === "line")).toHaveLength(1);
  expect(collisionsOf(all.filter(({ attributes }) => attributes["font-size"]))).toEqual([]);
});

test("is drawn as it was", () => {
  expect(drawHeatMap({ ...map, columns: ["1"], panels: [] })).toMatchInlineSnapshot(`
    "<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 110" width="900" height="110" role="img" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" font-size="12">
    <title>words S3: right answers</title>
    <style>@media (prefers-color-scheme:dark){[fill="#ffffff"]{fill:#14181f}[stroke="#ffffff"]{stroke:#14181f}[fill="#dfe3e8"]{fill:#2b323d}[stroke="#dfe3e8"]{stroke:#2b323d}[fill="#e9ecf0"]{fill:#252b35}[stroke="#e9ecf0"]{stroke:#252b35}[fill="#f1f3f6"]{fill:#1c222b}[stroke="#f1f3f6"]{stroke:#1c222b}[fill="#ccd2da"]{fill:#4a5361}[stroke="#ccd2da"]{stroke:#4a5361}[fill="#8a93a0"]{fill:#7d8796}[stroke="#8a93a0"]{stroke:#7d8796}[fill="#1b2330"]{fill:#eef1f6}[stroke="#1b2330"]{stroke:#eef1f6}[fill="#5b6573"]{fill:#a3adbb}[stroke="#5b6573"]{stroke:#a3adbb}[fill="#22309a"]{fill:#5c7cff}[stroke="#22309a"]{stroke:#5c7cff}[fill="#dd6f1e"]{fill:#f8e14c}[stroke="#dd6f1e"]{stroke:#f8e14c}[fill="#00a28c"]{fill:#0fc48f}[stroke="#00a28c"]{stroke:#0fc48f}[fill="#826ed8"]{fill:#a77796}[stroke="#826ed8"]{stroke:#a77796}[fill="#a02c0c"]{fill:#ea5a28}[stroke="#a02c0c"]{stroke:#ea5a28}[fill="#555056"]{fill:#d5dbeb}[stroke="#555056"]{stroke:#d5dbeb}}</style>
    <rect x="0.5" y="0.5" width="899" height="109" rx="10" fill="#ffffff" stroke="#dfe3e8"/>
    <text x="28" y="38" fill="#1b2330" font-size="19" text-anchor="start" font-weight="650">words S3: right answers</text>
    <text x="28" y="61" fill="#5b6573" font-size="13" text-anchor="start">per cent of 50 problems</text>
    <text x="28" y="90" fill="#5b6573" font-size="11" text-anchor="start">orange: what is solved</text>
    </svg>
    "
  `);
});

test("every number can be read on its cell, on light and on dark pages", () => {
  const blend = (top: string, bottom: string, opacity: number) => {
    const part = (color: string, at: number) => Number.parseInt(color.slice(at, at + 2), 16);
    const mixed = [1, 3, 5].map((at) =>
      Math.round(opacity * part(top, at) + (1 - opacity) * part(bottom, at)),
    );
    return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  };
  for (let share = 0; share <= 1; share += 0.01) {
    const { opacity, text } = heatOf(share);
    const dark = text === ink.strong ? darkInk.strong : text;
    expect(contrast(blend(palette[0], ink.background, opacity), text)).toBeGreaterThan(3.3);
    expect(contrast(blend(darkPalette[0], darkInk.background, opacity), dark)).toBeGreaterThan(3.3);
  }
});

test("a report on answers has one, in a file of its own", () => {
  const report = answers();
  const { heatMap } = pageOf(report);
  // the fixture has more difficulties than columns
  const solved = heatMap?.panels.map(({ rows }) => rows.map((row) => [row.label, row.solved].join(" ")));
  expect(solved).toEqual([
    ["1 0", "2 1", "4 2"],
    ["1 0", "2 2", "4 3"],
  ]);
  expect(heatMap?.columns.length).toBeLessThan(26);
  const [model] = report.models;
  const point = { ...model!.points[0]!, loops: 2, trajectory: [0.75, 0.25] };
  const unlike = pageOf({ ...report, models: [{ ...model!, points: [point] }] }).heatMap;
  expect(unlike?.panels[0]?.rows[0]?.label).toBe("2 a");
  expect(unlike?.notes.at(-1)).toBe("a: steps 0.75 0.25");
  const files = reportFiles(report, "x");
  expect(files.get("x-heat.svg")).toContain("<title>words S3: right answers by elements and loops</title>");
  expect(files.get("x.md")).toContain("](x-heat.svg)");
});
