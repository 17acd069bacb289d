import { officialNames, officialShapes } from "../packages/gyre/src/families/index.ts";
import { matchTensors } from "../packages/gyre/src/families/match.ts";
import type { PromptShape } from "../packages/gyre/src/models/predictions.ts";
import { loopedTransformer } from "../packages/gyre/src/models/presets.ts";
import type { Spec } from "../packages/gyre/src/models/spec.ts";
import type { Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { interleave } from "../packages/gyre/src/tasks/interleave.ts";
import { promptStepGraph } from "../packages/gyre/src/train/objectives/prompts.ts";
import { sizeOf, type Tensor } from "../packages/gyre/src/util/tensor.ts";
import {
  badCase,
  type CaseFile,
  compare,
  expectFloats,
  largest,
  type Quantity,
  section,
  storedName,
  tolerancesOf,
} from "./conformance-tools.ts";
import { solveMissing } from "./missing-biases.ts";

export interface PromptCase extends CaseFile {
  readonly spec: Spec;
  /** What the file calls our parameters. */
  readonly names: ReadonlyMap<string, string>;
  readonly window: number;
  readonly inputs: Map<string, Tensor>;
  readonly shape: PromptShape;
  /** Biases that the file lost; zero until they are solved for. */
  readonly missing: readonly string[];
}

/** Reads a case of the in-context Looped Transformer; throws CASE, CHECKPOINT_MISMATCH. */
function readPromptCase(file: CaseFile): PromptCase {
  const { source, metadata, tensors } = file;
  const number = (key: string) => Number(metadata[key]);
  const config = metadata["config"] as Readonly<Record<string, number | boolean>>;
  const shapeOf = (name: string) => {
    const stored = tensors.get(name);
    if (!stored) throw badCase(`${source} without ${name}`, "the tensors of a looped_icl case");
    return stored.shape;
  };
  const [batch, points, dims] = shapeOf("xs") as [number, number, number];
  const layer = "param/_backbone.transformer.h.0";
  const spec = loopedTransformer(
    {
      inputs: dims,
      outputs: shapeOf("param/_read_out.weight")[0] as number,
      context: shapeOf("param/_backbone.transformer.wpe.weight")[0] as number,
      width: Number(config["n_embd"]),
      heads: Number(config["n_head"]),
      mlp: shapeOf(`${layer}.mlp.c_fc.weight`)[0] as number,
      layers: Number(config["n_layer"]),
      loops: number("n_loops"),
    },
    {
      bias: tensors.has(`${layer}.mlp.c_fc.bias`),
      inject: String(metadata["loop_func"]).includes("x*z") ? "multiply" : "add",
    },
  );
  const [shapes, names] = [officialShapes(spec), officialNames(spec)];
  const missing = [...shapes.keys()].filter(
    (name) => name.endsWith("attn.c_attn.bias") && !tensors.has(`param/${name}`),
  );
  const weights = matchTensors(shapes, section(tensors, "param/"), { optional: new Set(missing) });
  const { tokens, length } = interleave({
    batch,
    points,
    dims,
    outputs: spec.readout.kind === "vectors" ? spec.readout.outputs : 1,
    inputs: expectFloats(file, "xs") as Float32Array,
    labels: expectFloats(file, "ys") as Float32Array,
  });
  const inputs = new Map<string, Tensor>([
    ["prompts", { data: tokens, shape: [batch, length, dims] }],
    ["targets", { data: expectFloats(file, "ys") as Float32Array, shape: [batch, points, 1] }],
    ...[...names].map(([name, official]): [string, Tensor] => {
      const shape = shapes.get(official) ?? [];
      return [name, { data: weights.get(official)?.slice() ?? new Float32Array(sizeOf(shape)), shape }];
    }),
  ]);
  const readAt = Array.from({ length: points }, (_, point) => 2 * point);
  const shape = { batch, tokens: length, readAt, loops: spec.loops };
  const lost = [...names].filter(([, official]) => missing.includes(official)).map(([name]) => name);
  return { ...file, spec, names, shape, window: spec.loops - number("n_loop_start"), inputs, missing: lost };
}

/** Predictions after each loop of the window, the loss and its gradients, against what the file holds. */
export async function checkPrompts(file: CaseFile, runtime: Runtime): Promise<Quantity[]> {
  const test = readPromptCase(file);
  const { spec, window, inputs, shape } = test;
  const tolerance = tolerancesOf(runtime);
  const solved = await solveMissing(test);
  await using program = await runtime.compile(promptStepGraph(spec, shape, { window, inspect: true }));
  const quantities: Quantity[] = [...solved.quantities];
  for (const [output, { data }] of await program.run(new Map([...inputs, ...solved.biases]))) {
    const name = storedName(output, test.names);
    const expected = expectFloats(file, name);
    if (!expected) continue;
    const isGrad = name.startsWith("grad/");
    const bound = isGrad ? tolerance.grad : name === "out/loss" ? tolerance.loss : tolerance.state;
    quantities.push(compare(name, data, expected, bound, isGrad ? largest(expected) : 1));
  }
  return quantities;
}
