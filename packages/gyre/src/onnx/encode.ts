import type { Repeat } from "../graph/repeat.ts";
import { type Graph, isOp, type OpAttrs, type OpName, type Value } from "../graph/types.ts";
import { type Precision, sizeOf, type Tensor } from "../util/tensor.ts";
import { notLowered } from "./errors.ts";
import {
  encodeModel,
  type OnnxAttribute,
  type OnnxDType,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./proto.ts";
import { repeatModel } from "./repeat.ts";
import { splits } from "./splits.ts";

/** How a graph is written as ONNX. */
export interface EncodeOptions {
  /** Element type of every `float` value. */
  readonly precision: Precision;
  /** Inputs whose values are fixed: they become initializers, which a runtime may repack. */
  readonly bound?: ReadonlyMap<string, Tensor>;
  /**
   * Hides the sizes of results behind the input ZERO. onnxruntime plans buffers of known sizes ahead and holds
   * them between uses; those of unknown size it takes and gives back as it goes: less memory, a little slower.
   */
  readonly hideShapes?: boolean;
  /** Cut a value into parts by one Split, where slices would: fewer nodes, but all parts are held at once. */
  readonly joinSlices?: boolean;
  /** Run the graph several times in one call. */
  readonly repeat?: Repeat | undefined;
  /** `repeat.prologue` and `repeat.epilogue`, as ready to be written as the graph itself, and what they are bound to. */
  readonly prologue?: BoundGraph | undefined;
  readonly epilogue?: BoundGraph | undefined;
}

/** A graph with the fixed values of some of its inputs. */
export interface BoundGraph {
  readonly graph: Graph;
  readonly bound: ReadonlyMap<string, Tensor>;
}

/** Where onnxruntime keeps operations that ONNX does not have. */
const CONTRIB = "com.microsoft";

/** An input [1] of whole numbers that must be fed 0 where shapes are hidden. */
export const ZERO = "gyre/zero";

/** Emits ONNX nodes for one value; returns nothing: the last node writes the value's own name. */
interface Emitter {
  readonly precision: Precision;
  name(value: Value): string;
  node(
    opType: string,
    inputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    out?: string,
    domain?: string,
  ): string;
  ints(values: readonly number[]): string;
  /** Dimensions of a result. */
  dims(values: readonly number[]): string;
  float(value: number, shape?: readonly number[]): string;
}

type Emit<Op extends OpName> = (
  e: Emitter,
  inputs: readonly string[],
  attrs: OpAttrs[Op],
  value: Value,
) => void;

const simple =
  (opType: string): Emit<OpName> =>
  (e, inputs) =>
    e.node(opType, inputs);
/** A sum or product. Beside a column, onnxruntime is ten times as fast with [[c]] as with the scalar c. */
const elementwise =
  (opType: string): Emit<OpName> =>
  (e, inputs, _, { inputs: values, shape }) => {
    const isColumn = shape.length > 1 && shape.at(-1) === 1;
    const operand = (value: Value, index: number) => {
      const scalar = isOp(value, "constant") && value.shape.length === 0 ? value.attrs.data[0] : undefined;
      const isShaped = isColumn && value.dtype === "float" && scalar !== undefined && scalar !== 0;
      const ones = shape.map(() => 1);
      return isShaped ? e.float(scalar, ones) : (inputs[index] as string);
    };
    e.node(opType, values.map(operand));
  };
const fused: Emit<OpName> = (_, __, ___, value) => {
  throw notLowered(value.op);
};
const leaf: Emit<OpName> = () => undefined;

const lastAxis = (value: Value) => value.shape.length - 1;
const unsqueezedIds = (e: Emitter, ids: string, rank: number) =>
  e.node("Unsqueeze", [ids, e.ints([rank])], {}, "ids");

/** Gemm's own alpha has 32 bits, so that a float64 product is scaled by a node of its own. */
function gemm(e: Emitter, [a, ...others]: readonly string[], attrs: OpAttrs["gemm"]): void {
  const { transA, transB, alpha } = attrs;
  const byNode = alpha !== 1 && e.precision === "float64";
  const left = byNode ? e.node("Mul", [a as string, e.float(alpha)], {}, "scaled") : (a as string);
  const scale = alpha === 1 || byNode ? {} : { alpha: { float: alpha } };
  e.node("Gemm", [left, ...others], { transA: Number(transA), transB: Number(transB), ...scale });
}

function rmsNormalization(e: Emitter, x: string, gain: string, epsilon: number): void {
  e.node("RMSNormalization", [x, gain], { axis: -1, epsilon: { float: epsilon } });
}

/** A norm [n, d] and what multiplies its columns [d], where a product is that: one operation does both. */
function normAndGain({ inputs }: Value): readonly [Value<"rmsNorm">, Value] | undefined {
  const [a, b] = inputs as readonly [Value, Value];
  const [norm, gain] = isOp(a, "rmsNorm") ? [a, b] : [b, a];
  if (!isOp(norm, "rmsNorm") || sizeOf(gain.shape) !== norm.shape.at(-1)) return undefined;
  return gain.shape.at(-1) === norm.shape.at(-1) ? [norm, gain] : undefined;
}

/** How each plain operation is written in ONNX; total, like the table of gradients. */
const emitters: { readonly [Op in OpName]: Emit<Op> } = {
  input: leaf,
  constant: leaf,
  neg: simple("Neg"),
  exp: simple("Exp"),
  log: simple("Log"),
  sqrt: simple("Sqrt"),
  reciprocal: simple("Reciprocal"),
  erf: simple("Erf"),
  tanh: simple("Tanh"),
  sigmoid: simple("Sigmoid"),
  relu: simple("Relu"),
  step(e, [x]) {
    const positive = e.node("Greater", [x as string, e.float(0)], {}, "positive");
    e.node("Where", [positive, e.float(1), e.float(0)]);
  },
  sin: simple("Sin"),
  cos: simple("Cos"),
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul(e, inputs, _, value) {
    const [norm, gain] = normAndGain(value) ?? [];
    if (norm && gain) rmsNormalization(e, e.name(norm.inputs[0] as Value), e.name(gain), norm.attrs.epsilon);
    else elementwise("Mul")(e, inputs, {}, value);
  },
  div: elementwise("Div"),
  matmul(e, inputs, attrs, value) {
    if (value.shape.length === 2) gemm(e, inputs, attrs);
    else if (attrs.transA || attrs.alpha !== 1)
      throw notLowered("batched matmul with a transposed left operand or a scaling");
    else if (attrs.transB) e.node("FusedMatMul", inputs, { transB: 1 }, undefined, CONTRIB);
    else e.node("MatMul", inputs);
  },
  gemm,
  reduceSum(e, [x], { axes }, value) {
    const source = value.inputs[0] as Value;
    const square = source.op === "mul" && source.inputs[0] === source.inputs[1];
    if (!square && source.shape.length === 2 && axes.join() === "0") {
      // the sums of a matrix's columns are a row of ones times the matrix, which is faster
      e.node("Gemm", [e.float(1, [1, source.shape[0] as number]), x as string], {});
      return;
    }
    e.node(square ? "ReduceSumSquare" : "ReduceSum", [
      square ? e.name(source.inputs[0] as Value) : (x as string),
      e.ints(axes),
    ]);
  },
  softmax: (e, inputs, _, value) => e.node("Softmax", inputs, { axis: lastAxis(value) }),
  logSoftmax: (e, inputs, _, value) => e.node("LogSoftmax", inputs, { axis: lastAxis(value) }),
  reshape: (e, [x], { shape }) => e.node("Reshape", [x as string, e.dims(shape)]),
  transpose: (e, inputs, { perm }) => e.node("Transpose", inputs, { perm }),
  broadcastTo: (e, [x], { shape }) => e.node("Expand", [x as string, e.dims(shape)]),
  slice: (e, [x], { axis, start, end }) =>
    e.node("Slice", [x as string, e.ints([start]), e.ints([end]), e.ints([axis])]),
  pad(e, [x], { axis, before, after }, value) {
    const zeros = value.shape.map(() => 0);
    const widths = [zeros.with(axis, before), zeros.with(axis, after)].flat();
    e.node("Pad", [x as string, e.ints(widths), e.float(0)]);
  },
  concat: (e, inputs, { axis }) => e.node("Concat", inputs, { axis }),
  gather: simple("Gather"),
  scatterAdd(e, [updates, ids], _, value) {
    const [rows, width] = value.shape as [number, number];
    const count = sizeOf((value.inputs[1] as Value).shape);
    const flat = e.node("Reshape", [updates as string, e.ints([count, width])], {}, "updates");
    const column = e.node("Reshape", [ids as string, e.ints([count, 1])], {}, "column");
    const index = e.node("Expand", [column, e.ints([count, width])], {}, "index");
    const zeros = e.node("Expand", [e.float(0), e.ints([rows, width])], {}, "zeros");
    e.node("ScatterElements", [zeros, index, flat], { axis: 0, reduction: "add" });
  },
  pick(e, [x, ids], _, value) {
    const rank = value.shape.length;
    const index = unsqueezedIds(e, ids as string, rank);
    const found = e.node("GatherElements", [x as string, index], { axis: rank }, "found");
    e.node("Squeeze", [found, e.ints([rank])]);
  },
  addAt(e, [x, values, ids], _, value) {
    const rank = value.shape.length - 1;
    const index = unsqueezedIds(e, ids as string, rank);
    const updates = e.node("Unsqueeze", [values as string, e.ints([rank])], {}, "updates");
    e.node("ScatterElements", [x as string, index, updates], { axis: rank, reduction: "add" });
  },
  gelu: simple("Gelu"),
  geluGrad: fused,
  rmsNorm(e, [x], { epsilon }, value) {
    rmsNormalization(e, x as string, e.float(1, [value.shape.at(-1) as number]), epsilon);
  },
  causalAttention: fused,
  causalAttentionGrad: fused,
  linearCrossEntropy: fused,
  linearCrossEntropyGrad: fused,
  stopGradient: simple("Identity"),
  /** A reshape to the same shape, whose shape operand waits for the earlier values: it costs no copy. */
  after(e, [x, ...earlier], _, value) {
    const empty = earlier.map((name, index) =>
      e.node("Shape", [name], { start: 0, end: 0 }, `empty${index}`),
    );
    const shape = e.node("Concat", [...empty, e.dims(value.shape)], { axis: 0 }, "shape");
    e.node("Reshape", [x as string, shape]);
  },
};

/** What a graph's encoding gathers, and how its values are written. */
interface Encoding {
  readonly precision: Precision;
  readonly hideShapes: boolean;
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  /** Shapes that stand behind ZERO already. */
  readonly hiddenShapes: Set<string>;
  nameOf(value: Value): string;
}

function store({ initializers }: Encoding, tensor: OnnxTensor): string {
  initializers.set(tensor.name, tensor);
  return tensor.name;
}

const elementType = ({ precision }: Encoding, { dtype }: Value): OnnxDType =>
  dtype === "int" ? "int32" : precision;

const floats = ({ precision }: Encoding, numbers: ArrayLike<number>) =>
  precision === "float32" ? Float32Array.from(numbers) : Float64Array.from(numbers);

/** Numbers as the initializer of an input or a constant. */
function storeValue(encoding: Encoding, value: Value, numbers: ArrayLike<number>): void {
  const data = value.dtype === "int" ? Int32Array.from(numbers) : floats(encoding, numbers);
  const dtype = elementType(encoding, value);
  store(encoding, { name: encoding.nameOf(value), dtype, shape: value.shape, data });
}

function emitterOf(encoding: Encoding, value: Value): Emitter {
  const { precision, hideShapes, nodes, hiddenShapes, nameOf } = encoding;
  const name = nameOf(value);
  const emitter: Emitter = {
    precision,
    name: nameOf,
    node(opType, inputs, attributes = {}, part, domain) {
      const output = part ? `${name}/${part}` : name;
      nodes.push({ opType, ...(domain ? { domain } : {}), inputs, outputs: [output], attributes });
      return output;
    },
    ints: (values) =>
      store(encoding, {
        name: `gyre/i${values.join("_")}`,
        dtype: "int64",
        shape: [values.length],
        data: BigInt64Array.from(values, BigInt),
      }),
    dims(values) {
      const shape = emitter.ints(values);
      if (!hideShapes) return shape;
      const hidden = `${shape}/hidden`;
      if (!hiddenShapes.has(hidden))
        nodes.push({ opType: "Add", inputs: [shape, ZERO], outputs: [hidden], attributes: {} });
      hiddenShapes.add(hidden);
      return hidden;
    },
    float(scalar, shape = []) {
      const label = `gyre/f${scalar}${shape.map((dim) => `_${dim}`).join("")}`;
      const data = floats(encoding, new Array<number>(sizeOf(shape)).fill(scalar));
      return store(encoding, { name: label, dtype: precision, shape, data });
    },
  };
  return emitter;
}

/** A graph of plain operations (see `prepareGraph`) as an ONNX model. Inputs and outputs keep their names. */
export function toOnnx(
  graph: Graph,
  { precision, bound = new Map(), hideShapes = false, joinSlices = false }: EncodeOptions,
): OnnxModel {
  const named = outputNames(graph);
  const nameOf = (value: Value) =>
    isOp(value, "input") ? value.attrs.name : (named.get(value) ?? `gyre/v${value.id}`);
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const encoding = { precision, hideShapes, nodes, initializers, hiddenShapes: new Set<string>(), nameOf };

  const joined = joinSlices ? splits(graph) : new Map<Value, readonly Value<"slice">[]>();
  for (const value of graph.values) {
    if (isOp(value, "constant")) storeValue(encoding, value, value.attrs.data);
    const emitter = emitterOf(encoding, value);
    const parts = joined.get(value);
    if (parts) {
      if (parts.length > 0) nodes.push(splitNode(parts, nameOf, emitter.ints));
      continue;
    }
    (emitters[value.op] as Emit<OpName>)(emitter, value.inputs.map(nameOf), value.attrs, value);
  }
  for (const [name, value] of graph.outputs) {
    if (nameOf(value) !== `out/${name}`)
      nodes.push({ opType: "Identity", inputs: [nameOf(value)], outputs: [`out/${name}`] });
  }

  for (const value of graph.inputs) {
    const tensor = bound.get(value.attrs.name);
    if (tensor) storeValue(encoding, value, tensor.data);
  }
  const results = [...graph.outputs.keys()].map((name) => `out/${name}`);
  const live = neededNodes(nodes, results);
  const read = new Set(live.flatMap((node) => node.inputs));
  const info = (value: Value, name: string) => ({
    ...{ name, dtype: elementType(encoding, value), shape: value.shape },
  });
  const free = graph.inputs.filter((value) => !bound.has(value.attrs.name));
  return {
    opset: { "": opsetOf(live), ...(live.some(({ domain }) => domain === CONTRIB) ? { [CONTRIB]: 1 } : {}) },
    name: "gyre",
    nodes: live,
    initializers: [...initializers.values()].filter(({ name }) => read.has(name)),
    inputs: [
      ...free.map((value) => info(value, value.attrs.name)),
      ...(hideShapes ? [{ name: ZERO, dtype: "int64" as const, shape: [1] }] : []),
    ],
    outputs: [...graph.outputs].map(([name, value]) => info(value, `out/${name}`)),
  };
}

function splitNode(
  parts: readonly Value<"slice">[],
  nameOf: (value: Value) => string,
  ints: Emitter["ints"],
): OnnxNode {
  const { attrs, inputs } = parts[0] as Value<"slice">;
  const sizes = ints(parts.map(({ attrs: { start, end } }) => end - start));
  return {
    opType: "Split",
    inputs: [nameOf(inputs[0] as Value), sizes],
    outputs: parts.map(nameOf),
    attributes: { axis: attrs.axis },
  };
}

/** 21, or what the newest of its operations asks for. */
const opsetOf = (nodes: readonly OnnxNode[]): number =>
  nodes.some(({ opType }) => opType === "RMSNormalization") ? 23 : 21;

/** Without the nodes whose result a later node took up otherwise, as a sum of squares does with its squares. */
function neededNodes(nodes: readonly OnnxNode[], results: readonly string[]): OnnxNode[] {
  const needed = new Set(results);
  const live = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return live.reverse();
}

/** Computed outputs write their own names; a second name, an input or a constant needs a copy. */
function outputNames(graph: Graph): ReadonlyMap<Value, string> {
  const computed = [...graph.outputs].filter(([, { op }]) => op !== "input" && op !== "constant");
  return new Map(computed.map(([name, value]) => [value, `out/${name}`]));
}

/** The bytes of `toOnnx`, repeated where that is asked for. */
export function encodeGraph(
  graph: Graph,
  { repeat, prologue, epilogue, ...options }: EncodeOptions,
): Uint8Array {
  const model = toOnnx(graph, options);
  if (!repeat) return encodeModel(model);
  const modelOf = (part: BoundGraph | undefined) =>
    part && toOnnx(part.graph, { ...options, bound: part.bound });
  return encodeModel(
    repeatModel(model, repeat, { prologue: modelOf(prologue), epilogue: modelOf(epilogue) }),
  );
}
