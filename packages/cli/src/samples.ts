import { generate, type Spec, type Weights } from "gyre";
import { type Dataset, type Device, openOnnxRuntime, type WrittenSamples } from "gyre/node";
import { counted } from "./render/format.ts";

/** What a model wrote at one moment of its training. */
export interface Samples {
  /** For the step's record in metrics.jsonl. */
  readonly record: { readonly samples: WrittenSamples };
  readonly lines: readonly string[];
}

/** What texts are written with. */
export interface Writer {
  readonly spec: Spec;
  /** Read when a text is written. */
  readonly weights: Weights;
  readonly dataset: Pick<Dataset, "tokenizer" | "validation">;
  readonly threads: number;
  readonly device: Device;
}

const promptTokens = 16;
const sampleTokens = 48;
/** The same choices each time, so that what changes is the model. */
const choices = { seed: 0, temperature: 0.8 } as const;

/**
 * Goes on with the beginning of the validation text at three depths: one loop, half of them, and all. Programs of their own hold the
 * weights of the moment, and nothing is left of them.
 */
export async function writeSamples({ spec, weights, dataset, threads, device }: Writer): Promise<Samples> {
  const { tokenizer, validation } = dataset;
  const length = Math.min(promptTokens, Math.ceil(spec.context / 4), validation.length);
  const prompt = validation.read(0, length);
  const maxTokens = Math.min(sampleTokens, spec.context - length);
  const copied = new Map(
    [...weights].map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]),
  );
  const depths = [...new Set([1, Math.ceil(spec.loops / 2), spec.loops])];
  await using runtime = await openOnnxRuntime({ threads, device, keep: 1 });
  const texts: Record<string, string> = {};
  for (const loops of depths) {
    const how = { ...choices, loops, maxTokens, window: "stop", vocab: tokenizer.vocab } as const;
    const tokens: number[] = [];
    for await (const { token } of generate({ spec, weights: copied, runtime }, prompt, how))
      tokens.push(token);
    texts[loops] = tokenizer.decode(tokens);
  }
  const samples = { prompt: tokenizer.decode(prompt), texts };
  return { record: { samples }, lines: samplesLines(samples) };
}

/** Samples for people, a line for each number of loops. */
export const samplesLines = ({ prompt, texts }: WrittenSamples): string[] => [
  `after ${JSON.stringify(prompt)}`,
  ...Object.entries(texts).map(
    ([loops, text]) => `  ${counted(Number(loops), "loop")}: ${JSON.stringify(text)}`,
  ),
];
