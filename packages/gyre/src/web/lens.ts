import type { Tokenizer } from "../data/tokenizer.ts";
import { openLensReader, openStateReader } from "../measure/states/collect.ts";
import { lensReading } from "../measure/states/lens.ts";
import type { Model } from "../models/model.ts";
import type { LensRequest, LensToken } from "./protocol.ts";

/** Tokens that a page shows at most after each loop. */
const USUAL_COUNT = 3;

/**
 * What the model would have said after each loop, in the place of each written token. Of a text that is longer than the context, its
 * end is read. Throws LOOPS or TRAJECTORY, PROMPT_TOKEN.
 */
export async function lensOf(
  model: Model,
  tokenizer: Tokenizer,
  { prompt, tokens, budget, count = USUAL_COUNT }: LensRequest,
): Promise<readonly LensToken[]> {
  const start = [...tokenizer.encode(prompt)];
  // the last token predicts nothing that is shown
  const read = [...start, ...tokens].slice(0, -1).slice(-model.spec.context);
  const first = Math.max(0, start.length - 1 - (start.length + tokens.length - 1 - read.length));
  if (tokens.length === 0 || read.length === 0) return [];
  await using states = await openStateReader(model, { budget, tokens: read.length });
  await using reader = await openLensReader(model, read.length - first);
  const { hidden } = await states.read(read);
  const { width, vocab } = { width: model.spec.width, vocab: tokenizer.vocab };
  const perLoop: Float32Array[][] = [];
  for (const { data } of hidden) {
    const rows = { data: data.subarray(first * width), shape: [read.length - first, width] };
    const own: Float32Array[] = [];
    for await (const logits of reader.logits(rows)) own.push(Float32Array.from(logits).subarray(0, vocab));
    perLoop.push(own);
  }
  const last = perLoop.at(-1) ?? [];
  return last.map((end, at) => ({
    loops: perLoop.map((rows) =>
      lensReading(rows[at] as Float32Array, end, count).top.map(({ token, probability }) => ({
        text: tokenizer.decode([token]),
        probability,
      })),
    ),
  }));
}
