import { initialState, type TrainState, train } from "gyre";
import {
  createRun,
  openDataset,
  openOnnxRuntime,
  openRun,
  openRunData,
  type Run,
  type RunConfig,
  resumeState,
  saveState,
} from "gyre/node";
import { alreadyDone, trainNeeds } from "../errors.ts";
import { followTraining } from "../follow-training.ts";
import { interruptSignal } from "../interrupt.ts";
import { counted } from "../render/format.ts";
import { StatusLine } from "../render/status-line.ts";
import { modelFields, readRecipe, type SettingFlags, settings, trainingFields } from "../settings.ts";

export interface TrainOptions extends SettingFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly recipe?: string;
  readonly force?: boolean;
  readonly checkpointEvery: number;
  readonly threads?: number;
}

interface Session {
  readonly run: Run;
  readonly training: NonNullable<RunConfig["training"]>;
  readonly data: Awaited<ReturnType<typeof openDataset>>;
  readonly state: TrainState;
}

/** `gyre train`: a new run, or one that goes on. */
export async function trainCommand(data: string | undefined, options: TrainOptions): Promise<number> {
  const status = new StatusLine();
  const session =
    options.resume === undefined
      ? await begin(data, options)
      : await goOn(data, options.resume, options, status);
  const { run, training, data: dataset, state } = session;
  const { spec } = run.config;
  const path = run.directory.path;
  status.print(
    `${path}: ${spec.family}, ${counted(spec.layers.core, "layer")} x ${counted(spec.loops, "loop")}, width ${spec.width}; ` +
      `${training.steps} steps of ${training.batch * training.microBatches} x ${spec.context} tokens` +
      (state.step > 0 ? `, from step ${state.step}` : ""),
  );
  await using runtime = await openOnnxRuntime(options.threads ? { threads: options.threads } : {});
  const events = train({
    spec,
    training,
    runtime,
    data: dataset.train,
    state,
    save: (saved) => saveState(run, saved),
    checkpointEvery: options.checkpointEvery,
    signal: interruptSignal(),
  });
  const next = { goOn: `gyre train --resume ${path}`, measure: `gyre eval ${path}` };
  return await followTraining(events, { directory: run.directory, steps: training.steps, status, next });
}

async function begin(path: string | undefined, options: TrainOptions): Promise<Session> {
  if (path === undefined) throw trainNeeds("no data");
  if (options.out === undefined) throw trainNeeds(`data ${path}, but no --out`);
  const recipe = options.recipe === undefined ? undefined : await readRecipe(options.recipe);
  const data = await openDataset(path);
  const { spec, training } = settings(options, recipe, data.manifest.tokenizer.vocab);
  const run = await createRun({
    path: options.out,
    spec,
    training,
    tokenizer: data.tokenizer,
    data: { path, manifest: data.manifest },
    force: options.force ?? false,
  });
  const state = initialState(spec, training.seed);
  return { run, training, data, state };
}

async function goOn(
  data: string | undefined,
  path: string,
  options: TrainOptions,
  status: StatusLine,
): Promise<Session> {
  const fixed = [...modelFields, ...trainingFields, "out", "recipe", "force"] as const;
  const changed = fixed.filter((name) => options[name] !== undefined);
  if (changed.length > 0)
    throw trainNeeds(
      `--resume ${path} with --${changed.join(", --")}: a run keeps the options it began with`,
    );
  const run = await openRun(path);
  const { training, spec } = run.config;
  if (!training) throw trainNeeds(`--resume ${path}, which was imported and has no training to go on with`);
  const found = await resumeState(run);
  for (const warning of found?.warnings ?? []) status.print(`warning: ${warning}`);
  const state = found?.state ?? initialState(spec, training.seed);
  if (state.step >= training.steps) throw alreadyDone(path, training.steps);
  return { run, training, data: await openRunData(run, data), state };
}
