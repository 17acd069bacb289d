import { describe, expect, it } from "vitest";
import { budgetFigure } from "../../src/report/budget-figure.ts";
import type { Report } from "../../src/report/report.ts";
import { linearTicks, logTicks, scaleFor, tickTexts } from "../../src/report/scale.ts";
import { reportFigure, scheduleFigure } from "../../src/report/schedule-figure.ts";
import { escapeXml, fitText } from "../../src/report/svg.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { model, point, report, schedules } from "./reports.ts";
import { descendants, parseXml, type XmlElement } from "./xml.ts";

const budgets = [1, 2, 4, 8].map((loops) => point(loops, 4.2 - 0.2 * Math.log2(loops)));
const parse = (svg: string): XmlElement[] => descendants(parseXml(svg));
const texts = (all: readonly XmlElement[]) => all.filter(({ tag }) => tag === "text").map(({ text }) => text);
const curves = (all: readonly XmlElement[]) =>
  all.filter(({ tag, attributes }) => tag === "path" && attributes["stroke-linejoin"] === "round");
const markers = (all: readonly XmlElement[]) =>
  all.filter(({ tag }) => tag === "circle" || tag === "polygon");

describe("budgetFigure", () => {
  it("draws one line a model that has several budgets, and a marker a point", () => {
    const all = parse(
      budgetFigure(
        report([
          model("looped", budgets),
          model(
            "tmlt",
            budgets.map((one) => ({ ...one, bitsPerByte: one.bitsPerByte + 0.1 })),
          ),
          model("gpt", [point(1, 3.9)], { trainedLoops: 1 }),
        ]),
      ),
    );
    expect(curves(all).map(({ attributes }) => attributes["d"]?.match(/[ML]/g)?.join(""))).toEqual([
      "MLLL",
      "MLLL",
    ]);
    expect(new Set(curves(all).map(({ attributes }) => attributes["stroke"])).size).toBe(2);
    expect(markers(all)).toHaveLength(9 + 3);
    expect(texts(all)).toEqual(expect.arrayContaining(["looped", "tmlt", "gpt", "2.7M parameters"]));
    expect(texts(all)).toContain("sotu, validation split · 65,536 tokens · context 256 · stride 128");
  });

  it("puts better points lower and dearer ones further right", () => {
    const path = curves(parse(budgetFigure(report([model("a", budgets)]))))[0]?.attributes["d"] ?? "";
    const dots = [...path.matchAll(/([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    expect(dots).toHaveLength(4);
    expect(dots).toEqual(dots.toSorted((a, b) => a[0] - b[0]));
    expect(dots).toEqual(dots.toSorted((a, b) => a[1] - b[1]));
  });

  it("draws what lies beyond the loops of training hollow, and says so", () => {
    const all = parse(budgetFigure(report([model("a", budgets, { trainedLoops: 2 })])));
    expect(markers(all).filter(({ attributes }) => attributes["fill"] === "#ffffff")).toHaveLength(2);
    expect(texts(all)).toContain("hollow: more loops than in training");
  });

  it("draws standard errors", () => {
    const plain = parse(budgetFigure(report([model("a", budgets)])));
    const all = parse(
      budgetFigure(
        report([
          model(
            "a",
            budgets.map((one) => ({ ...one, stderr: 0.05 })),
          ),
        ]),
      ),
    );
    const paths = (of: readonly XmlElement[]) => of.filter(({ tag }) => tag === "path").length;
    expect(paths(all) - paths(plain)).toBe(4);
  });

  it("escapes names, shows perplexity when asked, and fits a single point", () => {
    const name = 'a <b> & "c" \u0007';
    const svg = budgetFigure(report([model(name, [point(1, 3)])]), { metric: "perplexity" });
    const all = parse(svg);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(texts(all)).toContain('a <b> & "c" \ufffd');
    expect(texts(all)).toContain("perplexity (lower is better)");
    expect(curves(all)).toHaveLength(0);
  });

  it("grows with the legend", () => {
    const many = Array.from({ length: 14 }, (_, index) => model(`model ${index}`, budgets));
    const root = parseXml(budgetFigure(report(many)));
    const lowest = Math.max(...descendants(root).map(({ attributes }) => Number(attributes["y"] ?? 0)));
    expect(lowest).toBeLessThan(Number(root.attributes["height"]));
  });
});

describe("scheduleFigure", () => {
  const dots = (all: readonly XmlElement[]) => all.filter(({ attributes }) => attributes["r"] === "2.6");

  it("draws a dot a schedule and names the best and the uniform one", () => {
    const all = parse(scheduleFigure(schedules(8, 4)));
    expect(dots(all)).toHaveLength(34);
    expect(texts(all)).toEqual(expect.arrayContaining(["best (5 1 1 1)/8", "uniform", "4 loops · 35"]));
    expect(all.filter(({ attributes }) => attributes["stroke-dasharray"])).toHaveLength(1);
  });

  it("sorts the schedules of each number of loops in a column of its own", () => {
    const models = [4, 2].map((loops) => schedules(8, loops).models[0]);
    const points = models.flatMap((one) => one?.points ?? []);
    const all = parse(scheduleFigure(report([model("a", points)], "trajectories")));
    const xs = dots(all).map(({ attributes }) => Number(attributes["cx"]));
    expect(xs).toHaveLength(34 + 6);
    expect(texts(all)).toEqual(expect.arrayContaining(["2 loops · 7", "4 loops · 35"]));
    expect(Math.max(...xs.slice(0, 6))).toBeLessThan(Math.min(...xs.slice(6)));
    expect(xs.slice(6)).toEqual(xs.slice(6).toSorted((a, b) => a - b));
  });

  it("shows a uniform schedule off the grid, and a column of one schedule", () => {
    const odd = parse(scheduleFigure(schedules(4, 3)));
    expect(dots(odd)).toHaveLength(3);
    expect(texts(odd)).toContain("uniform");
    const svg = scheduleFigure(report([model("a", [point(1, 3)])], "trajectories"));
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(dots(parse(svg))).toHaveLength(0);
  });
});

describe("reportFigure", () => {
  it("draws the figure of the kind", () => {
    const budget = report([model("a", budgets)]);
    expect(reportFigure(budget)).toBe(budgetFigure(budget));
    expect(reportFigure(schedules(4, 2))).toBe(scheduleFigure(schedules(4, 2)));
  });

  it("refuses the other kind, and an empty report", () => {
    const draw: readonly (readonly [(of: Report) => string, Report])[] = [
      [budgetFigure, schedules(4, 2)],
      [scheduleFigure, report([model("a", budgets)])],
    ];
    for (const [figure, of] of draw) expect(errorOf(() => figure(of)).code).toBe("EVAL_REPORT_KIND");
    expect(errorOf(() => reportFigure(report([]))).message).toContain("EVAL_REPORT_EMPTY");
  });
});

describe("scales", () => {
  it("are linear within a factor of four, and logarithmic beyond it", () => {
    expect(scaleFor([2, 4], 0, 100).at(3)).toBeCloseTo(50, 10);
    expect(scaleFor([1, 100], 0, 100).at(10)).toBeCloseTo(50, 10);
    expect(scaleFor([3], 0, 100).at(3)).toBeCloseTo(50, 10);
  });

  it("have round ticks with equal decimals", () => {
    expect(linearTicks(0.93, 2.12)).toEqual([1, 1.25, 1.5, 1.75, 2]);
    expect(logTicks(900, 1.2e6)).toEqual([1000, 10_000, 100_000, 1_000_000]);
    expect(tickTexts([1, 1.25, 1.5])).toEqual(["1.00", "1.25", "1.50"]);
  });
});

describe("texts", () => {
  it("are escaped, and cut where they are too wide", () => {
    expect(escapeXml('<a b="c">&')).toBe("&lt;a b=&quot;c&quot;&gt;&amp;");
    expect(fitText("a long name of a model", 12, 60)).toMatch(/^a long n?…$|^a lo.*…$/);
    expect(fitText("short", 12, 60)).toBe("short");
  });
});
