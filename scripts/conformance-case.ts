import {
  decodeSafetensors,
  type StoredTensor,
  toFloat32,
  toInt32,
} from "../packages/gyre/src/checkpoint/safetensors.ts";
import { generate } from "../packages/gyre/src/decode/generate.ts";
import { officialNames, officialShapes, toOwnNames } from "../packages/gyre/src/families/index.ts";
import { type OfficialShape, specFromOfficial } from "../packages/gyre/src/families/loopformer.ts";
import { matchTensors } from "../packages/gyre/src/families/match.ts";
import { type Budget, conditions, type Spec } from "../packages/gyre/src/models/spec.ts";
import { clipScale, globalNorm, initAdamW, updateAdamW } from "../packages/gyre/src/optim/adamw.ts";
import type { Program, Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { SHORT_ROUTE, stepGraph } from "../packages/gyre/src/train/objectives/elastic.ts";
import type { Objective } from "../packages/gyre/src/train/options.ts";
import type { Tensor } from "../packages/gyre/src/util/tensor.ts";
import { checkPrompts } from "./conformance-prompts.ts";
import {
  badCase,
  type CaseFile,
  compare,
  expectFloats,
  largest,
  type Quantity,
  section,
  type Tolerances,
  tolerancesOf,
} from "./conformance-tools.ts";

interface Case extends CaseFile {
  readonly spec: Spec;
  /** By our names. */
  readonly weights: Map<string, Tensor<Float32Array>>;
  /** What the file calls them. */
  readonly names: ReadonlyMap<string, string>;
}

/** Metadata entries are JSON texts, plain words where they do not parse. */
function parseMetadata(metadata: Readonly<Record<string, string>>): Record<string, unknown> {
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(Object.entries(metadata).map(([key, text]) => [key, parse(text)]));
}

/** Reads a case file with a language model; throws CASE. */
function readCase(file: CaseFile): Case {
  const { source, metadata, tensors } = file;
  const model = String(metadata["model"]);
  const config = metadata["config"] as (OfficialShape & { dropout?: number }) | undefined;
  if (!["base", "base_loop", "tmlt", "loopformer"].includes(model) || !config) {
    throw badCase(
      `${source}: model ${JSON.stringify(model)}`,
      "base, base_loop, tmlt, loopformer or looped_icl",
    );
  }
  if (config.dropout) throw badCase(`${source}: dropout ${config.dropout}`, "dropout 0");
  const spec = specFromOfficial(
    { ...config, model_type: model as OfficialShape["model_type"] },
    Number(metadata["long_loops"] ?? metadata["max_loops"] ?? 1),
  );
  const shapes = officialShapes(spec);
  const matched = matchTensors(shapes, section(tensors, "param/"));
  const weights = new Map(
    [...matched].map(([name, data]) => [name, { data: data.slice(), shape: shapes.get(name) ?? [] }]),
  );
  return { ...file, spec, weights: toOwnNames(spec, weights), names: officialNames(spec) };
}

/** Runs a case on a runtime and compares every quantity that the file holds. */
export async function checkCase(bytes: Uint8Array, source: string, runtime: Runtime): Promise<Quantity[]> {
  const { tensors, metadata: texts = {} } = decodeSafetensors(bytes, source);
  const file = { source, tensors, metadata: parseMetadata(texts) };
  if (file.metadata["model"] === "looped_icl") return checkPrompts(file, runtime);
  const test = readCase(file);
  return test.tensors.has("prompt") ? checkGreedy(test, runtime) : checkStep(test, runtime);
}

async function checkStep(test: Case, runtime: Runtime): Promise<Quantity[]> {
  const { spec, metadata, weights } = test;
  const tolerance = tolerancesOf(runtime);
  const [batch, tokens] = (test.tensors.get("tokens") as StoredTensor).shape as [number, number];
  const objective = readObjective(metadata);
  const longBudget = (metadata["long_trajectory"] ?? spec.loops) as Budget;
  const shortBudget = (metadata["short_trajectory"] ?? metadata["short_loops"]) as Budget | undefined;
  const long = conditions(spec, longBudget);
  const short = shortBudget === undefined ? undefined : conditions(spec, shortBudget);
  const graph = stepGraph(
    spec,
    objective,
    { batch, tokens, loops: long.loops, ...(short ? { shortLoops: short.loops } : {}) },
    { inspect: true },
  );
  await using program = await runtime.compile(graph);
  const inputs = new Map<string, Tensor>();
  for (const name of ["tokens", "targets"]) {
    inputs.set(name, { data: toInt32(test.tensors.get(name) as StoredTensor, name), shape: [batch, tokens] });
  }
  for (const [route, told] of [
    ["", long],
    [SHORT_ROUTE, short],
  ] as const) {
    if (!told) continue;
    inputs.set(`${route}t`, { data: told.t, shape: [told.loops] });
    inputs.set(`${route}dt`, { data: told.dt, shape: [told.loops] });
  }

  const quantities: Quantity[] = [];
  const first = await program.run(new Map([...inputs, ...weights]));
  for (const [name, { data }] of first) {
    const [kind, rest] = name.split("/") as [string, string | undefined];
    const isGrad = rest !== undefined && kind === "grad";
    const stored = isGrad ? `grad/${test.names.get(rest)}` : `out/${rest ? `${kind}_${rest}` : kind}`;
    const expected = expectFloats(test, stored);
    if (!expected) continue;
    const bound = kind === "grad" ? tolerance.grad : kind === "loss" ? tolerance.loss : tolerance.state;
    quantities.push(compare(stored, data, expected, bound, kind === "grad" ? largest(expected) : 1));
  }
  return [...quantities, ...(await checkOptimizer(test, program, inputs, tolerance))];
}

function readObjective(metadata: Readonly<Record<string, unknown>>): Objective {
  const text = String(metadata["objective"] ?? "long");
  if (text === "long") return { kind: "final" };
  const weight = (term: string) => Number(new RegExp(`([0-9.]+) ?\\* ?${term}`).exec(text)?.[1] ?? 0);
  return {
    kind: "elastic",
    shortWeight: weight("short"),
    consistencyWeight: weight("mse"),
    consistency: "hidden",
  };
}

async function checkOptimizer(
  test: Case,
  program: Program,
  inputs: ReadonlyMap<string, Tensor>,
  tolerance: Tolerances,
): Promise<Quantity[]> {
  const number = (key: string) => Number(test.metadata[key]);
  const steps = Number(test.metadata["optimizer_steps"] ?? 0);
  const curve = (test.metadata["loss_and_gradnorm_per_step"] ?? []) as readonly (readonly [number, number])[];
  const weights = new Map(
    [...test.weights].map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]),
  );
  const state = initAdamW(weights);
  const quantities: Quantity[] = [];
  for (let step = 1; step <= steps; step++) {
    const out = await program.run(new Map([...inputs, ...weights]));
    const grad = (name: string) => Float32Array.from(out.get(`grad/${name}`)?.data as Float32Array);
    const norm = globalNorm([...weights.keys()].map(grad));
    const [loss, expectedNorm] = curve[step - 1] ?? [];
    const given = out.get("loss")?.data as Float32Array;
    if (loss !== undefined)
      quantities.push(compare(`loss at step ${step}`, given, [loss], 10 * tolerance.loss));
    if (expectedNorm)
      quantities.push(compare(`gradient norm at step ${step}`, [norm / expectedNorm], [1], tolerance.grad));
    updateAdamW(weights, grad, state, {
      beta1: number("beta1"),
      beta2: number("beta2"),
      epsilon: number("eps"),
      weightDecay: number("weight_decay"),
      learningRate: number("lr"),
      step,
      gradientScale: clipScale(norm, number("grad_clip")),
    });
  }
  for (const [name, { data }] of weights) {
    const stored = `stepped/${test.names.get(name)}`;
    const expected = expectFloats(test, stored);
    if (expected) quantities.push(compare(stored, data, expected, tolerance.stepped));
  }
  return quantities;
}

/**
 * The tokens are the test of a greedy case. Its weights are large and its stored float32 logits themselves up to
 * 5e-5 from float64, so they need only be nearer than half of the 0.001 by which each token was the best
 * (golden/oracle/README.md, docs/decisions/0003).
 */
const HALF_MARGIN = 5e-4;

async function checkGreedy(
  { spec, metadata, tensors, weights }: Case,
  runtime: Runtime,
): Promise<Quantity[]> {
  const quantities: Quantity[] = [];
  const prompt = toInt32(tensors.get("prompt") as StoredTensor, "prompt");
  for (const [index, trajectory] of (metadata["trajectories"] as readonly number[][]).entries()) {
    const text = [...prompt];
    let logits: ArrayLike<number> = [];
    const options = { loops: trajectory, temperature: 0, maxTokens: Number(metadata["new_tokens"]) };
    for await (const next of generate({ spec, weights, runtime }, prompt, options)) {
      text.push(next.token);
      logits = next.logits;
    }
    const expected = toInt32(tensors.get(`greedy/${index}`) as StoredTensor, `greedy/${index}`);
    quantities.push(compare(`greedy/${index}`, text, expected, 0));
    const last = toFloat32(tensors.get(`logits_last/${index}`) as StoredTensor, `logits_last/${index}`);
    quantities.push(compare(`logits_last/${index}`, logits, last, HALF_MARGIN));
  }
  return quantities;
}
