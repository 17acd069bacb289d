import { describe, expect, it } from "vitest";
import { Session } from "../../../gyre/src/web/session.ts";
import { requestOf, trainingOf, usualChoice } from "../../src/train/choice.ts";
import { type Trainee, TrainingSession, type TrainView, type TrainWorker } from "../../src/train/session.ts";

const choice = {
  ...usualChoice,
  data: { kind: "task", task: "parity" } as const,
  width: 16,
  loops: 2,
  steps: 6,
};
const quiet = { signal: new AbortController().signal, tell: async () => undefined };

/** The worker's own session, called without a worker. */
async function workerOf(): Promise<{ worker: TrainWorker; trainee: Trainee }> {
  const session = new Session();
  const { spec, task } = await session.create({ ...requestOf(choice), threads: 1 });
  const events = async function* (call: (tell: (event: never) => Promise<void>) => Promise<unknown>) {
    const all: never[] = [];
    await call(async (event) => void all.push(event));
    yield* all;
  };
  const worker = {
    train: (
      text: undefined,
      { signal = quiet.signal, until, ...training }: { signal?: AbortSignal; until?: number },
    ) => events((tell) => session.train({ text, training, until }, { signal, tell: tell as never })),
    quality: (request: { budgets: number[] }) =>
      events((tell) => session.quality(request, { ...quiet, tell: tell as never })),
    files: () => session.files(),
  };
  const trainee = { spec, task, training: trainingOf(choice), step: 0, metrics: "" };
  return { worker: worker as never, trainee };
}

describe("a training session", () => {
  it("trains, looks at every depth, keeps the run, and ends", async () => {
    const { worker, trainee } = await workerOf();
    const phases: string[] = [];
    const kept: number[] = [];
    const session = new TrainingSession(worker, trainee, {
      onChange: ({ phase }: TrainView) => void (phases.at(-1) === phase || phases.push(phase)),
      keep: async (files) => void kept.push(files.size),
      measureEvery: 3,
    });
    expect(session.view.phase).toBe("ready");
    await session.goOn();
    expect(phases).toEqual(["running", "done"]);
    expect(session.view.losses.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(session.view.quality.map(({ step, points }) => [step, points.length])).toEqual([
      [0, 2],
      [3, 2],
      [6, 2],
    ]);
    expect(kept).toHaveLength(2);
    expect(session.view.kept).toEqual({ step: 6 });
  });

  it("says that storage is full, and goes on", async () => {
    const { worker, trainee } = await workerOf();
    const keep = () => Promise.reject(new DOMException("no room", "QuotaExceededError"));
    const session = new TrainingSession(worker, trainee, { onChange: () => undefined, keep });
    await session.goOn();
    expect(session.view.phase).toBe("done");
    expect(session.view.kept).toEqual({ problem: expect.stringMatching(/storage is full.*Download it/) });
  });

  it("fails in plain words, and may be tried again", async () => {
    const { worker, trainee } = await workerOf();
    const broken = { ...trainee, training: { ...trainee.training, batch: -1 } };
    const session = new TrainingSession(worker, broken, { onChange: () => undefined });
    await session.goOn();
    expect(session.view).toMatchObject({
      phase: "failed",
      problem: { title: expect.stringMatching(/batch/) },
    });
  });
});
