import {
  matmulPeak,
  type Progress,
  type Runtime,
  type TrainEvent,
  type TrainingNeeds,
  type TrainState,
} from "gyre";
import { openOnnxRuntime } from "gyre/node";
import { type Following, followTraining } from "./follow-training.ts";
import { HeldOut, type HeldOutMeasure, type HeldOutOptions } from "./held-out.ts";
import { Interrupt } from "./interrupt.ts";
import type { RankHow, RankSession } from "./ranks.ts";
import { announced, type TrainedConfig } from "./training.ts";

/** What a command says of how it trains. */
type SessionOptions = HeldOutOptions & Pick<Following, "tensorboard"> & { readonly checkpointEvery: number };

/** What is trained, and on what. */
interface Work extends Pick<Following, "next" | "sampling"> {
  /** In words: the model, the steps and the data. */
  readonly title: string;
  readonly needs: TrainingNeeds;
  readonly events: (progress: Progress & { readonly state: TrainState }) => AsyncIterable<TrainEvent>;
  /** What is measured on held-out data. */
  readonly measure: (runtime: Runtime) => HeldOutMeasure;
}

/** Trains a session until it is done, stopped or no longer better, as one of its ranks; rank 0 tells and writes. The exit code. */
export async function trainSession<Config extends TrainedConfig>(
  { path, spec, training: { steps }, threads, device, state, run }: RankSession<Config>,
  { options, status, ranks }: RankHow<SessionOptions>,
  { title, needs, events, measure, next, sampling }: Work,
): Promise<number> {
  const { keep, note, warnings } = announced(needs, threads);
  const shared = ranks.size > 1 ? ` on ${ranks.size} ranks` : "";
  const from = state.step > 0 ? `, from step ${state.step}` : "";
  status.print(`${path}: ${title}${shared}${from}${note}`);
  for (const warning of warnings) status.print(`warning: ${warning}`);
  const interrupt = new Interrupt();
  await using runtime = await openOnnxRuntime({ threads, device, keep });
  const going = events({
    ...{ runtime, state, ranks, checkpointEvery: options.checkpointEvery, signal: interrupt.signal },
    ...(run ? { save: async (saved: TrainState) => (await run()).save(saved) } : {}),
  });
  // of its own, so that measuring and training do not take each other's compiled programs
  await using measuring = await openOnnxRuntime({ threads, device, keep: Math.min(keep, spec.loops) });
  const { tensorboard, stopAt } = options;
  const common = { run, path, steps, tensorboard, stopAt, status, interrupt, next };
  if (!run) return await followTraining(going, common);
  const measurer = new HeldOut(measure(measuring), { ...options, steps });
  if (state.step > 0) measurer.recall((await (await run()).metrics.read()).records);
  return await followTraining(going, {
    ...common,
    heldOut: { measurer, state },
    ...(sampling ? { sampling } : {}),
    // ranks would take the machine from each other
    ...(ranks.size === 1 ? { peak: () => matmulPeak(runtime) } : {}),
  });
}
