import { GraphBuilder } from "../graph/builder.ts";
import {
  add,
  addAt,
  broadcastTo,
  concat,
  cos,
  div,
  erf,
  exp,
  gather,
  gelu,
  log,
  logSoftmax,
  matmul,
  mul,
  neg,
  pad,
  pick,
  reciprocal,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  scatterAdd,
  sigmoid,
  sin,
  slice,
  softmax,
  sqrt,
  step,
  sub,
  tanh,
  transpose,
} from "../graph/ops.ts";
import { prepareGraph } from "../graph/passes/index.ts";
import type { Graph, OpName, Value } from "../graph/types.ts";
import { interpret } from "../interp/interpret.ts";
import { encodeGraph } from "../onnx/encode.ts";
import { sha256Of } from "../util/checksum.ts";
import { rng } from "../util/rng.ts";
import { sizeOf, type Tensor } from "../util/tensor.ts";
import type { Runtime } from "./runtime.ts";
import { FUSED } from "./session-runtime.ts";

/** Operands of a trial: random numbers between 0.1 and 2 of either sign, or row numbers below `most`. */
interface Operands {
  readonly float: (...shape: number[]) => Value;
  readonly ids: (most: number, ...shape: number[]) => Value;
  readonly builder: GraphBuilder;
}

type Trial = (operands: Operands) => Value;

const one =
  (apply: (x: Value) => Value, ...shape: number[]): Trial =>
  ({ float }) =>
    apply(float(...(shape.length > 0 ? shape : [7, 33])));
const two =
  (apply: (a: Value, b: Value) => Value): Trial =>
  ({ float }) =>
    apply(float(5, 1, 33), float(4, 33));
/** Of a positive operand, without the operation that is tried elsewhere. */
const positive = (apply: (x: Value) => Value): Trial => one((x) => apply(mul(x, x)));

/**
 * Small uses of every plain operation and of those that a device has whole, with the sizes at which devices were seen to be wrong: Concat of 9 and 16 parts,
 * sine and cosine over some turns, batched products with a turned operand, sums over long and middle axes.
 */
const trials: Readonly<Partial<Record<OpName, readonly Trial[]>>> = {
  neg: [one(neg)],
  exp: [one(exp)],
  log: [positive(log)],
  sqrt: [positive(sqrt)],
  reciprocal: [one(reciprocal)],
  erf: [one(erf)],
  gelu: [one(gelu)],
  tanh: [one(tanh)],
  sigmoid: [one(sigmoid)],
  relu: [one(relu)],
  step: [one(step)],
  sin: [one((x) => sin(mul(x, 16)))],
  cos: [one((x) => cos(mul(x, 16)))],
  add: [two(add)],
  sub: [two(sub)],
  mul: [two(mul)],
  div: [two(div)],
  matmul: [
    ({ float }) => matmul(float(3, 5, 33), float(3, 33, 17)),
    ({ float }) => matmul(float(2, 3, 40, 16), float(2, 3, 40, 16), { transB: true }),
    ({ float }) => matmul(float(2, 40, 16), float(2, 40, 24), { transA: true }),
    ({ float }) => matmul(float(65, 130), float(130, 70)),
  ],
  gemm: [
    ({ float, builder }) => builder.emit("gemm", [float(9, 20), float(20, 30), float(9, 30)], plainProduct),
  ],
  reduceSum: [
    one((x) => reduceSum(x, [1]), 5, 300),
    one((x) => reduceSum(x, [0]), 300, 5),
    one((x) => reduceSum(x, [1]), 3, 40, 6),
  ],
  rmsNorm: [one((x) => rmsNorm(x, 1e-5), 5, 48)],
  softmax: [one(softmax, 3, 4, 40)],
  logSoftmax: [one(logSoftmax, 9, 300)],
  reshape: [one((x) => reshape(x, [8, 15]), 4, 5, 6)],
  transpose: [one((x) => transpose(x, [0, 2, 1, 3]), 2, 5, 4, 8), one((x) => transpose(x, [1, 0]), 33, 65)],
  broadcastTo: [one((x) => broadcastTo(x, [6, 5, 7]), 5, 1)],
  slice: [one((x) => slice(x, 1, 3, 9), 4, 12), one((x) => slice(x, 2, 1, 2), 2, 3, 5)],
  pad: [one((x) => pad(x, 1, 2, 3), 4, 5)],
  concat: [2, 9, 16].map(
    (parts): Trial =>
      ({ float }) =>
        concat(Array.from({ length: parts }, () => float(3, 4)) as [Value, ...Value[]], 1),
  ),
  gather: [({ float, ids }) => gather(float(50, 12), ids(50, 4, 6))],
  scatterAdd: [({ float, ids }) => scatterAdd(float(30, 8), ids(20, 30), 20)],
  pick: [({ float, ids }) => pick(float(6, 40), ids(40, 6))],
  addAt: [({ float, ids }) => addAt(float(6, 40), float(6), ids(40, 6))],
};

const plainProduct = { transA: false, transB: false, alpha: 1 } as const;

/** An operation whose results are off, and by how much, relative to the largest of them. */
export interface WrongOperation {
  readonly op: OpName;
  readonly error: number;
}

/** Largest error that passes: a few roundings of float32. */
export const SELF_TEST_TOLERANCE = 2e-5;

/**
 * Runs every operation of forward and backward passes on a runtime and on the float64 interpreter: those whose results differ by more than
 * SELF_TEST_TOLERANCE, or that fail.
 */
export async function selfTest(
  runtime: Runtime,
  operations?: ReadonlySet<OpName>,
): Promise<WrongOperation[]> {
  const wrong: WrongOperation[] = [];
  for (const [op, tries] of Object.entries(trials) as [OpName, readonly Trial[]][]) {
    if (operations && !operations.has(op)) continue;
    let error = 0;
    for (const trial of tries) error = Math.max(error, await errorOf(runtime, drawn(trial, op)));
    if (!(error <= SELF_TEST_TOLERANCE)) wrong.push({ op, error });
  }
  return wrong;
}

/** The operations with their errors, in words. */
export const wrongText = (wrong: readonly WrongOperation[]): string =>
  wrong.map(({ op, error }) => `${op} (${error.toExponential(0)} off)`).join(", ");

/** A hash of all that the test runs: where an operation is added, or encoded in another way, it is another test. */
export function selfTestHash(): string {
  const encoded = (Object.entries(trials) as [OpName, readonly Trial[]][]).flatMap(([op, tries]) =>
    tries.map((trial) => {
      const graph = prepareGraph(drawn(trial, op).graph, { keepTransB: false, keep: FUSED });
      return sha256Of(encodeGraph(graph, { precision: "float32", joinSlices: true }));
    }),
  );
  return sha256Of(encoded.join(" "));
}

interface Drawn {
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** The graph of a trial, and random operands: the same ones every time. */
function drawn(trial: Trial, op: OpName): Drawn {
  const builder = new GraphBuilder();
  const random = rng(1, "self-test", op);
  const inputs = new Map<string, Tensor>();
  const name = () => `x${inputs.size}`;
  const y = trial({
    builder,
    float: (...shape) => {
      const input = builder.input(name(), shape);
      const draw = () => (random.uniform() < 0.5 ? -1 : 1) * (0.1 + 1.9 * random.uniform());
      inputs.set(name(), { data: Float32Array.from({ length: sizeOf(shape) }, draw), shape });
      return input;
    },
    ids: (most, ...shape) => {
      const input = builder.input(name(), shape, "int");
      inputs.set(name(), {
        data: Int32Array.from({ length: sizeOf(shape) }, () => random.below(most)),
        shape,
      });
      return input;
    },
  });
  return { graph: builder.graph({ y }), inputs };
}

async function errorOf(runtime: Runtime, { graph, inputs }: Drawn): Promise<number> {
  const expected = interpret(graph, inputs).get("y")?.data ?? [];
  try {
    await using program = await runtime.compile(graph, { buffers: 1, fused: true });
    const given = (await program.run(inputs)).get("y")?.data ?? [];
    return largestError(given, expected);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function largestError(given: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (given.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [worst, scale] = [0, 1];
  for (let at = 0; at < expected.length; at++) {
    scale = Math.max(scale, Math.abs(expected[at] as number));
    worst = Math.max(worst, Math.abs((given[at] as number) - (expected[at] as number)) || 0);
    if (!Number.isFinite(given[at])) return Number.POSITIVE_INFINITY;
  }
  return worst / scale;
}
