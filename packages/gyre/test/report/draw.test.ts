import { describe, expect, it } from "vitest";
import { budgetsPage } from "../../src/report/budgets-page.ts";
import { type Chart, panelsOf } from "../../src/report/chart.ts";
import { drawChart } from "../../src/report/draw.ts";
import { pageOf } from "../../src/report/files.ts";
import { darkInk, darkPalette, escapeXml, fitText, ink, palette, wrapText } from "../../src/report/svg.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { colorDistance, contrast, visions } from "./color.ts";
import { barsOf, collisionsOf, elementsOf, linesOf, markersOf, textsOf } from "./drawing.ts";
import { answerExits, answers, drafts, exits, lab, model, point, report, trajectories } from "./reports.ts";

const budgets = [1, 2, 4, 8].map((loops) => point(loops, 4.2 - 0.2 * Math.log2(loops)));
const withErrors = (stderr: number) => budgets.map((one) => ({ ...one, stderr }));
const drawn = (of: Parameters<typeof pageOf>[0]) =>
  pageOf(of).charts.map((chart) => elementsOf(drawChart(chart)));
const first = (of: Parameters<typeof pageOf>[0]) => drawn(of)[0] ?? [];

describe("a chart of budgets", () => {
  it("draws a line a model of several budgets, a marker a point, and each name once, at its end", () => {
    const worse = budgets.map((one) => ({ ...one, bitsPerByte: one.bitsPerByte + 0.1 }));
    const gpt = model("gpt", [point(1, 3.9)], { trainedLoops: 1 });
    const all = first(report([model("looped", budgets), model("tmlt", worse), gpt]));
    expect(linesOf(all).map(({ attributes }) => attributes["d"]?.match(/[ML]/g)?.join(""))).toEqual([
      "MLLL",
      "MLLL",
    ]);
    expect(new Set(linesOf(all).map(({ attributes }) => attributes["stroke"])).size).toBe(2);
    // beside the points, the two names in the column have theirs
    expect(markersOf(all)).toHaveLength(9 + 2);
    for (const name of ["looped", "tmlt", "gpt"])
      expect(textsOf(all).filter((text) => text === name)).toHaveLength(1);
    expect(textsOf(all)).toContain("sotu, validation split · 65,536 tokens · context 256 · stride 128");
    // the loops of models that cost the same are said once
    expect(textsOf(all).filter((text) => text === "8")).toHaveLength(1);
  });

  it("puts better points lower and dearer ones further right", () => {
    const path = linesOf(first(report([model("a", budgets)])))[0]?.attributes["d"] ?? "";
    const dots = [...path.matchAll(/([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    expect(dots).toHaveLength(4);
    expect(dots).toEqual(dots.toSorted((a, b) => a[0] - b[0]));
    expect(dots).toEqual(dots.toSorted((a, b) => a[1] - b[1]));
  });

  it("draws what lies beyond the loops of training hollow, and says so", () => {
    const all = first(report([model("a", budgets, { trainedLoops: 2 })]));
    expect(markersOf(all).filter(({ attributes }) => attributes["fill"] === ink.background)).toHaveLength(2);
    expect(textsOf(all).join()).toContain("hollow: more loops than in training");
  });

  it("draws error bars that no label covers, and says where they are too short to be seen", () => {
    const all = first(report([model("a", withErrors(0.2))]));
    expect(barsOf(all)).toHaveLength(4);
    expect(textsOf(all).join()).toContain("bars: ± one standard error");
    expect(collisionsOf(all)).toEqual([]);
    const short = textsOf(first(report([model("a", withErrors(0.0001))]))).join();
    expect(short).toContain("standard errors are smaller than the markers");
  });

  it("leaves room for the names, and cuts none that fits", () => {
    const names = [
      "a",
      "coarse, 2 loops",
      "loopformer-uniform",
      "least-squares-features",
      "gpt-with-a-rather-long-name-1",
    ];
    const ends = names.map((name) => {
      const all = first(report([model(name, budgets), model("b", budgets.slice(1))]));
      expect(textsOf(all)).toContain(name);
      const grid = all.find(({ tag, attributes }) => tag === "line" && attributes["stroke"] === ink.grid);
      return Number(grid?.attributes["x2"]);
    });
    expect(ends).toEqual(ends.toSorted((a, b) => b - a));
    expect(ends[0]).toBeGreaterThan(ends.at(-1)!);
  });

  it("does not magnify a fall that is noise", () => {
    const flat = [0, 0.001, 0.002, 0.0015].map((gain, index) =>
      point(index + 1, 3 - gain, { stderr: 0.004 }),
    );
    const path = linesOf(first(report([model("a", flat)])))[0]?.attributes["d"] ?? "";
    const heights = [...path.matchAll(/[\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
    // of 360 pixels: a twentieth of the loss fills the axis, not a fifteen-hundredth
    expect(Math.max(...heights) - Math.min(...heights)).toBeLessThan(10);
  });

  it("escapes names and fits a single point", () => {
    const svg = drawChart(
      panelsOf(budgetsPage(report([model('a <b> & "c" \u0007', [point(1, 3)])])).charts[0]!)[0]!,
    );
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(textsOf(elementsOf(svg))).toContain('a <b> & "c" \ufffd');
    expect(linesOf(elementsOf(svg))).toHaveLength(0);
  });
});

describe("panels", () => {
  const many = Array.from({ length: 14 }, (_, index) =>
    model(
      `model-with-a-long-name ${index}`,
      budgets.map((one) => ({ ...one, bitsPerByte: one.bitsPerByte + index / 50 })),
    ),
  );

  it("hold six colours at most, on the same axes, with the others in grey", () => {
    const panels = drawn(report(many));
    expect(panels).toHaveLength(3);
    const ticks = panels.map((all) => textsOf(all).filter((text) => /^\d\.\d+$/.test(text)));
    expect(ticks[0]).toEqual(ticks[1]);
    for (const [index, all] of panels.entries()) {
      const own = linesOf(all).filter(({ attributes }) => attributes["stroke"] !== ink.faint);
      expect(own).toHaveLength([6, 6, 2][index] ?? 0);
      expect(new Set(own.map(({ attributes }) => attributes["stroke"])).size).toBe(own.length);
      expect(linesOf(all)).toHaveLength(14);
      expect(collisionsOf(all)).toEqual([]);
      expect(textsOf(all)[0]).toMatch(new RegExp(`\\(${index + 1} of 3\\)$`));
    }
  });

  it("keep series of one group together", () => {
    const { charts } = pageOf(exits());
    expect(
      charts.map(({ series }) => series.filter(({ isUnnamed }) => !isUnnamed).map(({ name }) => name)),
    ).toEqual([
      ["fixed loops", "change", "kl", "entropy", "margin"],
      ["fixed loops", "probability", "second difference", "other"],
    ]);
  });
});

describe("every kind", () => {
  it.each([
    ["trajectories", trajectories(8, 4)],
    ["exits", exits()],
    ["drafts", drafts()],
    ["answers", answers()],
    ["answer-exits", answerExits()],
    ["lab", lab()],
  ] as const)("%s: is well-formed, without collisions", (_, of) => {
    for (const all of drawn(of)) {
      expect(collisionsOf(all)).toEqual([]);
      expect(JSON.stringify(all)).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it("names the best and the uniform trajectory among all, best to worst", () => {
    const all = first(trajectories(8, 4));
    const dots = all.filter(({ attributes }) => attributes["r"] === "2.6");
    expect(dots).toHaveLength(34);
    const xs = dots.map(({ attributes }) => Number(attributes["cx"]));
    expect(xs).toEqual(xs.toSorted((a, b) => a - b));
    expect(textsOf(all)).toEqual(expect.arrayContaining(["best (5 1 1 1)/8", "uniform", "4 loops · 35"]));
  });

  it("shades what lies below a floor, and marks guides", () => {
    const guides: Chart["guides"] = [
      { at: 0.02, text: "float64", kind: "floor" },
      { at: 1, text: "claimed", kind: "line" },
    ];
    const all = first(lab({ guides }));
    const floor = all.find(({ attributes }) => attributes["fill"] === ink.floor);
    const bottom = Number(floor?.attributes["y"]) + Number(floor?.attributes["height"]);
    const axis = all.find(({ tag, attributes }) => tag === "line" && attributes["stroke"] === ink.axis);
    expect(Number(floor?.attributes["height"])).toBeGreaterThan(10);
    expect(bottom).toBeLessThanOrEqual(Math.max(Number(axis?.attributes["y1"]), bottom));
    expect(textsOf(all)).toEqual(expect.arrayContaining(["float64", "claimed"]));
  });

  it("ticks whole numbers with whole numbers, and says what the edges stand for", () => {
    const all = first(lab({ y: { title: "error", kind: "log", least: 0.1 } }));
    const below = textsOf(all).filter((text) => /^\d+(\.\d+)?$/.test(text));
    expect(below).toEqual(expect.arrayContaining(["0", "2", "10"]));
    expect(below).not.toContain("2.5");
    expect(textsOf(all).join()).toContain("at the bottom: 0.1 or less");
  });

  it("needs a point that can be drawn", () => {
    expect(errorOf(() => drawn(lab({ series: [{ name: "none", points: [{ x: 1, y: 0 }] }] }))).code).toBe(
      "EVAL_REPORT_EMPTY",
    );
  });
});

describe("colours", () => {
  it.each([
    ["light", palette, ink.background],
    ["dark", darkPalette, darkInk.background],
  ] as const)(
    "are apart on %s for every kind of colour blindness, and from the background",
    (_, colors, background) => {
      for (const color of colors) expect(contrast(color, background)).toBeGreaterThan(3);
      const distances = visions.flatMap((vision) =>
        colors.flatMap((a, index) => colors.slice(index + 1).map((b) => colorDistance(a, b, vision))),
      );
      expect(Math.min(...distances)).toBeGreaterThan(18);
    },
  );

  it("turn dark with the reader's", () => {
    const svg = drawChart(panelsOf(budgetsPage(report([model("a", budgets)])).charts[0]!)[0]!);
    expect(svg).toContain(`[fill="${ink.background}"]{fill:${darkInk.background}}`);
    expect(svg).toContain(`[stroke="${palette[0]}"]{stroke:${darkPalette[0]}}`);
  });
});

describe("texts", () => {
  it("are escaped, cut where they are too wide, and broken at spaces", () => {
    expect(escapeXml('<a b="c">&')).toBe("&lt;a b=&quot;c&quot;&gt;&amp;");
    expect(fitText("a long name of a model", 12, 60)).toMatch(/^a long n?…$|^a lo.*…$/);
    expect(fitText("short", 12, 60)).toBe("short");
    expect(wrapText("one two three four five six", 10, 120)).toEqual(["one two three", "four five six"]);
    expect(wrapText("", 10, 60)).toEqual([""]);
  });

  it("cut a word that is longer than its line, however long", () => {
    const word = "x".repeat(10_000);
    expect(wrapText(`a ${word} b`, 10, 60)).toEqual(["a", `${"x".repeat(8)}…`, "b"]);
    expect(wrapText(word, 10, 0)).toEqual(["…"]);
  });
});
