import { describe, expect, test } from "vitest";
import { gpt, loopformer, tmlt } from "../../src/models/presets.ts";
import { depthOf, flopsByLoops } from "../../src/server/depth.ts";

const size = { vocab: 64, context: 16, width: 16, heads: 2, mlp: 32, layers: 2, loops: 4 };
const spec = loopformer(size);
const [one = 0, two = 0, three = 0, four = 0] = flopsByLoops(spec);

describe("the depth of a request", () => {
  test.each([
    [{}, 4],
    [{ loops: 2 }, 2],
    [{ loops: null, exit: null }, 4],
    [{ trajectory: [0.75, 0.25] }, [0.75, 0.25]],
    [{ max_flops_per_token: one }, 1],
    [{ max_flops_per_token: three - 1 }, 2],
    [{ max_flops_per_token: 10 * four }, 4],
  ])("of %j is %j", (fields, budget) => {
    expect(depthOf(fields, spec, 4)).toEqual({ budget });
  });

  test("may be bounded below full depth", () => {
    expect(depthOf({}, spec, 2)).toEqual({ budget: 2 });
    expect(depthOf({ max_flops_per_token: four }, spec, 2)).toEqual({ budget: 2 });
    expect(depthOf({ exit: "kl<0.1", loops: 2 }, spec, 2)).toEqual({ budget: 2, exit: "kl<0.1" });
    expect(() => depthOf({ loops: 3 }, spec, 2)).toThrow(/: 3 loops\n[\s\S]*at most 2/);
    expect(() => depthOf({ trajectory: [0.5, 0.25, 0.25] }, spec, 2)).toThrow(/at most 2/);
  });

  test("may go beyond it where the server lets it", () => {
    expect(depthOf({ loops: 6 }, spec, 8)).toEqual({ budget: 6 });
  });

  test("is what the model has", () => {
    expect(two).toBeGreaterThan(one);
    expect(() => depthOf({ trajectory: [0.5, 0.5] }, tmlt(size), 4)).toThrow(/TRAJECTORY/);
    expect(() => depthOf({ loops: 2 }, gpt({ ...size, loops: 1 }), 4)).toThrow(/LOOPS/);
  });
});
