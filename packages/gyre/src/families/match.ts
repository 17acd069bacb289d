import { canBeFloat32, type StoredTensor, toFloat32 } from "../checkpoint/safetensors.ts";
import { checkpointMismatch } from "./errors.ts";

const prefixes = ["_orig_mod.", "module.", "gpt."];
/** The token embedding, to which the head is tied. */
export const embeddingName = "transformer.wte.weight";
/** The head: a copy of it, or weights of its own. */
export const headName = "lm_head.weight";

/**
 * The weights of a model out of what a checkpoint holds, by the official names of `expected`. Accepts both official forms
 * (`gpt.` prefix as on the hub, none as in the author's files), the prefixes of torch.compile and DDP, a tied
 * `lm_head.weight`, and attention mask buffers. Names in `optional` may be missing. Throws one
 * CHECKPOINT_MISMATCH that lists every missing, extra and wrongly shaped tensor.
 */
export function matchTensors(
  expected: ReadonlyMap<string, readonly number[]>,
  given: ReadonlyMap<string, StoredTensor>,
  options: { readonly optional?: ReadonlySet<string> } = {},
): Map<string, Float32Array> {
  const problems: string[] = [];
  const found = byOwnName(expected, given, problems);
  tieHead(expected, found, problems);
  const matched = new Map<string, Float32Array>();
  for (const [name, shape] of expected) {
    const entry = found.get(name);
    if (entry === undefined) {
      if (!options.optional?.has(name)) problems.push(`missing: ${name} ${show(shape)}`);
    } else if (String(entry.tensor.shape) !== String(shape)) {
      problems.push(`wrong shape: ${entry.label} ${show(entry.tensor.shape)}, expected ${show(shape)}`);
    } else if (!canBeFloat32(entry.tensor.dtype)) {
      problems.push(`wrong dtype: ${entry.label} ${entry.tensor.dtype}, expected F32, F16, BF16 or F64`);
    } else if (problems.length === 0) {
      matched.set(name, toFloat32(entry.tensor, entry.label));
    }
  }
  for (const [name, { label, tensor }] of found) {
    if (!expected.has(name)) problems.push(`extra: ${label} ${show(tensor.shape)}`);
  }
  if (problems.length > 0) throw checkpointMismatch(problems);
  return matched;
}

interface Found {
  /** The name in the file. */
  readonly label: string;
  readonly tensor: StoredTensor;
}

function byOwnName(
  expected: ReadonlyMap<string, readonly number[]>,
  given: ReadonlyMap<string, StoredTensor>,
  problems: string[],
): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const [label, tensor] of given) {
    const name = ownName(label, expected);
    if (!expected.has(name) && isMaskBuffer(name, tensor.shape)) continue;
    const other = found.get(name);
    if (other === undefined) found.set(name, { label, tensor });
    else problems.push(`twice: ${other.label} and ${label} are both ${name}`);
  }
  return found;
}

/** The official name of a tensor: the name in the file without prefixes. */
export function ownName(label: string, expected: ReadonlyMap<string, unknown>): string {
  let name = label;
  while (!expected.has(name)) {
    const prefix = prefixes.find((candidate) => name.startsWith(candidate));
    if (prefix === undefined) return name;
    name = name.slice(prefix.length);
  }
  return name;
}

/** Causal masks that nanoGPT and GPT-2 register as buffers: they are no weights. */
function isMaskBuffer(name: string, shape: readonly number[]): boolean {
  if (name.endsWith(".attn.masked_bias")) return true;
  const [one, alsoOne, rows, columns] = shape;
  const isMask = shape.length === 4 && one === 1 && alsoOne === 1 && rows === columns;
  return name.endsWith(".attn.bias") && isMask;
}

/** A head that the model ties to its embedding must be a copy of it; alone, it stands for the embedding. */
function tieHead(
  expected: ReadonlyMap<string, readonly number[]>,
  found: Map<string, Found>,
  problems: string[],
): void {
  const copy = found.get(headName);
  if (copy === undefined || expected.has(headName) || !expected.has(embeddingName)) return;
  found.delete(headName);
  const original = found.get(embeddingName);
  if (original === undefined) found.set(embeddingName, copy);
  else if (!isSameTensor(original.tensor, copy.tensor)) {
    problems.push(`not tied: ${copy.label} differs from ${original.label}, expected an equal copy`);
  }
}

function isSameTensor(a: StoredTensor, b: StoredTensor): boolean {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false;
  return a.bytes.every((byte, at) => byte === b.bytes[at]);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
