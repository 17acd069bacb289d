import { Option } from "commander";
import { fileName, number, whole, word } from "./options.ts";

/** A flag that sets one field of a model's spec or of its training. Left out, the recipe or the default holds. */
const flag = (flags: string, description: string, parse?: (text: string) => unknown): Option =>
  parse ? new Option(flags, description).argParser(parse) : new Option(flags, description);

export const threadsFlag = (): Option =>
  flag("--threads <n>", "threads within one operation (default: all cores)", whole(1));

export const nameFlag = (): Option =>
  flag("--name <name>", "name of the report's files (default: by what was measured)", fileName);

/** Flags of the model; their names are those of the spec's fields. */
export const modelFlags = (): Option[] => [
  flag(
    "--family <name>",
    "loopformer (default), tmlt, baseLoop or gpt",
    word("loopformer", "tmlt", "baseLoop", "gpt"),
  ),
  flag("--layers <k>", "core layers (default: 2)", whole(1)),
  flag("--loops <L>", "how often the core runs at full depth (default: 6; a gpt: 1)", whole(1)),
  flag("--width <d>", "width of the residual stream (default: 192)", whole(1)),
  flag("--heads <n>", "attention heads (default: 6)", whole(1)),
  flag("--mlp <n>", "hidden width of the feed-forward network (default: 512)", whole(1)),
  flag("--context <tokens>", "longest text in tokens (default: 128)", whole(1)),
  flag("--bias", "biases in attention and feed-forward"),
  flag("--activation <name>", "gelu (default), relu or silu", word("gelu", "relu", "silu")),
  flag("--adaln-init <how>", "modulation weights: official (default) or zero", word("official", "zero")),
];

/** Flags of the training; their names are those of the training options' fields. */
export const trainingFlags = (): Option[] => [
  flag("--objective <kind>", "final or elastic (default: elastic for loopformer)", word("final", "elastic")),
  flag("--short-weight <w>", "elastic: weight of the short run's cross-entropy (default: 0.1)", number(0)),
  flag("--consistency-weight <w>", "elastic: weight of the consistency term (default: 0.1)", number(0)),
  flag("--consistency <what>", "elastic: match hidden states (default) or logits", word("hidden", "logits")),
  flag("--sampler <name>", "short trajectories: official (default) or uniform", word("official", "uniform")),
  flag("--steps <n>", "optimizer steps (default: 1000)", whole(1)),
  flag("--batch <n>", "sequences a micro-batch (default: 8)", whole(1)),
  flag("--micro-batches <n>", "micro-batches an optimizer step (default: 1)", whole(1)),
  flag("--learning-rate <lr>", "highest learning rate (default: 0.001)", number(0, true)),
  flag("--learning-rate-floor <lr>", "learning rate at the end (default: 0.0001)", number(0)),
  flag("--warmup-steps <n>", "steps of linear warm-up (default: 50)", whole(0)),
  flag("--weight-decay <w>", "decay of matrices (default: 0.2)", number(0)),
  flag("--clip <norm>", "largest global gradient norm (default: 1; 0 never clips)", number(0)),
  flag("--seed <n>", "seed of weights, batches and trajectories (default: 1)", whole(0)),
  flag("--recompute", "rebuild activations in the backward pass: less memory, more time"),
];
