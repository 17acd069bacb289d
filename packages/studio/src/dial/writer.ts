import type { LensToken, WorkerModel, Written } from "gyre/web";
import { type PlainProblem, plainProblem } from "../engine/plain-words.ts";
import { budgetOf, type Depth, optionsOf } from "./depth.ts";

/** What one side of the page has written. */
export interface WrittenText {
  readonly tokens: readonly Written[];
  /** For each token, once the text is done. */
  readonly lens: readonly LensToken[];
  readonly tokensPerSecond: number | undefined;
  readonly problem: (PlainProblem & { readonly detail: string }) | undefined;
}

export const nothing: WrittenText = { tokens: [], lens: [], tokensPerSecond: undefined, problem: undefined };

export interface Writing {
  readonly prompt: string;
  readonly depth: Depth;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onChange: (text: WrittenText) => void;
}

/** Writes a text token by token, and then looks into it. Never rejects: a problem is part of what is shown. */
export async function write(
  worker: Pick<WorkerModel, "generate" | "lens">,
  { prompt, depth, signal, onChange, ...sampling }: Writing,
): Promise<void> {
  let text = nothing;
  const show = (change: Partial<WrittenText>) => {
    text = { ...text, ...change };
    onChange(text);
  };
  const started = performance.now();
  try {
    for await (const token of worker.generate(prompt, { ...sampling, ...optionsOf(depth), signal })) {
      const tokens = [...text.tokens, token];
      show({ tokens, tokensPerSecond: (1000 * tokens.length) / (performance.now() - started) });
    }
    await look();
  } catch (error) {
    if (!signal.aborted) show({ problem: plainProblem(error) });
    else if (text.tokens.length > 0) await look().catch(() => undefined);
  }

  async function look() {
    const tokens = text.tokens.map(({ token }) => token);
    show({ lens: await worker.lens({ prompt, tokens, budget: budgetOf(depth), count: 3 }) });
  }
}
