import { describe, expect, test } from "vitest";
import { memorySplit } from "../../src/data/windows.ts";
import { Decoder } from "../../src/decode/decoder.ts";
import { exitAtRandom, exitRule } from "../../src/decode/exits.ts";
import { softmaxOf } from "../../src/decode/sampling.ts";
import { exitStudy, PROMPT, readWithExits } from "../../src/measure/exit-quality.ts";
import type { Model } from "../../src/models/model.ts";
import { presets } from "../../src/models/presets.ts";
import { parseSpec } from "../../src/models/spec.ts";
import { drawChart } from "../../src/report/draw.ts";
import { pageOf } from "../../src/report/files.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { randomInts, randomWeights, tinySize } from "../models/tiny.ts";
import { elementsOf, linesOf } from "../report/drawing.ts";

const spec = presets.loopformer({ ...tinySize, context: 14 });
const model: Model = { spec, weights: randomWeights(spec, 9), runtime: interpreterRuntime() };
const decoder = new Decoder(model);
const windows = 3;
const { data: tokens } = randomInts([windows * spec.context], spec.vocab, 5);
const split = memorySplit(Uint16Array.from(tokens));
const options = { split, tokens: windows * (spec.context - PROMPT) };
const scored = windows * (spec.context - PROMPT - 1);

/** Mean loss of the scored positions, each window read in one call. */
async function lossAtOnce(loops: number): Promise<number> {
  const route = await decoder.route(loops);
  let loss = 0;
  for (let window = 0; window < windows; window++) {
    const text = [...split.read(window * spec.context, (window + 1) * spec.context)];
    const states = await decoder.append(decoder.start(), text, route);
    for (let at = PROMPT + 1; at < spec.context; at++) {
      const state = states.slice((at - 1) * spec.width, at * spec.width);
      const [logits] = await decoder.logits([state]);
      loss -= Math.log(softmaxOf(logits ?? [])[text[at] as number] as number);
    }
  }
  return loss / scored;
}

describe("reading a text with exits", () => {
  test.each([1, 2, 4])("at a fixed depth of %d loops is the model's own loss", async (loops) => {
    const point = await readWithExits(decoder, "fixed", loops, options);
    expect(point.loss).toBeCloseTo(await lossAtOnce(loops), 6);
    expect(point).toMatchObject({ tokens: scored, meanLoops: loops, passesPerToken: loops });
    expect(point.counts).toEqual([...new Array<number>(loops - 1).fill(0), scored]);
  });

  test("a rule that never fires costs nothing; one that always does runs one loop, or makes up for it", async () => {
    const full = await readWithExits(decoder, "full", 4, options);
    const never = await readWithExits(decoder, "never", exitRule("kl<0"), options);
    expect(never.loss).toBeCloseTo(full.loss, 9);
    const always = exitRule("probability>0");
    const shared = { ...options, cachePolicy: "share-last" as const };
    expect(await readWithExits(decoder, "always", always, shared)).toMatchObject({
      meanLoops: 1,
      passesPerToken: 1,
    });
  });

  test.each(["fixed", "change<0", "kl<0"])(
    "passes are of the core, without prelude and coda: %s",
    async (name) => {
      const around = parseSpec({ ...spec, layers: { prelude: 1, core: 2, coda: 1 } });
      const weights = randomWeights(around, 9);
      await using own = new Decoder({ spec: around, weights, runtime: interpreterRuntime() });
      const point = await readWithExits(own, name, name === "fixed" ? 3 : exitRule(name), options);
      const ran = name === "fixed" ? 3 : around.loops;
      expect(point).toMatchObject({ meanLoops: ran, passesPerToken: ran });
    },
  );

  test("recomputing is exact: a token at full depth after early ones sees what it would have seen", async () => {
    const sometimes = exitAtRandom([1, 1, 1, 1], 7);
    const point = await readWithExits(decoder, "random", sometimes, options);
    expect(point.meanLoops).toBeGreaterThan(1);
    expect(point.meanLoops).toBeLessThan(4);
    expect(point.passesPerToken).toBeGreaterThan(point.meanLoops);
    expect(point.passesPerToken).toBeLessThanOrEqual(4);
  });

  test("a study has every rule beside chance, and becomes a table and a figure", async () => {
    const series = [];
    for await (const one of exitStudy(decoder, options)) series.push(one);
    expect(series.map(({ name }) => name)).toEqual([
      ...["fixed loops", "fixed prefix", "change", "second difference"],
      ...["probability", "margin", "entropy", "kl"],
    ]);
    const { tables, charts } = pageOf({
      version: 2,
      kind: "exits",
      provenance: { command: "gyre exits runs/tiny", machine: "a machine", data: { name: "a text" } },
      model: { name: "tiny" },
      cachePolicy: "recompute",
      tokens: scored,
      series,
    });
    expect(tables[0]?.rows).toHaveLength(4 + 4 + 6 * 4);
    // two fixed depths and three of the six rules, each beside chance; the other rules in grey
    for (const chart of charts) expect(linesOf(elementsOf(drawChart(chart)))).toHaveLength(2 + 3 * 2 + 3);
    expect(charts).toHaveLength(2);
  });
});
