import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { loopformer } from "../../src/models/presets.ts";
import type { Spec } from "../../src/models/spec.ts";
import { createRun, type NewRun } from "../../src/runs/run.node.ts";
import { initialState } from "../../src/train/initial-state.ts";

export const spec: Spec = loopformer({
  vocab: 257,
  context: 16,
  width: 8,
  heads: 2,
  mlp: 16,
  layers: 1,
  loops: 2,
});

/** A model that was trained elsewhere, in the fewest words. */
export const tiny: NewRun & { kind: "imported" } = {
  kind: "imported",
  spec,
  tokenizer: bytesTokenizer(),
};

/** A run with a checkpoint of a drawn model, which nobody holds. */
export async function tinyRun(path: string, { seed = 1, force = false } = {}): Promise<void> {
  await using run = await createRun(path, tiny, { force });
  await run.save(initialState(spec, seed));
  await run.appendMetrics({ step: 1, loss: seed });
}

/** Every file below a folder with its content, to compare folders by. */
export async function contentOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, "hex")]);
  return Object.fromEntries((await Promise.all(pairs)).sort());
}
