import type { DType, Graph, Shape } from "./types.ts";

/**
 * A graph that runs several times in one call, over one copy of its weights. Inputs and outputs that are neither
 * carried nor shared have an axis of length `times` in front: each time reads and writes its own slice. Inputs of one
 * name are one input, whichever of the graphs read it.
 */
export interface Repeat {
  readonly times: number;
  /** Names of an input and an output: each time starts from what the one before left. */
  readonly carried: readonly string[];
  /** Carried ones that are no results: only the next time reads them, and the epilogue. */
  readonly within?: readonly string[];
  /** Inputs that every time reads whole. */
  readonly shared: readonly string[];
  /** What runs once before the first time: its outputs stand for inputs of their names, and the others join the results. */
  readonly prologue?: Graph;
  /** What runs once after the last time: it reads carried values by their names, and its outputs join the others. */
  readonly epilogue?: Graph;
}

/** Whether a name has an axis of `times` in front. */
export const isSliced = ({ carried, shared }: Repeat, name: string): boolean =>
  !carried.includes(name) && !shared.includes(name);

/** Whether the prologue computes the input of a name. */
export const isFed = (repeat: Repeat, name: string): boolean =>
  !isSliced(repeat, name) && repeat.prologue?.outputs.has(name) === true;

/** Whether an output of a name is no result. */
export const isWithin = ({ within }: Repeat, name: string): boolean => within?.includes(name) === true;

/** The shape of an input or output of a graph that may be repeated. */
export const repeatedShape = (repeat: Repeat | undefined, name: string, shape: Shape): Shape =>
  repeat && isSliced(repeat, name) ? [repeat.times, ...shape] : shape;

/** An input or output of a whole call. */
interface Port {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a call of a graph, that may be repeated, reads and gives. */
export function portsOf(
  graph: Graph,
  repeat?: Repeat,
): { inputs: readonly Port[]; outputs: readonly Port[] } {
  const inputsOf = (one: Graph | undefined): Port[] =>
    (one?.inputs ?? []).map(({ attrs: { name }, shape, dtype }) => ({ name, shape, dtype }));
  const outputsOf = (one: Graph | undefined): Port[] =>
    [...(one?.outputs ?? [])].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
  const shaped = (port: Port) => ({ ...port, shape: repeatedShape(repeat, port.name, port.shape) });
  const own = { inputs: inputsOf(graph).map(shaped), outputs: outputsOf(graph).map(shaped) };
  if (!repeat) return own;
  const read = [
    ...inputsOf(repeat.prologue),
    ...own.inputs.filter(({ name }) => !isFed(repeat, name)),
    ...inputsOf(repeat.epilogue).filter(({ name }) => !repeat.carried.includes(name) && !isFed(repeat, name)),
  ];
  const first = outputsOf(repeat.prologue).filter(({ name }) => !isFed(repeat, name));
  const given = own.outputs.filter(({ name }) => !isWithin(repeat, name));
  return {
    inputs: [...new Map(read.map((port) => [port.name, port])).values()],
    outputs: [...given, ...first, ...outputsOf(repeat.epilogue)],
  };
}
