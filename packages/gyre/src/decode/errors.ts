import { GyreError } from "../util/errors.ts";

export function badSampling(option: string, given: number, expected: string): GyreError {
  return new GyreError("SAMPLING", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}, or leave it out`,
  });
}

export function nonFiniteLogits(logits: ArrayLike<number>): GyreError {
  const bad = Array.from(logits, (logit, token) => ({ logit, token })).filter(
    ({ logit }) => !Number.isFinite(logit),
  );
  const [first] = bad;
  return new GyreError("LOGITS", {
    given: `logits that are not finite: ${bad.length} of ${logits.length}, the first ${first?.logit} for token ${first?.token}`,
    expected: "a finite number for every token",
    fix: "generate with an earlier checkpoint: these weights have diverged, or are damaged",
  });
}

export function emptyPrompt(): GyreError {
  return new GyreError("PROMPT_EMPTY", {
    given: "a prompt of no tokens",
    expected: "at least one token to continue",
    fix: "pass a prompt, for example the end-of-text token to start a new text",
  });
}

export function badPromptToken(token: number, vocab: number): GyreError {
  return new GyreError("PROMPT_TOKEN", {
    given: `the token ${token} in the prompt`,
    expected: `whole numbers from 0 to ${vocab - 1}, the model's vocabulary`,
    fix: "encode the prompt with the tokenizer that the model was trained with",
  });
}

export function badExit(name: string, given: number | string, expected: string): GyreError {
  return new GyreError("EXIT", {
    given: `an exit rule with ${name} ${given}`,
    expected,
    fix: `correct ${name}`,
  });
}

export function badExitText(text: string, forms: readonly string[]): GyreError {
  return new GyreError("EXIT", {
    given: `the exit rule ${JSON.stringify(text)}`,
    expected: `one of ${forms.map((form) => `${form}NUMBER`).join(", ")}`,
    fix: 'write it like "kl<0.01"',
  });
}

export function badDraft(given: string, expected: string): GyreError {
  return new GyreError("DRAFT", {
    given: `a ${given}`,
    expected,
    fix: "change the draft, or decode without one",
  });
}

export function draftWithExit(rule: string): GyreError {
  return new GyreError("DRAFT", {
    given: `a draft together with the exit rule ${rule}`,
    expected: "a fixed number of loops, or a trajectory, that verifies",
    fix: "leave out the draft or the rule",
  });
}

export function weightsChanged(): GyreError {
  return new GyreError("WEIGHTS_CHANGED", {
    given: "weights that have changed since the decoder's first program was compiled",
    expected: "the weights that its other programs hold: a text would mix old and new ones",
    fix: "make a new decoder after training, or call generate, which sees to it",
  });
}
