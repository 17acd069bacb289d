import {
  modelDefaults,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from "./proto.ts";

const shownElements = 4;

/**
 * The model as text, one initializer, input, node and output a line: `%h = MatMul(%x[2, 3], %w[3, 4])`. Names whose
 * shape is declared carry it; `_` stands for an optional input or output that is left out.
 */
export function printModel(model: OnnxModel): string {
  const declared = [...model.inputs, ...model.initializers, ...model.outputs];
  const shapes = new Map(declared.map(({ name, shape }) => [name, shapeText(shape)]));
  const ref = (name: string) => (name === "" ? "_" : `${nameText(name)}${shapes.get(name) ?? ""}`);
  const { irVersion, name, opset } = { ...modelDefaults, ...model };
  const opsets = Object.entries(opset).map(([domain, version]) => `${domain || "ai.onnx"} ${version}`);
  return [
    `model ${JSON.stringify(name)} (ir ${irVersion}, ${opsets.join(", ")})`,
    ...model.inputs.map((value) => `input ${typeText(value)}`),
    ...model.initializers.map((tensor) => `initializer ${typeText(tensor)} ${dataText(tensor)}`),
    ...model.nodes.map((node) => nodeText(node, ref)),
    ...model.outputs.map((value) => `output ${typeText(value)}`),
  ].join("\n");
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
