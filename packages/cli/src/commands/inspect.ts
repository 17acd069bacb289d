import process from "node:process";
import {
  describe,
  type Graph,
  groupedText,
  prepareGraph,
  printGraph,
  type Spec,
  siText,
  stepGraph,
  tableText,
  textTable,
} from "gyre";
import { openRun } from "gyre/node";
import { flagOf } from "../flags.ts";
import { UsageError } from "../options.ts";
import { modelFields, modelSettings, type SettingFlags, trainingSettings } from "../settings.ts";

export interface InspectOptions extends SettingFlags {
  readonly graph?: "forward" | "backward" | "step";
  readonly batch: number;
  readonly vocab: number;
}

/** `gyre inspect`: what a model is made of, what it costs, and the graphs that it becomes. */
export async function inspectCommand(path: string | undefined, options: InspectOptions): Promise<number> {
  const { batch, vocab, graph, ...flags } = options;
  const given = modelFields.filter((name) => options[name] !== undefined);
  if (path !== undefined && given.length > 0)
    throw new UsageError(`${given.map(flagOf).join(", ")}: the run ${path} says what its model is.`);
  const run = path === undefined ? undefined : await openRun(path);
  const spec = run?.config.spec ?? modelSettings(flags, undefined, vocab);
  const objective =
    (run?.config.kind === "text" ? run.config.training.objective : undefined) ??
    trainingSettings(spec, {}, undefined).objective;
  if (graph === undefined) process.stdout.write(overview(spec));
  else process.stdout.write(`${printGraph(graphOf(spec, objective, graph, batch))}\n`);
  return 0;
}

function graphOf(
  spec: Spec,
  objective: Parameters<typeof stepGraph>[1],
  which: "forward" | "backward" | "step",
  batch: number,
): Graph {
  const short = objective.kind === "elastic" ? { shortLoops: Math.max(1, Math.floor(spec.loops / 2)) } : {};
  const shape = { batch, tokens: spec.context, loops: spec.loops, ...short };
  const graph = stepGraph(spec, objective, shape, { backward: which !== "forward" });
  return which === "step" ? prepareGraph(graph) : graph;
}

function overview(spec: Spec): string {
  const all = Array.from({ length: spec.loops }, (_, index) => index + 1);
  const { parameters, budgets } = describe(spec, { loops: all });
  const rows = budgets.map((one) => [
    String(one.loops),
    String(one.blockPasses),
    siText(one.flopsPerToken),
    siText(one.activationBytesPerToken),
    siText(one.kvBytesPerToken),
  ]);
  const head = ["loops", "block passes", "FLOPs/token", "activation B/token", "KV B/token"];
  return `${JSON.stringify(spec, null, 2)}

${groupedText(parameters)} parameters (the tied head counted once)

${tableText(textTable(head, rows, []))}
`;
}
