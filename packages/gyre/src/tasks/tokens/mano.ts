import type { Rng } from "../../util/rng.ts";
import type { TokenTask } from "../task.ts";
import { oneOf, tokenTask, within, written } from "./generator.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

const modulus = 23;
const longest = 16;
const operators = ["+", "-", "*"];
const lengths = numbers(longest + 1).slice(1);
/** Every token but values and the end has a synonym, which is written with a prime. */
const withSynonyms = (names: readonly string[]) => names.flatMap((name) => [name, `${name}'`]);
const vocabulary = vocabularyOf(
  ...numbers(modulus),
  ...withSynonyms([
    "begin",
    ...operators,
    ...lengths.map((length) => `length${length}`),
    ...lengths.map((length) => `answer${length}`),
  ]),
);

interface Expression {
  /** Names in prefix order, without synonyms. */
  readonly names: readonly (string | number)[];
  readonly value: number;
}

/** gen(l): a value where l = 0; else an operator, gen(l_1) with l_1 ~ U{0, ..., l - 1}, and gen(l - 1 - l_1). */
function expression(random: Rng, length: number): Expression {
  if (length === 0) {
    const value = random.below(modulus);
    return { names: [value], value };
  }
  const operator = oneOf(random, operators);
  const first = random.below(length);
  const left = expression(random, first);
  const right = expression(random, length - 1 - first);
  return {
    names: [operator, ...left.names, ...right.names],
    value: apply(operator, left.value, right.value),
  };
}

function apply(operator: string, a: number, b: number): number {
  if (operator === "+") return (a + b) % modulus;
  return operator === "-" ? (a - b + modulus) % modulus : (a * b) % modulus;
}

/**
 * Mano: arithmetic modulo 23 without steps between, in prefix order: `begin length2 + 4 * 2 9 answer2`, then 22 (Physics
 * of Language Models 4.1, its mano.py with `asm` and synonyms). A range of lengths is drawn from uniformly, as in its
 * training with l ~ U{1, ..., L} and L of 10, 13 or 16; it measures l = L. The held-out part goes by expressions without
 * their synonyms. As published the file lacks `import random`.
 */
export const mano: TokenTask = tokenTask({
  name: "mano",
  summary: "an expression of l operators modulo 23, in prefix order",
  source: "Physics of Language Models 4.1, mano.py, exact",
  vocabulary,
  difficulty: { counts: "operators", least: 1, most: longest, usual: { from: 1, to: 10 } },
  answer: "read",
  maxLength: (length) => 2 * length + 4,
  // One operator between two values, for the shortest.
  problems: (length) => (operators.length * modulus ** 2) ** length,
  problem(random, range) {
    const difficulty = within(random, range);
    const { names, value } = expression(random, difficulty);
    const said = (name: string | number) =>
      typeof name === "string" && random.below(2) === 0 ? `${name}'` : name;
    const text = ["begin", `length${difficulty}`, ...names, `answer${difficulty}`].map(said);
    return {
      ...written(vocabulary.ids(...text), vocabulary.ids(value)),
      difficulty,
      key: vocabulary.ids(...names),
    };
  },
});
