import { isSliced, type Repeat } from "../graph/repeat.ts";
import type { OnnxModel, OnnxValueInfo } from "./proto.ts";

/** What a Scan without inputs of its own counts by. */
const COUNT = "gyre/count";

/**
 * The model of a graph that runs several times in one call: ONNX's Scan around the model of one time. The model
 * `epilogue` of `repeat.epilogue` follows it.
 */
export function repeatModel(body: OnnxModel, repeat: Repeat, epilogue?: OnnxModel): OnnxModel {
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
  const last = epilogue && followingModel(epilogue);
  return {
    ...body,
    ...(epilogue ? { opset: newestOpset(body, epilogue) } : {}),
    nodes: [scan, ...(last?.nodes ?? [])],
    initializers: [
      ...(counted ? [{ ...count, data: new Int32Array(repeat.times) }] : []),
      ...(last?.initializers ?? []),
    ],
    inputs: [...inputs.filter(({ name }) => name !== COUNT).map(stacked), ...whole],
    outputs: [...outputs.map(stacked), ...(last?.outputs ?? [])],
  };
}

function newestOpset(...models: readonly OnnxModel[]): Record<string, number> {
  const newest: Record<string, number> = {};
  for (const [domain, version] of models.flatMap(({ opset = {} }) => Object.entries(opset)))
    newest[domain] = Math.max(version, newest[domain] ?? 0);
  return newest;
}

/** A model whose inputs are another one's outputs; its own values get names of their own beside that. */
function followingModel(model: OnnxModel): OnnxModel {
  const given = new Set(model.inputs.map(({ name }) => name));
  const results = new Set(model.outputs.map(({ name }) => name));
  const renamed = (name: string) =>
    given.has(name) ? `out/${name}` : results.has(name) || name === "" ? name : `epilogue/${name}`;
  return {
    ...model,
    nodes: model.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
    })),
    initializers: model.initializers.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
  };
}
