import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesTokenizer, initialState, initialWeights, presets, type Size, type Spec } from "gyre";
import { createRun, openDataset, prepareDataset, type Run } from "gyre/node";

export const size: Size = { vocab: 257, context: 16, width: 16, heads: 2, mlp: 32, layers: 1, loops: 4 };
export const loopformer = presets.loopformer(size);
export const gpt = presets.gpt({ ...size, layers: 2, loops: 1 });

/** A folder that holds what a test makes, and is deleted with `remove`. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "gyre-cli-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Prepares a few hundred bytes of text. */
export async function tinyData(out: string, word = "people"): Promise<string> {
  const text = Array.from(
    { length: 80 },
    (_, index) => `We the ${word} hold truth ${index % 7} dear.\n`,
  ).join("");
  await prepareDataset({
    documents: [{ name: "tiny.txt", text }],
    source: "tiny.txt",
    tokenizer: { kind: "bytes" },
    out,
  });
  return out;
}

/** A run of a model that was drawn and not trained, scaled up so that its depth matters. */
export async function tinyRun(path: string, spec: Spec = loopformer, data?: string): Promise<Run> {
  const dataset = data === undefined ? undefined : await openDataset(data);
  await using run = await createRun(path, {
    kind: "imported",
    spec,
    tokenizer: bytesTokenizer(),
    ...(data && dataset ? { data: { path: data, manifest: dataset.manifest } } : {}),
  });
  const weights = new Map(
    [...initialWeights(spec, 1)].map(([name, { data, shape }]) => {
      return [name, { data: shape.length > 1 ? data.map((value) => 6 * value) : data, shape }];
    }),
  );
  await run.save({ ...initialState(spec, 1), weights });
  return run;
}
