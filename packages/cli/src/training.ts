import { availableParallelism } from "node:os";
import { isDeepStrictEqual } from "node:util";
import {
  counted,
  groupedText,
  initialState,
  keptSteps,
  mostKeptSteps,
  parameterCount,
  siText,
  startFrom,
  type TrainingNeeds,
  type TrainState,
  type Weights,
} from "gyre";
import {
  type Device,
  type HeldRun,
  holdRun,
  machineMemory,
  mostThreads,
  type PlannedRun,
  type PromptsConfig,
  type TaskConfig,
  type TextConfig,
  threadCount,
} from "gyre/node";
import { deviceOfRun } from "./devices.ts";
import { alreadyDone } from "./errors.ts";
import { bytesText, duration } from "./render/format.ts";
import type { StatusLine } from "./render/status-line.ts";

/** Runs that training makes. */
export type TrainedConfig = TextConfig | PromptsConfig | TaskConfig;

/** A training that is ready to go: everything was checked, and a new run is not on disk yet. */
export interface Session<Config extends TrainedConfig> {
  readonly path: string;
  readonly spec: Config["spec"];
  readonly training: Config["training"];
  readonly threads: number;
  readonly device: Device;
  readonly state: TrainState;
  /** The run on disk. A new one comes to be when it is first asked for, once its first step is done. */
  readonly run: () => Promise<HeldRun<Config>>;
}

/** Where a run begins. */
export function freshState({ spec, training }: Pick<TrainedConfig, "spec" | "training">): TrainState {
  return initialState(spec, training.seed, "initStd" in training ? training.initStd : undefined);
}

type Chosen<Config extends TrainedConfig> = Pick<Session<Config>, "spec" | "training" | "threads"> & {
  readonly device: Device | undefined;
};

/** A session of a run that is not there yet; from the weights of another run where they are given. */
export function newSession<Config extends TrainedConfig>(
  planned: PlannedRun<Config>,
  { spec, training, threads, device = "cpu" }: Chosen<Config>,
  weights?: Weights,
): Session<Config> {
  let run: Promise<HeldRun<Config>> | undefined;
  const create = () => {
    run ??= planned.create();
    return run;
  };
  return {
    path: planned.path,
    spec,
    training,
    threads,
    device,
    state: weights ? startFrom(weights) : freshState({ spec, training }),
    run: create,
  };
}

/** How a run should go on. */
interface GoingOn {
  /** Threads that were asked for, if any, and those of a run that does not say its own. */
  readonly threads: number | undefined;
  readonly usualThreads: number;
  /** The device that was asked for; the run's own by default. */
  readonly device: Device | undefined;
  /** Steps of the whole run, where they are to be more than it began with. */
  readonly steps?: number | undefined;
  /** The command that measures a run that is done. */
  readonly measure: string;
  readonly status: StatusLine;
}

/** A session that goes on with a text run. Throws what `holdRun` and `resume` throw, RUNTIME_THREADS and TRAIN_DONE. */
export const resumedText = async (path: string, how: GoingOn): Promise<Session<TextConfig>> =>
  resumed(await holdRun(path, ["text"]), how);

/** A session that goes on with a run on the answers of a task; see `resumedText`. */
export const resumedTask = async (path: string, how: GoingOn): Promise<Session<TaskConfig>> =>
  resumed(await holdRun(path, ["task"]), how);

/** A session that goes on with a run on prompts; see `resumedText`. */
export const resumedPrompts = async (path: string, how: GoingOn): Promise<Session<PromptsConfig>> =>
  resumed(await holdRun(path, ["prompts"]), how);

async function resumed<Config extends TrainedConfig>(
  run: HeldRun<Config>,
  { threads: asked, usualThreads, device: askedDevice, steps, measure, status }: GoingOn,
): Promise<Session<Config>> {
  const { path } = run;
  const { spec, threads: own, device: ownDevice = "cpu" } = run.config;
  const training = { ...run.config.training, ...(steps === undefined ? {} : { steps }) };
  const isPossible = own !== undefined && own <= mostThreads(); // it may come from a larger machine
  const threads = threadCount(asked ?? (isPossible ? own : usualThreads));
  const device = await deviceOfRun(askedDevice, ownDevice);
  const { state = freshState(run.config), notices } = await run.resume();
  if (state.step >= training.steps) throw alreadyDone(path, state.step, measure, steps);
  for (const notice of [...notices, ...threadsNotice(own, threads), ...deviceNotice(ownDevice, device)])
    status.print(`warning: ${notice}`);
  return { path, spec, training, threads, device, state, run: async () => run };
}

function threadsNotice(own: number | undefined, threads: number): string[] {
  const counted = `${threads} thread${threads === 1 ? "" : "s"}`;
  if (own === undefined)
    return [`this run does not say with how many threads it began; it continues with ${counted} from now on`];
  if (own === threads) return [];
  return [`this run began with ${own} thread${own === 1 ? "" : "s"}; with ${counted} ${notBitForBit}`];
}

const notBitForBit = "its weights will not be bit for bit those of a run that never stopped";

const deviceNotice = (own: Device, device: Device): string[] =>
  own === device ? [] : [`this run began on the device ${own}; on ${device} ${notBitForBit}`];

/** Writes config.json anew where a run that goes on has more to say than it did. Throws CHECKPOINT_WRITE. */
export async function keepUpToDate<Config extends TrainedConfig>(
  run: HeldRun<Config>,
  config: Config,
  status: StatusLine,
): Promise<void> {
  const isOld = run.version !== config.version;
  if (!isOld && isDeepStrictEqual(config, run.config)) return;
  const { version } = run;
  await run.keepConfig(config);
  if (isOld) status.print(`config.json was of version ${version} and is of version ${config.version} now`);
}

/** What a thread computes in a second of training; processors of today do half of it to four times as much. */
const flopsPerThread = 50e9;
/** A step that takes longer, or this share of the memory, is announced. */
const notable = { seconds: 10, share: 1 / 4 };

/** What training will take, to be said where it is much, and how many compiled steps fit into the memory. */
export function announced(
  needs: TrainingNeeds,
  threads: number,
): { readonly keep: number; readonly note: string; readonly warnings: readonly string[] } {
  const memory = machineMemory();
  const keep = keptSteps(needs, memory);
  const bytes = needs.fixedBytes + keep * needs.stepBytes;
  const seconds = needs.stepFlops / (flopsPerThread * Math.min(threads, availableParallelism()));
  const isNotable = bytes > notable.share * memory || seconds > notable.seconds;
  const note = isNotable ? `; about ${bytesText(bytes)} of memory and ${duration(seconds)} a step` : "";
  const warnings =
    keep < Math.min(needs.graphs, mostKeptSteps)
      ? [`memory holds ${keep} of ${needs.graphs} compiled steps; others are compiled each time they come up`]
      : [];
  return { keep, note, warnings };
}

/** `--dry-run`: says what a training would take. The exit code. */
export function tellNeeds(
  {
    path,
    spec,
    training,
    threads,
    needs,
  }: Pick<Session<TrainedConfig>, "path" | "spec" | "training" | "threads"> & {
    readonly needs: TrainingNeeds;
  },
  tokens: number,
): number {
  const { steps, batch, microBatches } = training;
  const { keep, warnings } = announced(needs, threads);
  const seconds = needs.stepFlops / (flopsPerThread * Math.min(threads, availableParallelism()));
  const row = (name: string, text: string) => console.log(`${name.padEnd(12)} ${text}`);
  console.log(`${path} would be made; nothing was written.`);
  row("model", `${spec.family}, ${groupedText(parameterCount(spec))} parameters`);
  row("steps", `${groupedText(steps)} of ${batch * microBatches} x ${tokens} tokens`);
  row(
    "memory",
    `about ${bytesText(needs.fixedBytes + keep * needs.stepBytes)} of ${bytesText(machineMemory())}`,
  );
  row("FLOPs", `${siText(needs.stepFlops)} a step, ${siText(steps * needs.stepFlops)} in all, at most`);
  row(
    "time",
    `about ${duration(seconds)} a step, ${duration(steps * seconds)} in all, on ${counted(threads, "thread")}`,
  );
  for (const warning of warnings) console.log(`warning: ${warning}`);
  return 0;
}
