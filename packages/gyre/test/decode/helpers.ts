import type { Decoder } from "../../src/decode/decoder.ts";
import { type Route, rowsOf } from "../../src/decode/passage.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/types.ts";
import { forward, readOut } from "../../src/models/assembly.ts";
import type { Model } from "../../src/models/model.ts";
import type { Budget } from "../../src/models/spec.ts";
import type { Tensor } from "../../src/util/tensor.ts";
import { routeInputs, valuesOf } from "../models/tiny.ts";

/** Logits [T, vocab] of the whole forward pass in float64, without a cache. */
export function fullLogits({ spec, weights }: Model, text: readonly number[], budget: Budget): number[] {
  const loops = typeof budget === "number" ? budget : budget.length;
  const builder = new GraphBuilder();
  const hidden = forward(builder, spec, { batch: 1, tokens: text.length, loops }).get(loops) as Value;
  const graph = builder.graph({ logits: readOut(builder, spec, hidden) });
  const tokens: Tensor = { data: Int32Array.from(text), shape: [1, text.length] };
  const inputs: [string, Tensor][] = [["tokens", tokens], ...weights, ...routeInputs(spec, budget)];
  return valuesOf(graph, inputs).get("logits") as number[];
}

/** Logits of every position, the text given to the decoder in pieces of these lengths, then token by token. */
export async function cachedLogits(
  decoder: Decoder,
  text: readonly number[],
  route: Route,
  pieces: readonly number[],
): Promise<number[]> {
  const sequence = decoder.start();
  const logits: number[][] = [];
  for (let start = 0, piece = 0; start < text.length; piece++) {
    const part = text.slice(start, start + (pieces[piece] || 1));
    const hidden = await decoder.append(sequence, part, route);
    for (const row of await decoder.logits(rowsOf(hidden, decoder.model.spec.width))) logits.push([...row]);
    start += part.length;
  }
  return logits.flat();
}
