import { isFed, isSliced, isWithin, type Repeat, repeatedShape } from "../graph/repeat.ts";
import type { Graph } from "../graph/types.ts";
import { sizeOf, type Tensor, zeros } from "../util/tensor.ts";
import { inputSize } from "./errors.ts";
import { interpret } from "./interpret.ts";

/** What a repeated graph computes, by the interpreter. */
export function interpretRepeated(
  graph: Graph,
  bound: ReadonlyMap<string, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
  repeat: Repeat,
): ReadonlyMap<string, Tensor> {
  const given = new Map(inputs);
  const results = new Map<string, Tensor>();
  const { prologue, epilogue } = repeat;
  for (const [name, tensor] of prologue ? interpret(prologue, new Map([...bound, ...inputs])) : [])
    (isFed(repeat, name) ? given : results).set(name, tensor);
  for (let time = 0; time < repeat.times; time++) {
    for (const { attrs, shape } of graph.inputs) {
      const whole = inputs.get(attrs.name);
      if (!whole || bound.has(attrs.name) || !isSliced(repeat, attrs.name)) continue;
      const [size, expected] = [sizeOf(shape), repeatedShape(repeat, attrs.name, shape)];
      if (whole.data.length !== sizeOf(expected)) throw inputSize(attrs.name, whole.shape, expected);
      given.set(attrs.name, { data: whole.data.subarray(time * size, (time + 1) * size), shape });
    }
    for (const [name, tensor] of interpret(graph, new Map([...bound, ...given]))) {
      if (repeat.carried.includes(name)) {
        given.set(name, tensor);
        if (!isWithin(repeat, name)) results.set(name, tensor);
        continue;
      }
      const size = sizeOf(tensor.shape);
      const all = results.get(name) ?? {
        data: zeros("float64", repeat.times * size),
        shape: [repeat.times, ...tensor.shape],
      };
      all.data.set(tensor.data, time * size);
      results.set(name, all);
    }
  }
  return new Map([...results, ...(epilogue ? interpret(epilogue, new Map([...bound, ...given])) : [])]);
}
