import type { Model } from "../models/model.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Decoder } from "./decoder.ts";

/** Decoders that stay on one runtime when nobody uses them: a text after a text compiles nothing again. */
const MOST_IDLE = 4;

interface Lent {
  readonly decoder: Decoder;
  /** How many use it now. */
  holders: number;
  /** Another one has taken its place: it is disposed of when nobody uses it. */
  isReplaced: boolean;
}

/** A decoder for as long as it is used. */
export interface Loan extends AsyncDisposable {
  readonly decoder: Decoder;
}

/** By runtime, the one used last at the end. */
const all = new WeakMap<Runtime, Lent[]>();

/**
 * The decoder of a model: the one that was used before for these weights, if all of them are what they were, else a new
 * one. Training changes weights in place, so it is their checksum that decides. Decoders that were replaced, and those
 * used longest ago, are disposed of once nobody uses them.
 */
export async function borrowDecoder(model: Model): Promise<Loan> {
  const lent = all.get(model.runtime) ?? [];
  all.set(model.runtime, lent);
  const known = lent.find(({ decoder }) => isOf(model, decoder));
  const isUsable = known?.decoder.isCurrent === true;
  const own: Lent =
    known && isUsable ? known : { decoder: new Decoder(model), holders: 0, isReplaced: false };
  own.holders++;
  const others = lent.filter((one) => one !== own);
  const replaced = others.filter((one, index) => one === known || index < others.length - (MOST_IDLE - 1));
  lent.splice(0, lent.length, ...others.filter((one) => !replaced.includes(one)), own);
  for (const one of replaced) one.isReplaced = true;
  for (const one of replaced) await disposeIfIdle(one);
  return {
    decoder: own.decoder,
    async [Symbol.asyncDispose]() {
      own.holders--;
      await disposeIfIdle(own);
    },
  };
}

const isOf = ({ weights, spec }: Model, { model }: Decoder): boolean =>
  model.weights === weights && JSON.stringify(model.spec) === JSON.stringify(spec);

async function disposeIfIdle({ decoder, holders, isReplaced }: Lent): Promise<void> {
  if (isReplaced && holders === 0) await decoder[Symbol.asyncDispose]();
}
