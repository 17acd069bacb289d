import { openOnnxRuntime } from "../packages/gyre/src/runtime/onnx.node.ts";
import type { Program, Runtime } from "../packages/gyre/src/runtime/runtime.ts";
import { promptStepGraph } from "../packages/gyre/src/train/objectives/prompts.ts";
import { sha256Of } from "../packages/gyre/src/util/checksum.node.ts";
import type { Tensor } from "../packages/gyre/src/util/tensor.ts";
import type { PromptCase } from "./conformance-prompts.ts";
import { expectFloats, largest, type Quantity, storedName } from "./conformance-tools.ts";
import { leastSquares } from "./least-squares.ts";

export interface Solved {
  readonly biases: readonly (readonly [string, Tensor])[];
  /** How well the file's numbers agree on the biases. */
  readonly quantities: readonly Quantity[];
}

/** Root mean square by which the numbers of a file, each of at most about 1 and float32, may miss the biases. */
const GOAL = 3e-7;
const TOLERANCE = 1e-5;

const known = new Map<string, Promise<Solved>>();

/**
 * Attention biases that a case file lost, because their names end like that of the official attention mask,
 * `attn.bias`. Its predictions and gradients are hundreds of times as many numbers, so they say what the biases
 * were: least squares in float64, on the predictions where they are enough, then on everything. The keys' third moves no output and
 * stays zero. All numbers are still a test: no bias makes up for another formula.
 */
export function solveMissing(test: PromptCase): Promise<Solved> {
  if (test.missing.length === 0) return Promise.resolve({ biases: [], quantities: [] });
  const key = sha256Of(...[...test.tensors].flatMap(([name, { bytes }]) => [name, bytes]));
  const solved = known.get(key) ?? solve(test);
  known.set(key, solved);
  return solved;
}

async function solve(test: PromptCase): Promise<Solved> {
  const { spec, missing } = test;
  await using runtime = await openOnnxRuntime({ threads: 1, precision: "float64" });
  let point = new Float64Array(missing.length * 2 * spec.width);
  let [error, equations] = [0, 0];
  const { shape, window } = test;
  const isEnough = window * shape.batch * shape.readAt.length > point.length;
  for (const backward of isEnough ? [false, true] : [true]) {
    await using program = await compile(test, runtime, backward);
    const residuals = residualsOf(test, program);
    const found = await leastSquares(residuals, point, { goal: GOAL, most: backward && isEnough ? 8 : 60 });
    point = Float64Array.from(found.point);
    equations = (await residuals(point)).length;
    error = Math.sqrt((2 * found.cost) / equations);
  }
  const name = `${point.length} biases not in the file, from ${equations} numbers`;
  const biases = biasesOf(test, point).map(
    ([bias, { data, shape }]) => [bias, { data: Float32Array.from(data), shape }] as const,
  );
  return { biases, quantities: [{ name, error, tolerance: TOLERANCE, ok: error <= TOLERANCE }] };
}

const compile = ({ spec, shape, window }: PromptCase, runtime: Runtime, backward: boolean) =>
  runtime.compile(promptStepGraph(spec, shape, { window, inspect: true, backward }));

/** The queries' and the values' biases of each layer, put where `qkv` has them. */
function biasesOf({ spec: { width }, missing }: PromptCase, point: Float64Array): [string, Tensor][] {
  return missing.map((name, layer) => {
    const own = point.subarray(layer * 2 * width, (layer + 1) * 2 * width);
    const data = new Float64Array(3 * width);
    data.set(own.subarray(0, width));
    data.set(own.subarray(width), 2 * width);
    return [name, { data, shape: [3 * width] }];
  });
}

/** By how much what a program computes misses the file, each gradient over its largest magnitude. */
function residualsOf(test: PromptCase, program: Program) {
  const wide = [...test.inputs].map(([name, { data, shape }]): [string, Tensor] => [
    name,
    { data: Float64Array.from(data), shape },
  ]);
  return async (at: Float64Array) => {
    const outputs = await program.run(new Map([...wide, ...biasesOf(test, at)]));
    const gaps: number[] = [];
    for (const [output, { data }] of outputs) {
      const expected = expectFloats(test, storedName(output, test.names));
      if (!expected) continue;
      const scale = output.startsWith("grad/") ? largest(expected) : 1;
      for (const [index, value] of expected.entries()) gaps.push(((data[index] as number) - value) / scale);
    }
    return Float64Array.from(gaps);
  };
}
