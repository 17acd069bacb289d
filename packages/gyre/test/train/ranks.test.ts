import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { learnableTokens } from "../../../../scripts/golden-case.ts";
import { presets } from "../../src/models/presets.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { checksumOf } from "../../src/util/checksum.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { tinySize } from "../models/tiny.ts";
import { localRanks } from "../ranks/local.ts";
import { copyOf, options, stepsOf, trained } from "./helpers.ts";

const spec = presets.loopformer({ ...tinySize, loops: 4 });
const data = learnableTokens(400, tinySize.vocab);
const elastic = { kind: "elastic" } as const;
/** One for each rank, as processes of their own have. */
let runtimes: readonly OnnxRuntime[];
beforeAll(async () => {
  runtimes = await Promise.all(Array.from({ length: 4 }, () => openOnnxRuntime({ threads: 1 })));
});
afterAll(() => Promise.all(runtimes.map((runtime) => runtime[Symbol.asyncDispose]())));
const runtimeOf = (rank: number) => runtimes[rank] as OnnxRuntime;

const onRanks = (size: number, run: (rank: number) => Partial<Parameters<typeof trained>[0]>) =>
  Promise.all(
    localRanks(size).map((ranks) => {
      const training = options(spec, { steps: 4, microBatches: 4, objective: elastic });
      return trained({ spec, training, runtime: runtimeOf(ranks.rank), data, ranks, ...run(ranks.rank) });
    }),
  );

describe("ranks", () => {
  test("take other micro-batches of the same steps as one process, for 200 steps: the curves agree to float32", async () => {
    const training = options(spec, { steps: 200, microBatches: 2, warmupSteps: 20, objective: elastic });
    const one = await trained({ spec, training, runtime: runtimeOf(0), data });
    const all = await onRanks(2, () => ({ training }));
    const [first = [], second = []] = all.map(({ events }) => stepsOf(events));
    for (const [index, step] of first.entries()) {
      const alone = stepsOf(one.events)[index];
      expect(Math.abs(step.loss - (alone?.loss ?? 0)), `step ${step.step}`).toBeLessThan(1e-5);
      expect(step.noted).toEqual(alone?.noted);
      expect([step.tokens, step.flops]).toEqual([alone?.tokens, alone?.flops]);
      expect({ ...second[index], elapsedMs: 0 }).toEqual({ ...step, elapsedMs: 0 });
    }
    expect(first).toHaveLength(200);
    expect(new Set(all.map(({ state }) => checksumOf(state.weights))).size).toBe(1);
  });

  test("repeat bit for bit, and go on from a saved state with another number of ranks", async () => {
    const weightsAfter = async () =>
      (await onRanks(2, () => ({})))[0]?.state as ReturnType<typeof initialState>;
    const [once, twice] = [await weightsAfter(), await weightsAfter()];
    expect(checksumOf(twice.weights)).toBe(checksumOf(once.weights));
    const training = options(spec, { steps: 6, microBatches: 4, objective: elastic });
    const going = await onRanks(4, () => ({ training, state: copyOf(once) }));
    expect(going.map(({ state }) => state.step)).toEqual([6, 6, 6, 6]);
  });

  test("all stop after the step in which one was asked to, and rank 0 saves", async () => {
    const stop = new AbortController();
    const saved: number[] = [];
    const all = await onRanks(2, (rank) =>
      rank === 0
        ? {
            save: async ({ step }) => {
              saved.push(step);
              if (step === 2) stop.abort();
            },
            checkpointEvery: 2,
          }
        : { signal: stop.signal, checkpointEvery: 3 },
    );
    expect(all.map(({ events }) => events.at(-1))).toEqual(
      Array(2).fill({ type: "end", step: 2, reason: "stopped" }),
    );
    expect(saved).toEqual([2]);
  });

  test("a number of ranks that does not divide the micro-batches is refused, with those that do", async () => {
    const error = await rejectionOf(onRanks(3, () => ({})));
    expect(error).toMatchObject({ code: "RANKS_UNEVEN" });
    expect(error.message).toMatch(
      /4 micro-batches a step, and 3 ranks[\s\S]*1, 2, 4 ranks[\s\S]*--micro-batches 6/,
    );
  });

  test("other weights on a rank stop all, at the start or before the next checkpoint", async () => {
    const ends = await Promise.allSettled(
      localRanks(2).map((ranks) => {
        const state = initialState(spec, 1);
        if (ranks.rank === 1) state.weights.values().next().value?.data.fill(0.5, 0, 1);
        const training = options(spec, { microBatches: 2 });
        return trained({ spec, training, runtime: runtimeOf(ranks.rank), data, ranks, state });
      }),
    );
    for (const end of ends)
      expect(end).toMatchObject({ status: "rejected", reason: { code: "RANKS_DIFFER" } });
    const [steps, faulty] = [30, initialState(spec, 1)];
    const late = await Promise.allSettled(
      localRanks(2).map((ranks) => {
        const training = options(spec, { microBatches: 2, steps });
        const state = ranks.rank === 1 ? faulty : initialState(spec, 1);
        const save = async () => void faulty.weights.values().next().value?.data.fill(0.5, 0, 1);
        return trained({
          spec,
          training,
          runtime: runtimeOf(ranks.rank),
          data,
          ranks,
          state,
          checkpointEvery: 5,
          ...(ranks.rank ? {} : { save }),
        });
      }),
    );
    for (const end of late)
      expect(end).toMatchObject({
        status: "rejected",
        reason: { message: expect.stringMatching(/the weights after step 10: rank 1 with other/) },
      });
  });
});
