import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { baseLoop, loopformer } from "../../src/models/presets.ts";
import { parseSpec, type Spec } from "../../src/models/spec.ts";
import { createRun } from "../../src/runs/run.node.ts";
import { initialState } from "../../src/train/initial-state.ts";
import type { Weights } from "../../src/util/tensor.ts";

const size = {
  vocab: 257,
  context: 64,
  width: 16,
  heads: 2,
  mlp: 32,
  layers: 1,
  loops: 4,
};
export const spec = loopformer(size);

/** Weights that were drawn and not trained, scaled up so that depth matters. */
export function tinyWeights(of: Spec = spec): Weights {
  return new Map(
    [...initialWeights(of, 1)].map(([name, { data, shape }]) => {
      return [name, { data: shape.length > 1 ? data.map((value) => 6 * value) : data, shape }];
    }),
  );
}

/** A model that says one token for ever: its embedding alone points along the final norm of any state. */
const endlessSpec = parseSpec({ ...spec, context: 4096 });
function endlessWeights(token: number): Weights {
  const weights = initialWeights(endlessSpec, 1);
  const fill = (name: string, value: number, start?: number, end?: number) =>
    weights.get(name)?.data.fill(value, start, end);
  for (const name of weights.keys()) if (name !== "readout.norm.weight") fill(name, 0);
  fill("embed.positions.weight", 1);
  fill("embed.tokens.weight", 100, token * spec.width, (token + 1) * spec.width);
  return weights;
}

/** Not trained for other depths than its own. */
const plainSpec = baseLoop(size);

function brokenWeights(): Weights {
  const weights = tinyWeights();
  weights.get("readout.norm.weight")?.data.fill(Number.NaN, 0, 1);
  return weights;
}

const made: Readonly<Record<string, () => [Spec, Weights]>> = {
  endless: () => [endlessSpec, endlessWeights(65)],
  silent: () => [endlessSpec, endlessWeights(256)],
  plain: () => [plainSpec, tinyWeights(plainSpec)],
  broken: () => [spec, brokenWeights()],
};

/**
 * A folder with a run of each name, and how to delete it. "endless" says "A" for ever, "silent" the end of text, "broken"
 * has weights that are no numbers, and "plain" is the one above.
 */
export async function tinyRuns(
  ...names: string[]
): Promise<{ paths: string[]; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "gyre-serve-"));
  const paths = names.map((name) => join(folder, name));
  for (const path of paths) {
    const [of, weights] = made[basename(path)]?.() ?? [spec, tinyWeights()];
    await using run = await createRun(path, { kind: "imported", spec: of, tokenizer: bytesTokenizer() });
    await run.save({ ...initialState(of, 1), weights });
  }
  return { paths, remove: () => rm(folder, { recursive: true, force: true }) };
}
