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
