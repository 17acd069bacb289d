import { beforeAll, describe, expect, test } from "vitest";
import { memorySplit } from "../../../src/data/windows.ts";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import type { Value } from "../../../src/graph/types.ts";
import { evaluate } from "../../../src/measure/evaluate.ts";
import { analyze, textsOfProblems } from "../../../src/measure/states/analyze.ts";
import { forward } from "../../../src/models/assembly.ts";
import { presets } from "../../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../../src/models/spec.ts";
import { analysisSchema } from "../../../src/report/states.ts";
import { interpreterRuntime } from "../../../src/runtime/interpreter.ts";
import { rng } from "../../../src/util/rng.ts";
import type { Tensor } from "../../../src/util/tensor.ts";
import { changed, randomWeights, tinySize, valuesOf } from "../../models/tiny.ts";

const runtime = interpreterRuntime();
const random = rng(5);
const text = Uint16Array.from({ length: 40 }, () => random.below(11));
const split = memorySplit(text);
const size = { ...tinySize, layers: 1, loops: 2 };

/** Weights with which every block returns what it read. */
function still(spec: Spec) {
  const zero = /attention\.output\.weight|mlp\.down\.weight/;
  return new Map(
    [...randomWeights(spec, 3)].map(([name, { data, shape }]) => {
      return [name, { data: zero.test(name) ? new Float32Array(data.length) : data, shape }] as const;
    }),
  );
}

describe("a model whose loops do nothing", () => {
  const spec = presets.baseLoop(size);
  let found: Awaited<ReturnType<typeof analyze>>;
  beforeAll(async () => {
    found = await analyze({ spec, weights: still(spec), runtime }, split, { tokens: 10 });
  });

  test("is looked into at full depth and twice as deep, in whole texts", () => {
    expect(found.runs.map(({ loops }) => loops)).toEqual([2, 4]);
    expect(found).toMatchObject({ fullDepth: 2, judged: 4, texts: 2, tokens: 12 });
    expect(found.runs[1]!.steps.map(({ loops }) => loops)).toEqual([0, 1, 2, 3, 4]);
  });

  test("changes no state: CKA 1, every prediction the last one's, the identity's eigenvalue and norm", () => {
    for (const { steps, cka, stability } of found.runs) {
      for (const { change, angle, lens } of steps.slice(1)) {
        expect(change).toEqual({ low: 0, median: 0, high: 0 });
        expect(angle!.high).toBeLessThan(1e-7);
        expect(lens).toMatchObject({ kl: { high: 0 }, rank: { low: 1, high: 1 }, agreement: 1 });
      }
      for (const value of cka.flat()) expect(value).toBeCloseTo(1, 12);
      expect(stability.radius).toBeCloseTo(1, 12);
      expect(stability.directionalRadius).toBeCloseTo(1, 12);
      expect(stability.norm).toBeCloseTo(1, 12);
      expect(stability).toMatchObject({ isExact: true, texts: 2 });
    }
  });

  test("loses nothing by more loops; its states have settled and its radius is marginal", () => {
    for (const { worse, stderr } of found.dial) expect([worse, stderr]).toEqual([0, 0]);
    expect(found.verdict).toMatchObject({
      tendency: "marginal",
      fromChanges: "settling",
      fromRadius: "marginal",
      safeLoops: 4,
      isLimited: false,
    });
  });
});

describe.each([
  ["loopformer", presets.loopformer(size), [2, 3], 2],
  ["tmlt", presets.tmlt(size), [3], 3],
  [
    "a start from zeros",
    parseSpec(changed(presets.baseLoop(size), { inject: "add", start: "zeros" })),
    [3],
    3,
  ],
] as const)("%s", (_, spec, loops, judged) => {
  const weights = randomWeights(spec, 4);

  test("is measured as its report's schema says, and JSON keeps it", async () => {
    const found = await analyze({ spec, weights, runtime }, split, { loops, tokens: 6, traced: 2 });
    expect(analysisSchema.parse(JSON.parse(JSON.stringify(found)))).toEqual(found);
    expect(found.judged).toBe(judged);
    expect(found.runs[0]!.tokens.map(({ text }) => text)).toEqual([...text.slice(0, 2)].map(String));
    for (const { steps, cka, tokens } of found.runs) {
      expect(cka).toHaveLength(steps.length);
      for (const { loops: trace } of tokens) expect(trace).toHaveLength(steps.length);
    }
  });

  test("each depth costs what an evaluation of the same text says, and the last loop's lens the same", async () => {
    const first = memorySplit(text.slice(0, 7));
    const { dial, runs } = await analyze({ spec, weights, runtime }, first, { loops, tokens: 6 });
    const budgets = dial.map((point) => point.loops);
    const points = [];
    for await (const one of evaluate({ spec, weights, runtime, split: first, byteLength: () => 1, budgets }))
      points.push(one);
    for (const [index, { loss }] of points.entries()) expect(dial[index]!.loss).toBeCloseTo(loss, 5);
    for (const run of runs) expect(run.steps.at(-1)!.lens!.loss).toBeCloseTo(dial[run.loops - 1]!.loss, 6);
  });
});

test("the change that it reports is that of states from the assembly", async () => {
  const spec = presets.baseLoop(size);
  const weights = randomWeights(spec, 4);
  const { runs } = await analyze({ spec, weights, runtime }, split, { loops: [2], tokens: 6, traced: 6 });
  const builder = new GraphBuilder();
  const states: Record<string, Value> = {};
  forward(builder, spec, {
    batch: 1,
    tokens: 6,
    loops: 2,
    onState: (state, loop) => {
      states[loop] = state;
    },
  });
  const tokens: Tensor = { data: Int32Array.from(text.slice(0, 6)), shape: [1, 6] };
  const values = valuesOf(builder.graph(states), [["tokens", tokens], ...weights]);
  const row = (loop: number, token: number) => values.get(String(loop))!.slice(8 * token, 8 * token + 8);
  for (const [at, token] of runs[0]!.tokens.entries()) {
    const [before, now] = [row(1, at), row(2, at)];
    const moved = Math.hypot(...now.map((value, d) => value - before[d]!)) / Math.hypot(...before);
    expect(token.loops[2]!.change).toBeCloseTo(moved, 10);
  }
});

describe("refuses", () => {
  const spec = presets.baseLoop(size);
  const model = { spec, weights: still(spec), runtime };
  const gpt = { ...model, spec: presets.gpt({ ...size, loops: 1 }) };
  test.each([
    ["one loop only", model, { loops: [1] }, /EVAL_OPTION: loops 1/],
    ["no loops at all", model, { loops: [] }, /EVAL_OPTION: loops none/],
    ["a model that does not loop", gpt, {}, /EVAL_OPTION: loops 1,2/],
    ["no tokens", model, { tokens: 0 }, /EVAL_OPTION: tokens 0/],
    ["half a loop", model, { loops: [2.5] }, /LOOPS/],
  ])("%s", async (_, of, options, message) => {
    await expect(analyze(of, split, options)).rejects.toThrow(message);
  });

  test("a text of two tokens", async () => {
    const short = memorySplit(text.slice(0, 3));
    await expect(analyze(model, short)).rejects.toThrow(/EVAL_OPTION: split of 3 tokens/);
  });

  test("to go on when told to stop", async () => {
    await expect(analyze(model, split, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});

describe("problems of a task", () => {
  const spec = presets.baseLoop(size);
  const weights = randomWeights(spec, 4);
  const tokens = [...text.slice(0, 6)];
  const targets = [...text.slice(1, 7)];

  test("count where they are scored: two halves of a text's losses make up the whole", async () => {
    const half = (rest: number) => targets.map((target, at) => (at % 2 === rest ? target : -1));
    const lossOf = async (scored: number[]) => {
      const { dial, runs } = await analyze({ spec, weights, runtime }, [{ tokens, targets: scored }], {
        loops: [2],
      });
      expect(runs[0]!.steps.at(-1)!.lens!.loss).toBeCloseTo(dial[1]!.loss, 6);
      return dial[1]!.loss;
    };
    const [even, odd] = [await lossOf(half(0)), await lossOf(half(1))];
    expect((even + odd) / 2).toBeCloseTo(await lossOf(targets), 10);
    expect(even).not.toBeCloseTo(odd, 3);
  });

  test("are texts of their commonest length, and as many as it takes", () => {
    const problem = (length: number) => ({ tokens: tokens.slice(0, length), targets, difficulty: length });
    const all = [problem(3), problem(4), problem(4), problem(4)];
    expect(textsOfProblems(all, 5)).toEqual([all[1], all[2]]);
    expect(textsOfProblems(all)).toHaveLength(3);
    expect(() => textsOfProblems([])).toThrow(expect.objectContaining({ code: "EVAL_OPTION" }));
  });
});
