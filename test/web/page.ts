// What the tests do within a page; each returns plain data.
import { Decoder, generate, initialWeights, loopformer } from "gyre";
import { openWebRuntime, type WebRuntime } from "gyre/web";
import { opCases } from "../../packages/gyre/test/graph/op-cases.ts";
import { buildCase, toMap, worstError } from "../../packages/gyre/test/graph/run-case.ts";
import { type GoldenCurve, goldenCurve } from "../../scripts/golden-case.ts";

type Provider = WebRuntime["provider"];
interface Asked {
  readonly provider: Provider;
  readonly threads: number;
}

const opened = new Map<string, Promise<WebRuntime>>();
const open = ({ provider, threads }: Asked): Promise<WebRuntime> => {
  const key = `${provider} ${threads}`;
  const known = opened.get(key) ?? openWebRuntime({ provider, threads, wasmPaths: "/ort/" });
  opened.set(key, known);
  return known;
};

interface Heap {
  readonly buffer: { readonly byteLength: number };
}
/** Every shared wasm heap of this page; it never shrinks, so that a leak shows as growth. */
const heaps: Heap[] = [];
const page = globalThis as unknown as { WebAssembly: { Memory: new (descriptor: object) => Heap } };
page.WebAssembly.Memory = new Proxy(page.WebAssembly.Memory, {
  construct(target, [descriptor]: [object]) {
    const memory = new target(descriptor);
    heaps.push(memory);
    return memory;
  },
});
const wasmBytes = () => heaps.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

const float32 = (inputs: ReturnType<typeof toMap>) =>
  new Map(
    [...inputs].map(([name, { data, shape }]) => [
      name,
      { data: data instanceof Int32Array ? data : Float32Array.from(data), shape },
    ]),
  );

const tests = {
  /** What opened, and what the device has wrong. */
  async open(asked: Asked) {
    const { runtime, provider, hosted, reason } = await open(asked);
    const { crossOriginIsolated: isIsolated } = globalThis as { crossOriginIsolated?: boolean };
    return { name: runtime.name, provider, hosted: hosted.map(({ op }): string => op), reason, isIsolated };
  },

  /** Operations whose cases are off by more than `tolerance`. */
  async operations({ tolerance, ...asked }: Asked & { readonly tolerance: number }) {
    const { runtime } = await open(asked);
    const wrong: { op: string; error: number }[] = [];
    for (const [op, cases] of Object.entries(opCases)) {
      for (const opCase of cases) {
        const { graph } = buildCase(opCase);
        await using program = await runtime.compile(graph);
        const y = (await program.run(float32(toMap(opCase.inputs)))).get("y");
        const error = worstError(y?.data ?? [], opCase.expected);
        if (!(error < tolerance)) wrong.push({ op, error });
      }
    }
    return wrong;
  },

  async golden(asked: Asked): Promise<GoldenCurve> {
    return await goldenCurve((await open(asked)).runtime);
  },

  /** Greedy and drawn text of random weights, as token ids. */
  async text({ loops, temperature, ...asked }: Asked & { loops: number; temperature: number }) {
    const { runtime } = await open(asked);
    const spec = loopformer({ vocab: 64, context: 64, width: 32, heads: 4, mlp: 64, layers: 2, loops: 4 });
    const model = { spec, weights: initialWeights(spec, 3), runtime };
    const tokens: number[] = [];
    for await (const { token } of generate(model, [1, 2, 3], { loops, temperature, maxTokens: 50, seed: 5 }))
      tokens.push(token);
    return tokens;
  },

  /** Bytes that the wasm heap grows by in so many cycles of opening and disposing, after some to begin with. */
  async cycles({ cycles, ...asked }: Asked & { readonly cycles: number }) {
    const { runtime } = await open(asked);
    const spec = loopformer({ vocab: 64, context: 64, width: 64, heads: 4, mlp: 128, layers: 1, loops: 4 });
    const weights = initialWeights(spec, 3);
    const cycle = async () => {
      await using decoder = new Decoder({ spec, weights, runtime });
      const route = await decoder.route(2);
      await decoder.append(decoder.start(), [1, 2, 3], route);
    };
    for (let at = 0; at < 20; at++) await cycle();
    const before = wasmBytes();
    for (let at = 0; at < cycles; at++) await cycle();
    if (heaps.length === 0) throw new Error("no heap was seen");
    return wasmBytes() - before;
  },
};
export type PageTests = typeof tests;

Object.assign(globalThis, { tests });
