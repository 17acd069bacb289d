import { generate } from "../../src/decode/generate.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { loopformer } from "../../src/models/presets.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** Text of random weights, as token ids. */
export async function textOf(runtime: Runtime): Promise<number[]> {
  const spec = loopformer({ vocab: 64, context: 64, width: 32, heads: 4, mlp: 64, layers: 2, loops: 4 });
  const model = { spec, weights: initialWeights(spec, 3), runtime };
  const tokens: number[] = [];
  for await (const { token } of generate(model, [1, 2, 3], {
    loops: 4,
    temperature: 1,
    maxTokens: 20,
    seed: 5,
  }))
    tokens.push(token);
  return tokens;
}
