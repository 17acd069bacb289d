import { type GraphMemory, memoryOf } from "../graph/memory.ts";
import { trainingFlops } from "../models/describe.ts";
import { parameterCount } from "../models/parameters.ts";
import type { Spec } from "../models/spec.ts";
import { scheduledValues } from "../tasks/curriculum.ts";
import type { VectorTask } from "../tasks/task.ts";
import { elasticGraph } from "./elastic-source.ts";
import { contextTooLong, tooLittleMemory } from "./errors.ts";
import { promptStepGraph } from "./objectives/prompts.ts";
import type { OptimiserOptions, TrainingOptions } from "./options.ts";
import type { PromptTraining } from "./prompt-options.ts";
import { promptFlops, promptStage } from "./prompts.ts";

/** What training takes besides its data. Estimates: docs/architecture.md says how far they were from what was measured. */
export interface TrainingNeeds {
  /** The process, weights, their moments, and their moving averages. */
  readonly fixedBytes: number;
  /** A compiled step with its values and gradients; the largest of the run. */
  readonly stepBytes: number;
  /** Constants of a compiled step: the masks of attention. */
  readonly constantBytes: number;
  /** Compiled steps that the run has, by the loops of short runs or the stages of a curriculum. */
  readonly graphs: number;
  /** Matmul FLOPs of an optimizer step, the largest. */
  readonly stepFlops: number;
}

/** Node, onnxruntime and gyre. */
const processBytes = 160 * 2 ** 20;
/** What an allocator takes of the machine for a byte that is held; many values that come and go leave more gaps. */
const perValueByte = { kept: 1.15, recomputed: 1.8 };
/** Gradients are results, and values before that. */
const gradientCopies = 1.25;
/** What Muon iterates on: matrices on their way in, between and out. */
const muonCopies = 3;
/** A mask stands in the graph, in what is encoded, in what onnxruntime reads, and in what it runs. */
const maskCopies = 5;
/** What constants of a graph may take: a file of ONNX ends at 2 GiB, and operations and names are in it too. */
const mostConstantBytes = 1.98 * 2 ** 30;
/** Compiled steps that a runtime keeps at most. */
export const mostKeptSteps = 16;
/** From here on each loop more takes the same memory: what deeper runs take is told from these. */
const [fewLoops, manyLoops] = [8, 16];

/**
 * What training on text takes. Builds graphs, and compiles none.
 *
 * @example
 * const { fixedBytes, stepBytes } = textNeeds(spec, parseTraining({ batch: 16 }, spec));
 * console.log(`${((fixedBytes + stepBytes) / 2 ** 30).toFixed(1)} GiB`);
 */
export function textNeeds(spec: Spec, training: TrainingOptions): TrainingNeeds {
  const { context: tokens } = spec;
  const isElastic = training.objective.kind === "elastic";
  const at = (loops: number) =>
    memoryOf(elasticGraph(spec, training, { tokens, loops, shortLoops: isElastic ? loops - 1 : undefined }));
  const memory = spec.loops <= manyLoops ? at(spec.loops) : extended(at(fewLoops), at(manyLoops), spec.loops);
  const hasShortRun = isElastic && spec.conditioning.kind === "time";
  const flopsOf = (loops: number) => trainingFlops(spec, loops, training.batch * tokens);
  const passFlops = flopsOf(spec.loops) + (hasShortRun ? flopsOf(spec.loops - 1) : 0);
  return {
    ...bytes(spec, training, memory),
    graphs: isElastic ? spec.loops - 1 : 1,
    stepFlops: training.microBatches * passFlops,
  };
}

function extended(few: GraphMemory, many: GraphMemory, loops: number): GraphMemory {
  const perLoop = (many.valueBytes - few.valueBytes) / (manyLoops - fewLoops);
  return { ...many, valueBytes: many.valueBytes + (loops - manyLoops) * perLoop };
}

/** What training on prompts takes, at the end of its curriculum. Builds a graph, and compiles none. */
export function promptNeeds(
  spec: Spec,
  training: PromptTraining,
  task: Pick<VectorTask, "draw">,
): TrainingNeeds {
  const { batch, seed, noise, recompute, microBatches, steps } = training;
  const { points, dims, loops, window, backprop } = promptStage(training, steps - 1);
  const { length, readAt } = task.draw({ seed, stream: "needs", batch: 1, points, dims, noise });
  const graph = promptStepGraph(
    spec,
    { batch, tokens: length, readAt, loops },
    { window, backprop, recompute },
  );
  const stages = [training.points, training.dims, training.loops].map(
    (schedule) => scheduledValues(schedule, steps).length - 1,
  );
  return {
    ...bytes(spec, training, memoryOf(graph)),
    graphs: 1 + stages.reduce((sum, changes) => sum + changes),
    stepFlops: microBatches * promptFlops(spec, batch * length, loops, backprop),
  };
}

function bytes(
  spec: Spec,
  {
    microBatches,
    recompute,
    optimizer,
    emaDecay,
  }: Pick<OptimiserOptions, "microBatches" | "recompute" | "optimizer" | "emaDecay">,
  { valueBytes, constantBytes }: GraphMemory,
): Pick<TrainingNeeds, "fixedBytes" | "stepBytes" | "constantBytes"> {
  const weights = 4 * parameterCount(spec);
  const sums = microBatches > 1 ? weights : 0;
  const averages = emaDecay === undefined ? 0 : weights;
  return {
    fixedBytes:
      processBytes + 3 * weights + sums + averages + (optimizer === "muon" ? muonCopies * weights : 0),
    constantBytes,
    stepBytes:
      perValueByte[recompute ? "recomputed" : "kept"] * valueBytes +
      gradientCopies * weights +
      maskCopies * constantBytes,
  };
}

/** How many of its compiled steps a run can keep in half of so much memory, and at least one: others have programs too. */
export function keptSteps({ fixedBytes, stepBytes, graphs }: TrainingNeeds, memoryBytes: number): number {
  const room = Math.floor((memoryBytes / 2 - fixedBytes) / stepBytes);
  return Math.max(1, Math.min(mostKeptSteps, graphs, room));
}

const isHeld = ({ fixedBytes, stepBytes }: TrainingNeeds, memoryBytes: number): boolean =>
  fixedBytes + stepBytes <= memoryBytes;
const fits = (needs: TrainingNeeds, memoryBytes: number): boolean =>
  needs.constantBytes <= mostConstantBytes && isHeld(needs, memoryBytes);

/** Throws TRAIN_MEMORY where one step does not fit into so much memory. */
export function requireMemory(needs: TrainingNeeds, memoryBytes: number): void {
  if (!fits(needs, memoryBytes)) throw tooLittleMemory({ what: "a step", needs, memoryBytes, fitting: [] });
}

/**
 * What training on text takes, if one step fits into so much memory. Throws TRAIN_MEMORY, which names the largest
 * context and batch that would, and TRAIN_CONTEXT where the masks of attention are more than a graph may hold.
 */
export function requireTextMemory(spec: Spec, training: TrainingOptions, memoryBytes: number): TrainingNeeds {
  const needs = textNeeds(spec, training);
  if (fits(needs, memoryBytes)) return needs;
  const { context } = spec;
  const { batch } = training;
  const changed = (size: { context?: number; batch?: number }, recompute = training.recompute) =>
    fits(
      textNeeds(
        { ...spec, context: size.context ?? context },
        { ...training, batch: size.batch ?? batch, recompute },
      ),
      memoryBytes,
    );
  if (isHeld(needs, memoryBytes)) {
    const isFitting = (size: number) => changed({ context: size });
    throw contextTooLong(context, needs.constantBytes, sizeThatFits("context", context, isFitting));
  }
  throw tooLittleMemory({
    what: `a step of ${batch} x ${context.toLocaleString("en")} tokens`,
    needs,
    memoryBytes,
    fitting: [
      sizeThatFits("context", context, (size) => changed({ context: size })),
      sizeThatFits("batch", batch, (size) => changed({ batch: size })),
      ...(!training.recompute && changed({}, true) ? ["recompute"] : []),
    ].filter((way) => way !== undefined),
  });
}

/** What training on prompts takes, if one step fits into so much memory. Throws TRAIN_MEMORY, which names the largest batch that would. */
export function requirePromptMemory(
  spec: Spec,
  training: PromptTraining,
  { task, memoryBytes }: { readonly task: Pick<VectorTask, "draw">; readonly memoryBytes: number },
): TrainingNeeds {
  const needs = promptNeeds(spec, training, task);
  if (fits(needs, memoryBytes)) return needs;
  const changed = (size: Partial<PromptTraining>) =>
    fits(promptNeeds(spec, { ...training, ...size }, task), memoryBytes);
  throw tooLittleMemory({
    what: `a step of ${training.batch} prompts`,
    needs,
    memoryBytes,
    fitting: [
      sizeThatFits("batch", training.batch, (batch) => changed({ batch })),
      ...(!training.recompute && changed({ recompute: true }) ? ["recompute"] : []),
    ].filter((way) => way !== undefined),
  });
}

/** The largest size below one that does not fit, in words; undefined where none fits. */
function sizeThatFits(
  name: string,
  tooMany: number,
  isFitting: (size: number) => boolean,
): string | undefined {
  let [most, above] = [0, tooMany];
  while (above - most > Math.max(1, most / 64)) {
    const size = Math.floor((most + above) / 2);
    if (isFitting(size)) most = size;
    else above = size;
  }
  return most > 0 ? `a ${name} of at most ${most.toLocaleString("en")}` : undefined;
}
