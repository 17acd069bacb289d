import { type Graph, isOp, type Value } from "./types.ts";

/**
 * The graph as text, one value a line: `%5 = add(%3, %4) : [2, 8]`. Numbering is dense, so two graphs of the
 * same structure print alike.
 */
export function printGraph(graph: Graph): string {
  const numbers = new Map(graph.values.map((value, index) => [value, index]));
  const ref = (value: Value) => scalarText(value) ?? `%${numbers.get(value)}`;
  const lines = graph.values
    .filter((value) => scalarText(value) === undefined)
    .map((value) => `%${numbers.get(value)} = ${expression(value, ref)} : ${typeText(value)}`);
  const outputs = [...graph.outputs].map(([name, value]) => `${name} = ${ref(value)}`);
  return [...lines, `return ${outputs.join(", ")}`].join("\n");
}

function scalarText(value: Value): string | undefined {
  if (!isOp(value, "constant") || value.shape.length > 0) return undefined;
  return String(Number((value.attrs.data[0] as number).toPrecision(7)));
}

function typeText({ dtype, shape }: Value): string {
  return `${dtype === "float" ? "" : dtype}[${shape.join(", ")}]`;
}

function expression(value: Value, ref: (value: Value) => string): string {
  if (isOp(value, "input")) return `input ${JSON.stringify(value.attrs.name)}`;
  if (isOp(value, "constant")) {
    const { data } = value.attrs;
    const shown = [...data.slice(0, 4)].map((element) => Number(element.toPrecision(4)));
    return `constant {${shown.join(", ")}${data.length > 4 ? ", ..." : ""}}`;
  }
  const attrs = Object.entries(value.attrs)
    .filter(([name, attr]) => attr !== false && !(name === "alpha" && attr === 1))
    .map(([name, attr]) =>
      attr === true ? name : `${name}: ${Array.isArray(attr) ? `[${attr.join(", ")}]` : attr}`,
    );
  return `${value.op}(${[...value.inputs.map(ref), ...attrs].join(", ")})`;
}
