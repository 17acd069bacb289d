import {
  modelDefaults,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from "../../src/onnx/proto.ts";

const shownElements = 4;

/**
 * The model as text, one initializer, input, node and output a line: `%h = MatMul(%x[2, 3], %w[3, 4])`. Names whose
 * shape is declared carry it; `_` stands for an optional input or output that is left out.
 */
export function printModel(model: OnnxModel): string {
  const { irVersion, name, opset } = { ...modelDefaults, ...model };
  const opsets = Object.entries(opset).map(([domain, version]) => `${domain || "ai.onnx"} ${version}`);
  return [`model ${JSON.stringify(name)} (ir ${irVersion}, ${opsets.join(", ")})`, ...graphLines(model)].join(
    "\n",
  );
}

function graphLines(graph: OnnxGraph): string[] {
  const declared = [...graph.inputs, ...graph.initializers, ...graph.outputs];
  const shapes = new Map(declared.map(({ name, shape }) => [name, shapeText(shape)]));
  const ref = (name: string) => (name === "" ? "_" : `${nameText(name)}${shapes.get(name) ?? ""}`);
  return [
    ...graph.inputs.map((value) => `input ${typeText(value)}`),
    ...graph.initializers.map((tensor) => `initializer ${typeText(tensor)} ${dataText(tensor)}`),
    ...graph.nodes.map((node) => nodeText(node, ref)),
    ...graph.outputs.map((value) => `output ${typeText(value)}`),
  ];
}

function nodeText(node: OnnxNode, ref: (name: string) => string): string {
  const op = node.domain ? `${node.domain}.${node.opType}` : node.opType;
  const attributes = Object.entries(node.attributes ?? {}).map(
    ([key, value]) => `${key}: ${attributeText(value)}`,
  );
  const operands = [...node.inputs.map(ref), ...attributes].join(", ");
  return `${node.outputs.map(ref).join(", ")} = ${op}(${operands})`;
}

function attributeText(value: OnnxAttribute): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if ("float" in value) return floatText(value.float);
  if ("floats" in value) return `[${value.floats.map(floatText).join(", ")}]`;
  if ("tensor" in value)
    return `${value.tensor.dtype}${shapeText(value.tensor.shape)} ${dataText(value.tensor)}`;
  if ("graph" in value) {
    const lines = graphLines(value.graph).join("\n").replaceAll("\n", "\n  ");
    return `graph {\n  ${lines}\n}`;
  }
  return `[${value.join(", ")}]`;
}

function floatText(value: number): string {
  const text = String(Number(value.toPrecision(7)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function typeText({ name, dtype, shape }: OnnxValueInfo): string {
  return `${nameText(name)}: ${dtype}${shapeText(shape)}`;
}

function dataText({ data }: OnnxTensor): string {
  const elements: readonly (number | bigint)[] = [...data.subarray(0, shownElements)];
  const shown = elements.map((element) =>
    typeof element === "bigint" ? element : Number(element.toPrecision(4)),
  );
  return `{${shown.join(", ")}${data.length > shownElements ? ", ..." : ""}}`;
}

function nameText(name: string): string {
  return /^[\w./:-]+$/.test(name) ? `%${name}` : `%${JSON.stringify(name)}`;
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
