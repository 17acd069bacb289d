import process from "node:process";
import { type Budget, generate } from "gyre";
import { loadTokenizer, loadWeights, openOnnxRuntime, openRun } from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { UsageError } from "../options.ts";

export interface GenerateOptions {
  /** Text to continue; nothing starts a new text. */
  readonly prompt?: string;
  readonly loops?: number;
  readonly trajectory?: readonly number[];
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly maxTokens?: number;
  readonly threads?: number;
}

/** Prints the prompt and streams its continuation, up to the end of the text or `maxTokens` tokens. */
export async function generateCommand(path: string, options: GenerateOptions): Promise<number> {
  const { prompt = "", loops, trajectory, threads, maxTokens = 200, ...sampling } = options;
  if (loops !== undefined && trajectory)
    throw new UsageError("--loops with --trajectory: a trajectory has its own number of loops.");
  const signal = interruptSignal();
  const run = await openRun(path);
  const tokenizer = await loadTokenizer(run);
  const { weights, warnings } = await loadWeights(run);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const { spec } = run.config;
  const budget: Budget = trajectory ?? loops ?? spec.loops;
  const ids = tokenizer.encode(prompt);

  await using runtime = await openOnnxRuntime(threads === undefined ? {} : { threads });
  const started = performance.now();
  let count = 0;
  const text = tokenizer.decodeStream();
  const tokens = generate({ spec, weights, runtime }, ids.length > 0 ? ids : [tokenizer.endOfText], {
    ...sampling,
    loops: budget,
    maxTokens,
    stop: tokenizer.endOfText,
    signal,
  });
  process.stdout.write(prompt);
  for await (const { token } of tokens) {
    count++;
    if (token !== tokenizer.endOfText) process.stdout.write(text.push(token));
  }
  process.stdout.write(`${text.flush()}\n`);
  if (process.stderr.isTTY) {
    const seconds = (performance.now() - started) / 1e3;
    const depth = typeof budget === "number" ? `${budget} loops` : `trajectory ${budget.join(",")}`;
    console.error(`${count} tokens, ${(count / seconds).toFixed(1)} tokens/s, ${depth}`);
  }
  return 0;
}
