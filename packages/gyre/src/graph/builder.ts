import type { TensorData } from "../util/tensor.ts";
import { duplicateInput, mixedBuilders } from "./errors.ts";
import { inferType, type ValueType } from "./infer.ts";
import type { DType, Graph, OpAttrs, OpName, Shape, Value } from "./types.ts";

/**
 * Builds a graph value by value. Equal expressions are built once: the builder returns the value that it
 * already has (common subexpression elimination by construction).
 */
export class GraphBuilder {
  readonly values: Value[] = [];
  readonly #known = new Map<string, Value>();
  readonly #constants = new Map<string, { readonly data: TensorData; readonly key: number }[]>();
  #constantCount = 0;
  #segment: number | undefined;
  #segmentCount = 0;

  /** A named input of the graph. */
  input(name: string, shape: Shape, dtype: DType = "float"): Value<"input"> {
    const before = this.#known.get(`input ${name}`);
    if (before && (before.dtype !== dtype || before.shape.join() !== shape.join()))
      throw duplicateInput(name);
    return this.#intern(`input ${name}`, "input", [], { name }, { dtype, shape }) as Value<"input">;
  }

  /** A constant tensor; equal constants are stored once. */
  constant(data: TensorData | readonly number[], shape: Shape, dtype: DType = "float"): Value<"constant"> {
    const array: TensorData = Array.isArray(data)
      ? dtype === "int"
        ? Int32Array.from(data)
        : Float64Array.from(data)
      : (data as TensorData);
    const key = `constant ${dtype} ${shape.join()} ${this.#constantKey(array)}`;
    return this.#intern(key, "constant", [], { data: array }, { dtype, shape }) as Value<"constant">;
  }

  /** A scalar constant. */
  scalar(value: number): Value<"constant"> {
    return this.constant([value], []);
  }

  /** Emits one operation; its type is inferred and its operands checked. */
  emit<Op extends Exclude<OpName, "input" | "constant">>(
    op: Op,
    inputs: readonly Value[],
    attrs: OpAttrs[Op],
  ): Value<Op> {
    if (inputs.some((input) => input.builder !== this)) throw mixedBuilders(op);
    const type = inferType(op, inputs, attrs);
    const key = `${op} ${inputs.map((input) => input.id).join()} ${JSON.stringify(attrs)}`;
    return this.#intern(key, op, inputs, attrs, type) as Value<Op>;
  }

  /** Builds `body` as one recomputation segment: its values are rebuilt in the backward pass, not kept. */
  recomputed<T>(body: () => T): T {
    const outer = this.#segment;
    this.#segment = this.#segmentCount++;
    try {
      return body();
    } finally {
      this.#segment = outer;
    }
  }

  /** The graph that computes `outputs`: values that no output needs are left out (dead code). */
  graph(outputs: Readonly<Record<string, Value>>): Graph {
    const needed = new Set<Value>();
    const stack = Object.values(outputs);
    for (let value = stack.pop(); value; value = stack.pop()) {
      if (needed.has(value)) continue;
      if (value.builder !== this) throw mixedBuilders("graph output");
      needed.add(value);
      stack.push(...value.inputs);
    }
    const values = this.values.filter((value) => needed.has(value));
    const inputs = values.filter((value): value is Value<"input"> => value.op === "input");
    return { values, inputs, outputs: new Map(Object.entries(outputs)) };
  }

  #intern(key: string, op: OpName, inputs: readonly Value[], attrs: OpAttrs[OpName], type: ValueType): Value {
    const known = this.#known.get(key);
    if (known) return known;
    const value: Value = {
      id: this.values.length,
      op,
      inputs,
      attrs,
      dtype: type.dtype,
      shape: type.shape,
      segment: this.#segment,
      builder: this,
    };
    this.values.push(value);
    this.#known.set(key, value);
    return value;
  }

  #constantKey(data: TensorData): number {
    const bucketKey = `${data.length} ${data[0] ?? ""} ${data[data.length - 1] ?? ""}`;
    const bucket = this.#constants.get(bucketKey) ?? [];
    this.#constants.set(bucketKey, bucket);
    const same = bucket.find((entry) =>
      entry.data.every((element, index) => Object.is(element, data[index])),
    );
    if (same) return same.key;
    const key = this.#constantCount++;
    bucket.push({ data, key });
    return key;
  }
}
