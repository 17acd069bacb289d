import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lossCurves, qualityOf } from "../../src/runs/reports.ts";

it("the committed report on the shuffle model has a curve over loops", () => {
  const json = readFileSync(new URL("../../../../models/shuffle/report.json", import.meta.url), "utf8");
  const quality = qualityOf(json);
  expect(quality?.y).toBe("percent right");
  expect(quality?.curves[0]?.points).toHaveLength(16);
  expect(quality?.curves[0]?.points[7]?.[1]).toBeCloseTo(94.8, 1);
});

it("a card has the curve of its quality", () => {
  const json = readFileSync(new URL("../../../../models/addition/card/card.json", import.meta.url), "utf8");
  const quality = qualityOf(json);
  expect(quality?.y).toBe("percent right");
  expect(quality?.curves.map(({ name, points }) => [name, points.length])).toEqual([["addition", 12]]);
});

it("what has no curve has none", async () => {
  expect(qualityOf("no JSON")).toBeUndefined();
  expect(qualityOf('{"kind": "lab", "models": []}')).toBeUndefined();
  expect(qualityOf('{"kind": "card"}')).toBeUndefined();
  const read = async (url: string) => {
    if (url.startsWith("runs/none")) throw new Error("no such file");
    return '{"step": 1, "parts": {"long": 2.5}}\n{"step": 2, "par';
  };
  const runs = ["a", "none"].map((name) => ({ name, url: `runs/${name}/` }));
  expect(await lossCurves(runs, read)).toEqual([
    { name: "a", points: [[1, 2.5]] },
    { name: "none", points: [] },
  ]);
});
