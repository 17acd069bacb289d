import { GyreError, listOf } from "../../util/errors.ts";
import type { Place } from "./question.ts";

const at = ({ path, line }: Place): string => `${path}:${line}`;

/** A file, its line and the field at fault. */
export function badField(place: Place, field: string, problem: string): GyreError {
  return new GyreError("BENCHMARK_FIELD", {
    given: `${at(place)}: ${field} ${problem}`,
    expected: "the fields that docs/evaluation.md lists for this benchmark",
    fix: "correct this line, or the template that names the field",
  });
}

export function badBenchmarkFile(path: string, problem: string): GyreError {
  return new GyreError("BENCHMARK_FILE", {
    given: `${path}: ${problem}`,
    expected: "a task file, a file of questions named after its benchmark, or a folder of such files",
    fix: "correct the path or the file; docs/evaluation.md has examples",
  });
}

export function unknownBenchmark(path: string, names: readonly string[]): GyreError {
  return new GyreError("BENCHMARK_NAME", {
    given: `${path}, whose name is not that of a benchmark`,
    expected: `questions in a file named ${listOf(names)}, with the ending .jsonl`,
    fix: "rename the file, or write a task file that says how its questions are asked",
  });
}

export function sameName(name: string, first: string, second: string): GyreError {
  return new GyreError("BENCHMARK_NAME", {
    given: `two benchmarks named ${name}: ${first} and ${second}`,
    expected: "a name for each",
    fix: "give one of the task files another name",
  });
}

export function sameChoices(place: Place, choice: string): GyreError {
  return new GyreError("BENCHMARK_CHOICES", {
    given: `${at(place)}: the choice ${JSON.stringify(choice)} twice`,
    expected: "choices that differ: of two equal ones neither can be the answer",
    fix: "correct or delete this line",
  });
}

export function goldOutside(place: Place, gold: string, choices: number): GyreError {
  return new GyreError("BENCHMARK_GOLD", {
    given: `${at(place)}: the gold answer ${gold}, with ${choices} choices`,
    expected: `the label of a choice, or its index from 0 to ${choices - 1}`,
    fix: "correct this line; published test splits often have no answers, their validation splits do",
  });
}

export function emptyContinuation(place: Place, continuation: string): GyreError {
  return new GyreError("BENCHMARK_EMPTY", {
    given: `${at(place)}: the continuation ${JSON.stringify(continuation)}, which leaves no token to score`,
    expected: "a continuation with at least one token after its context",
    fix: "correct or delete this line",
  });
}

export function answerTooLong(place: Place, tokens: number, context: number): GyreError {
  return new GyreError("BENCHMARK_LENGTH", {
    given: `${at(place)}: an answer of ${tokens} tokens for a model with a context of ${context}`,
    expected: `an answer of at most ${context} tokens`,
    fix: "shorten or delete this line, or measure a model with a longer context",
  });
}

export function tokenOutside(place: Place, token: number, vocab: number): GyreError {
  return new GyreError("BENCHMARK_TOKEN", {
    given: `${at(place)}: token ${token} for a model with a vocabulary of ${vocab}`,
    expected: `tokens from 0 to ${vocab - 1}`,
    fix: "use the tokenizer that the model was trained with",
  });
}

export function badServer(url: string, problem: string): GyreError {
  return new GyreError("BENCHMARK_SERVER", {
    given: `the server ${url}: ${problem}`,
    expected:
      "completions that echo the log-probabilities of whole prompts, and a tokenizer at /tokenize and /tokenizer_info",
    fix: "measure a server that has these, as gyre serve does; nothing was scored",
  });
}
