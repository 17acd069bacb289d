import { describe, expect, test } from "vitest";
import { gradients } from "../../src/grad/gradients.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { add, meanAll, mul, tanh } from "../../src/graph/ops.ts";
import type { OpName, Value } from "../../src/graph/types.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { floats, opCases } from "../graph/op-cases.ts";
import { buildCase, toMap, worstError } from "../graph/run-case.ts";

export interface Conformance {
  readonly open: () => Promise<Runtime>;
  /** Largest absolute error of the cases, whose values and sums stay below 100. */
  readonly tolerance: number;
  /** What a runtime wants floats as. */
  readonly cast: (tensor: Tensor) => Tensor;
}

/** What every runtime must do, whatever it runs on. */
export function runtimeConformance(name: string, { open, tolerance, cast }: Conformance): void {
  const castAll = (inputs: Readonly<Record<string, Tensor>>) =>
    new Map([...toMap(inputs)].map(([key, tensor]) => [key, cast(tensor)]));

  describe(`every operation on ${name}`, () => {
    for (const op of Object.keys(opCases) as OpName[]) {
      test(op, async () => {
        await using runtime = await open();
        for (const opCase of opCases[op]) {
          const { graph, out } = buildCase(opCase);
          const program = await runtime.compile(graph);
          const y = (await program.run(castAll(opCase.inputs))).get("y") as Tensor;
          expect(worstError(y.data, opCase.expected)).toBeLessThan(tolerance);
          expect(y.shape).toEqual(out.shape);
        }
      });
    }
  });

  test(`${name}: a recomputed segment gives the same gradients, bit for bit`, async () => {
    await using runtime = await open();
    const results: number[][] = [];
    for (const recompute of [false, true]) {
      const builder = new GraphBuilder();
      const x = builder.input("x", [4]);
      const body = () => tanh(mul(tanh(x), x));
      const y = recompute ? builder.recomputed(body) : body();
      const [dx] = gradients(meanAll(mul(y, y)), [x]) as [Value];
      const program = await runtime.compile(builder.graph({ dx }));
      const out = await program.run(castAll({ x: floats([4], 0.5, -1, 2, 0.1) }));
      results.push([...(out.get("dx") as Tensor).data]);
    }
    expect(results[1]).toEqual(results[0]);
  });

  test(`${name}: bound inputs need not be passed`, async () => {
    await using runtime = await open();
    const builder = new GraphBuilder();
    const graph = builder.graph({ y: add(builder.input("a", [2]), builder.input("b", [2])) });
    const bound = castAll({ b: floats([2], 10, 20) });
    const program = await runtime.compile(graph, { bound });
    const out = await program.run(castAll({ a: floats([2], 1, 2) }));
    expect([...(out.get("y") as Tensor).data]).toEqual([11, 22]);
  });

  test(`${name}: an input that is missing or of another size is refused by name`, async () => {
    await using runtime = await open();
    const builder = new GraphBuilder();
    const program = await runtime.compile(builder.graph({ y: tanh(builder.input("speed", [2])) }));
    await expect(program.run(new Map())).rejects.toThrow(/_INPUT.*\n.*speed/);
    await expect(program.run(castAll({ speed: floats([3], 1, 2, 3) }))).rejects.toThrow(/_SHAPE.*speed/);
  });
}
