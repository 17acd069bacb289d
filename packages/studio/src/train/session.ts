import type { AnswerTrainingInput, Spec } from "gyre";
import type { Loaded, TaskRequest, WorkerModel } from "gyre/web";
import { type PlainProblem, plainProblem } from "../engine/plain-words.ts";

/** The part of a worker's client that training needs. */
export type TrainWorker = Pick<WorkerModel, "train" | "quality" | "files" | "generate">;

interface LossPoint {
  readonly step: number;
  /** In nats: of the full depth, and of the short run that was drawn. */
  readonly long: number;
  readonly short: number | undefined;
}

interface QualityPoint {
  readonly loops: number;
  /** Loss in nats of a text; share of right answers of a task. */
  readonly value: number;
}

/** How good every number of loops was after a step. */
interface QualityRow {
  readonly step: number;
  readonly points: readonly QualityPoint[];
}

type Phase = "ready" | "running" | "paused" | "done" | "failed";

/** Everything that the page shows of a training. */
export interface TrainView {
  readonly phase: Phase;
  readonly step: number;
  readonly steps: number;
  readonly losses: readonly LossPoint[];
  readonly quality: readonly QualityRow[];
  readonly stepsPerSecond: number | undefined;
  readonly problem: (PlainProblem & { readonly detail: string }) | undefined;
  /** Where the run is kept in this browser, or why it is not. */
  readonly kept: { readonly step: number } | { readonly problem: string } | undefined;
}

/** What a model is, as far as its training matters. */
export interface Trainee {
  readonly spec: Spec;
  readonly task: TaskRequest | undefined;
  readonly training: AnswerTrainingInput;
  readonly step: number;
  readonly metrics: string;
}

export interface SessionOptions {
  readonly onChange: (view: TrainView) => void;
  /** Keeps the files of the run; rejects where there is no room. */
  readonly keep?: (files: ReadonlyMap<string, Uint8Array>) => Promise<void>;
  /** Steps between two looks at every depth. */
  readonly measureEvery?: number;
  readonly now?: () => number;
}

/** Tokens that a look at a text's quality predicts: 16 windows. */
const MEASURED_TOKENS = 1024;
const MEASURED_PROBLEMS = 64;
/** The speed is that of so many steps. */
const SPEED_STEPS = 20;

/** One training on a worker: a loop of stretches of steps and looks at every depth, which may be paused between two steps. */
export class TrainingSession {
  readonly #worker: TrainWorker;
  readonly #trainee: Trainee;
  readonly #options: SessionOptions;
  #view: TrainView;
  #stop: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #times: number[] = [];

  constructor(worker: TrainWorker, trainee: Trainee, options: SessionOptions) {
    this.#worker = worker;
    this.#trainee = trainee;
    this.#options = options;
    const { steps = 1000 } = trainee.training;
    this.#view = {
      phase: trainee.step >= steps ? "done" : trainee.step > 0 ? "paused" : "ready",
      step: trainee.step,
      steps,
      losses: lossesOf(trainee.metrics),
      quality: [],
      stepsPerSecond: undefined,
      problem: undefined,
      kept: undefined,
    };
  }

  get view(): TrainView {
    return this.#view;
  }

  /** Begins, or goes on from where it was paused. */
  goOn(): Promise<void> {
    if (this.#view.phase === "running" || this.#view.phase === "done") return this.#loop;
    this.#stop = new AbortController();
    this.#times = [];
    this.#show({ phase: "running", problem: undefined });
    this.#loop = this.#run(this.#stop.signal).catch((error: unknown) => {
      if (this.#stop?.signal.aborted) return this.#show({ phase: "paused", stepsPerSecond: undefined });
      this.#show({ phase: "failed", problem: plainProblem(error), stepsPerSecond: undefined });
    });
    return this.#loop;
  }

  /** Stops after the step under way, keeps the run, and resolves when both are done. */
  async pause(): Promise<void> {
    this.#stop?.abort();
    await this.#loop;
    if (this.#view.phase === "paused") await this.#keep();
  }

  /** Measures every depth as the model is now. */
  async measure(signal?: AbortSignal): Promise<void> {
    const { spec, task } = this.#trainee;
    const budgets = Array.from({ length: spec.loops }, (_, index) => index + 1);
    const size = task ? { count: MEASURED_PROBLEMS } : { maxTokens: MEASURED_TOKENS };
    const points: QualityPoint[] = [];
    for await (const point of this.#worker.quality({ budgets, ...size, ...(signal ? { signal } : {}) }))
      points.push({ loops: point.loops, value: "accuracy" in point ? point.accuracy : point.loss });
    const { step, quality } = this.#view;
    this.#show({ quality: [...quality.filter((row) => row.step !== step), { step, points }] });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const every = this.#options.measureEvery ?? 50;
    if (this.#view.quality.length === 0) await this.measure(signal);
    while (this.#view.step < this.#view.steps) {
      const until = Math.min(this.#view.steps, every * (Math.floor(this.#view.step / every) + 1));
      const { training } = this.#trainee;
      for await (const event of this.#worker.train(undefined, { ...training, until, signal }))
        this.#hear(event.step, event.parts);
      await this.measure(signal);
      await this.#keep();
    }
    this.#show({ phase: "done" });
  }

  #hear(step: number, parts: Readonly<Record<string, number>>): void {
    const { now = () => performance.now() } = this.#options;
    this.#times = [...this.#times, now()].slice(-SPEED_STEPS - 1);
    const [first = 0] = this.#times;
    const elapsedMs = (this.#times.at(-1) ?? first) - first;
    const stepsPerSecond = elapsedMs > 0 ? (1000 * (this.#times.length - 1)) / elapsedMs : undefined;
    const point = { step, long: parts["long"] ?? Number.NaN, short: parts["short"] };
    this.#show({ step, losses: [...this.#view.losses, point], stepsPerSecond });
  }

  async #keep(): Promise<void> {
    const { keep } = this.#options;
    const files = await this.#worker.files();
    // the step that an abort found under way was done, and nobody heard of it
    const losses = lossesOf(new TextDecoder().decode(files.get("metrics.jsonl")));
    this.#show({ losses, step: losses.at(-1)?.step ?? this.#view.step });
    if (!keep) return;
    try {
      await keep(files);
      this.#show({ kept: { step: this.#view.step } });
    } catch (error) {
      const isFull = error instanceof Error && error.name === "QuotaExceededError";
      const problem = isFull
        ? "The browser's storage is full, so this run is not kept here. Download it to take it along."
        : `This run is not kept in the browser: ${error instanceof Error ? error.message : String(error)}`;
      this.#show({ kept: { problem } });
    }
  }

  #show(change: Partial<TrainView>): void {
    this.#view = { ...this.#view, ...change };
    this.#options.onChange(this.#view);
  }
}

/** What a loaded run is to its training; undefined where it was never trained with gyre, and cannot go on. */
export function traineeOf({ spec, task, training, step, metrics = "" }: Loaded): Trainee | undefined {
  return training && { spec, task, training, step, metrics };
}

/** The curve that the lines of a metrics.jsonl tell; damaged lines are left out. */
export function lossesOf(metrics: string): LossPoint[] {
  return metrics.split("\n").flatMap((line) => {
    try {
      const { step, parts } = JSON.parse(line) as { step: number; parts: Record<string, number> };
      const { long, short } = parts;
      return long === undefined ? [] : [{ step, long, short }];
    } catch {
      return [];
    }
  });
}
