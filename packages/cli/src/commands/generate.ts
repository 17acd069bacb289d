import { fstatSync } from "node:fs";
import process from "node:process";
import {
  type CachePolicy,
  type Draft,
  type ExitRule,
  exitRule,
  type GeneratedToken,
  generate,
  type Loops,
  textDefaults,
  type WindowMode,
} from "gyre";
import {
  type Device,
  depthWarning,
  loadCalibration,
  loadTokenizer,
  loadWeights,
  openOnnxRuntime,
  openRun,
  type Run,
  type WhichCheckpoint,
  type WhichWeights,
} from "gyre/node";
import { UsageError } from "../options.ts";

export interface GenerateOptions {
  /** Text to continue; nothing starts a new text. */
  readonly prompt?: string;
  readonly loops?: number;
  readonly trajectory?: readonly number[];
  readonly checkpoint?: WhichCheckpoint;
  readonly weights?: WhichWeights;
  /** An exit rule such as `kl<0.01`. */
  readonly exit?: string;
  readonly cachePolicy?: CachePolicy;
  readonly window?: WindowMode;
  readonly draft?: Draft | "auto" | "none";
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly maxTokens?: number;
  readonly device?: Device | undefined;
  readonly threads?: number;
}

/**
 * Prints the prompt and streams its continuation, up to the end of the text or `maxTokens` tokens. Nothing is printed
 * before every option is checked.
 */
export async function generateCommand(path: string, options: GenerateOptions): Promise<number> {
  const {
    draft: asked = "auto",
    device = "cpu",
    threads,
    checkpoint,
    weights: which,
    prompt: _,
    trajectory: __,
    exit: ___,
    ...rest
  } = options;
  const run = await openRun(path);
  const { spec } = run.config;
  const loops = loopsOf(options, spec.loops);
  for (const warning of depthWarnings(run, loops)) console.error(`warning: ${warning}`);
  const prompt = await promptText(options.prompt);
  const tokenizer = await loadTokenizer(run);
  const { weights, warnings } = await loadWeights(run, checkpoint, which);
  for (const text of warnings) console.error(`warning: ${text}`);
  const draft = asked === "auto" ? await calibratedDraft(run, loops) : asked === "none" ? undefined : asked;
  const ids = tokenizer.encode(prompt);
  const start = ids.length > 0 ? ids : [tokenizer.endOfText];

  await using runtime = await openOnnxRuntime({ device, ...(threads === undefined ? {} : { threads }) });
  const started = performance.now();
  const text = tokenizer.decodeStream();
  const { maxTokens = textDefaults.maxTokens } = options;
  const tokens = generate({ spec, weights, runtime }, start, {
    ...rest,
    maxTokens,
    loops,
    ...(draft ? { draft } : {}),
    vocab: tokenizer.vocab,
    stop: tokenizer.endOfText,
  });
  const all: GeneratedToken[] = [];
  for await (const token of tokens) {
    if (all.length === 0) process.stdout.write(prompt);
    if (token.slides && !all.at(-1)?.slides)
      console.error(`${process.stdout.isTTY ? "\n" : ""}${slidingNotice(spec.context)}`);
    all.push(token);
    if (token.token !== tokenizer.endOfText) process.stdout.write(text.push(token.token));
  }
  if (all.length === 0) process.stdout.write(prompt);
  process.stdout.write(`${text.flush()}\n`);
  if (all.length < maxTokens && all.at(-1)?.token !== tokenizer.endOfText)
    console.error(`stopped: the context of ${spec.context} tokens is full; --window slide continues`);
  if (process.stderr.isTTY)
    console.error(summary(all, (performance.now() - started) / 1e3, spec.layers.core));
  return 0;
}

const slidingNotice = (context: number): string =>
  `note: past the context of ${context} tokens each further token reads the last ${context} again, which is slow; ` +
  "--window stop ends there";

/** What to know of a depth that the model was not trained for. */
function depthWarnings({ config }: Run, loops: Loops): string[] {
  const { spec } = config;
  const most = isRule(loops) ? (loops.most ?? spec.loops) : typeof loops === "number" ? loops : loops.length;
  const beyond =
    `${most} loops are more than the ${spec.loops} that this ${spec.family} was trained for at most: ` +
    "the text may be gibberish";
  const warning = depthWarning(config, loops === spec.loops);
  return most > spec.loops ? [beyond] : warning === undefined ? [] : [warning];
}

const isRule = (loops: Loops): loops is ExitRule => typeof loops === "object" && "exit" in loops;

/** The text to continue: as given, or what comes through standard input. */
async function promptText(given: string | undefined): Promise<string> {
  const isPiped = () => {
    const input = fstatSync(0);
    return input.isFIFO() || input.isFile() || input.isSocket();
  };
  if (given !== undefined && given !== "-") return given;
  if (given === undefined && !isPiped()) return "";
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  // a shell's line ends with a newline that nobody typed
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

function loopsOf({ loops, trajectory, exit }: GenerateOptions, full: number): Loops {
  if (loops !== undefined && trajectory)
    throw new UsageError("--loops with --trajectory: a trajectory has its own number of loops.");
  if (exit !== undefined && trajectory)
    throw new UsageError("--exit with --trajectory: a rule follows the uniform trajectory of --loops.");
  return exit === undefined ? (trajectory ?? loops ?? full) : exitRule(exit, loops ?? full);
}

/** The draft that calibration found to pay, where it speaks of this depth. */
async function calibratedDraft(run: Run, loops: Loops): Promise<Draft | undefined> {
  const calibration = await loadCalibration(run);
  return calibration?.loops === loops ? (calibration.best ?? undefined) : undefined;
}

function summary(tokens: readonly GeneratedToken[], seconds: number, layers: number): string {
  const mean = (of: (token: GeneratedToken) => number) =>
    (tokens.reduce((sum, token) => sum + of(token), 0) / Math.max(1, tokens.length)).toFixed(2);
  const proposed = tokens.reduce((sum, { drafts }) => sum + (drafts?.proposed ?? 0), 0);
  const kept = tokens.reduce((sum, { drafts }) => sum + (drafts?.kept ?? 0), 0);
  return [
    `${tokens.length} tokens`,
    `${(tokens.length / seconds).toFixed(1)} tokens/s`,
    `${mean(({ loops }) => loops)} loops`,
    `${mean(({ blockPasses }) => blockPasses / layers)} passes of the core a token, prompt included`,
    ...(proposed > 0 ? [`${kept} of ${proposed} drafts kept`] : []),
  ].join(", ");
}
