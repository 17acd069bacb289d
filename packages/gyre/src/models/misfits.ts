import type { Spec } from "./spec.ts";

/** What a model must fit: the widths of the vectors that a task's prompts have and ask for. */
export interface PromptWidths {
  readonly name: string;
  readonly tokenWidth: number;
  readonly outputs: number;
}

/** Where a spec does not fit a task. */
export function misfits({ readout, family }: Spec, { name, tokenWidth, outputs }: PromptWidths): string[] {
  if (readout.kind === "tokens") return [`spec: a ${family} reads tokens of a vocabulary, not prompts`];
  const problems: string[] = [];
  if (readout.inputs !== tokenWidth)
    problems.push(`spec: reads vectors of ${readout.inputs}, where tokens of ${name} have ${tokenWidth}`);
  if (readout.outputs !== outputs)
    problems.push(`spec: predicts vectors of ${readout.outputs}, where targets of ${name} have ${outputs}`);
  return problems;
}

/** Where a spec does not fit a task over a vocabulary. */
export function vocabularyMisfits(
  { readout, family, vocab }: Spec,
  { name, vocabulary }: { readonly name: string; readonly vocabulary: readonly string[] },
): string[] {
  if (readout.kind === "vectors") return [`spec: a ${family} reads vectors, where ${name} has tokens`];
  if (vocab === vocabulary.length) return [];
  return [`spec: a vocabulary of ${vocab} tokens, where ${name} has ${vocabulary.length}`];
}
