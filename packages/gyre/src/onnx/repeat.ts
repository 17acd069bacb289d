import { isFed, isSliced, isWithin, type Repeat } from "../graph/repeat.ts";
import type { OnnxModel, OnnxValueInfo } from "./proto.ts";

/** What a Scan without inputs of its own counts by. */
const COUNT = "gyre/count";

/** The models of a repeated graph's prologue and epilogue. */
interface Around {
  readonly prologue?: OnnxModel | undefined;
  readonly epilogue?: OnnxModel | undefined;
}

/**
 * The model of a graph that runs several times in one call: ONNX's Scan around the model of one time, with those of
 * `repeat.prologue` and `repeat.epilogue` before and after it.
 */
export function repeatModel(body: OnnxModel, repeat: Repeat, around: Around = {}): OnnxModel {
  const shared = new Set(repeat.shared);
  const [whole, own] = [
    body.inputs.filter(({ name }) => shared.has(name)),
    body.inputs.filter(({ name }) => !shared.has(name)),
  ];
  const outer = (name: string) => name.replace(/^out\//, "");
  const carriedFirst = (values: readonly OnnxValueInfo[]) => [
    ...repeat.carried.flatMap((name) => values.filter((value) => outer(value.name) === name)),
    ...values.filter(({ name }) => isSliced(repeat, outer(name))),
  ];
  const [inputs, outputs] = [carriedFirst(own), carriedFirst(body.outputs)];
  // a Scan counts its times by what it cuts up, so that there must be something
  const count = { name: COUNT, dtype: "int32", shape: [repeat.times] } as const;
  const counted = inputs.length === repeat.carried.length;
  if (counted) inputs.push({ ...count, shape: [] });
  // names of the surrounding graph may not come again inside
  const renamed = new Set([...inputs, ...outputs].map(({ name }) => name));
  const inside = (name: string) => (renamed.has(name) ? `each/${name}` : name);
  const named = (value: OnnxValueInfo) => ({ ...value, name: inside(value.name) });
  const stacked = (value: OnnxValueInfo) =>
    isSliced(repeat, outer(value.name)) ? { ...value, shape: [repeat.times, ...value.shape] } : value;
  const scan = {
    opType: "Scan",
    inputs: inputs.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
    attributes: {
      num_scan_inputs: inputs.length - repeat.carried.length,
      body: {
        graph: {
          name: "each",
          nodes: body.nodes.map((node) => ({
            ...node,
            inputs: node.inputs.map(inside),
            outputs: node.outputs.map(inside),
          })),
          initializers: body.initializers,
          inputs: inputs.map(named),
          outputs: outputs.map(named),
        },
      },
    },
  };
  const first = around.prologue && besides(around.prologue, "prologue", (name) => isFed(repeat, name));
  const last = around.epilogue && besides(around.epilogue, "epilogue", () => false, repeat.carried);
  const read = [
    ...(first?.inputs ?? []),
    ...inputs.filter(({ name }) => name !== COUNT && !isFed(repeat, name)).map(stacked),
    ...whole.filter(({ name }) => !isFed(repeat, name)),
    ...(last?.inputs ?? []).filter(({ name }) => !isFed(repeat, name)),
  ];
  const given = outputs.filter(({ name }) => !isWithin(repeat, outer(name)));
  return {
    ...body,
    ...(first || last ? { opset: newestOpset(body, first ?? {}, last ?? {}) } : {}),
    nodes: [...(first?.nodes ?? []), scan, ...(last?.nodes ?? [])],
    initializers: [
      ...(counted ? [{ ...count, data: new Int32Array(repeat.times) }] : []),
      ...(first?.initializers ?? []),
      ...(last?.initializers ?? []),
    ],
    inputs: [...new Map(read.map((input) => [input.name, input])).values()],
    outputs: [...given.map(stacked), ...(first?.outputs ?? []), ...(last?.outputs ?? [])],
  };
}

function newestOpset(...models: readonly Pick<OnnxModel, "opset">[]): Record<string, number> {
  const newest: Record<string, number> = {};
  for (const [domain, version] of models.flatMap(({ opset = {} }) => Object.entries(opset)))
    newest[domain] = Math.max(version, newest[domain] ?? 0);
  return newest;
}

/**
 * A model that runs beside another one: it reads what the other one `carried` to its end, its outputs are results or
 * what `feeds` the other one, and its own values get names of their own.
 */
function besides(
  model: OnnxModel,
  prefix: string,
  feeds: (name: string) => boolean,
  carried: readonly string[] = [],
): OnnxModel {
  const given = new Set(model.inputs.map(({ name }) => name));
  const results = new Set(model.outputs.map(({ name }) => name));
  const inner = (name: string) => name.replace(/^out\//, "");
  const renamed = (name: string) => {
    if (name === "") return name;
    if (given.has(name)) return carried.includes(name) ? `out/${name}` : name;
    if (!results.has(name)) return `${prefix}/${name}`;
    return feeds(inner(name)) ? inner(name) : name;
  };
  return {
    ...model,
    nodes: model.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
    })),
    initializers: model.initializers.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
    inputs: model.inputs.filter(({ name }) => !carried.includes(name)),
    outputs: model.outputs.filter(({ name }) => !feeds(inner(name))),
  };
}
