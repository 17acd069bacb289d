import { GyreError } from "../util/errors.ts";

export function badSampling(option: string, given: number, expected: string): GyreError {
  return new GyreError("SAMPLING", {
    given: `${option} ${given}`,
    expected,
    fix: `correct ${option}, or leave it out`,
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
