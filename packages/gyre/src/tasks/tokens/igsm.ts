import type { Rng } from "../../util/rng.ts";
import type { TokenTask } from "../task.ts";
import { oneOf, someOf, tokenTask, within, written } from "./generator.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

const modulus = 7;
const mostSources = 3;
const most = 32;
/** Four entities on each of four levels; a parameter is an edge from one level to the next: E#I. */
const levels = ["ABCD", "EFGH", "IJKL", "MNOP"];
const parameters = levels
  .slice(1)
  .flatMap((below, at) => [...(levels[at] as string)].flatMap((a) => [...below].map((b) => `${a}#${b}`)));
const vocabulary = vocabularyOf(...parameters, ...numbers(modulus), ":=", "+", "-", "*", ".", "?");
const distractorsFor = (needed: number) => Math.ceil(needed / 3);
/** `X := c * A + B + C .` */
const longestStatement = 10;

/** How one parameter follows from earlier ones, which are given by their place. */
interface Rule {
  readonly kind: "constant" | "sum" | "difference";
  /** A constant's value; a sum is multiplied by it. */
  readonly factor: number;
  readonly sources: readonly number[];
}

/**
 * i-GSM in symbols: parameters modulo 7, each defined once, in shuffled order, by a number or by one to three others, and
 * a question, `E#I := 4. E#J := E#I. H#J := 2 * E#J + E#I. H#J?`. A factor multiplies the whole sum after it, as in the
 * paper's worked example. The difficulty is the number of parameters that the question depends on, itself included; up
 * to a third as many others stand between them (Saunshi et al., arXiv 2502.17416, table 2 and appendix A.1, after Ye et
 * al., arXiv 2407.20311: a hierarchy of depth 4, its edges as parameters, a graph without cycles over them). The paper
 * leaves the distributions to Ye et al.: ours are four entities a level, edges and sources drawn uniformly, and one token
 * for each parameter.
 */
export const igsm: TokenTask = tokenTask({
  name: "igsm",
  summary: "a parameter modulo 7 that depends on others, which depend on others",
  source: "i-GSM, Saunshi et al., arXiv 2502.17416, after arXiv 2407.20311; distributions ours",
  vocabulary,
  difficulty: { counts: "parameters needed", least: 1, most, usual: { from: 2, to: 10 } },
  answer: "read",
  maxLength: (needed) => longestStatement * (needed + distractorsFor(needed)) + 2,
  problem(random, range) {
    const difficulty = within(random, range);
    const rules = neededRules(random, difficulty);
    const more = random.below(distractorsFor(difficulty) + 1);
    for (let at = 0; at < more; at++) rules.push(ruleOf(random, drawSources(random, rules.length, [])));
    const used = someOf(random, parameters, rules.length);
    const statements = rules.map((rule, at) => statement(used[at] as string, rule, used));
    const question = vocabulary.ids(
      ...someOf(random, statements).flat(),
      used[difficulty - 1] as string,
      "?",
    );
    return { ...written(question, vocabulary.ids(valuesOf(rules)[difficulty - 1] as number)), difficulty };
  },
});

type Text = readonly (string | number)[];

/**
 * Rules in an order in which they can be computed, of which the last depends on all others: each takes as many of those
 * that nothing depends on yet that the rest, which take at most three each, can take what is left.
 */
function neededRules(random: Rng, count: number): Rule[] {
  const rules: Rule[] = [];
  let loose: number[] = [];
  for (let at = 0; at < count; at++) {
    const left = count - 1 - at;
    const must = Math.max(0, loose.length - (mostSources - 1) * left);
    const isConstant = at === 0 || (must === 0 && left > 0 && random.below(6) === 0);
    const taken = someOf(random, loose, must);
    const rule = isConstant ? constant(random) : ruleOf(random, drawSources(random, at, taken));
    loose = [...loose.filter((one) => !rule.sources.includes(one)), at];
    rules.push(rule);
  }
  return rules;
}

/** One to three of the first `count` rules, `taken` among them. */
function drawSources(random: Rng, count: number, taken: readonly number[]): number[] {
  const most = Math.min(mostSources, count);
  const wanted = Math.max(taken.length, 1 + random.below(most));
  const others = numbers(count).filter((one) => !taken.includes(one));
  return [...taken, ...someOf(random, others, wanted - taken.length)];
}

const constant = (random: Rng): Rule => ({ kind: "constant", factor: random.below(modulus), sources: [] });

/** A sum, one time in three with a factor; of two also a difference. */
function ruleOf(random: Rng, sources: readonly number[]): Rule {
  if (random.below(3) === 0) return { kind: "sum", factor: 2 + random.below(modulus - 2), sources };
  const kind = sources.length === 2 ? oneOf(random, ["sum", "difference"] as const) : "sum";
  return { kind, factor: 1, sources };
}

function statement(name: string, { kind, factor, sources }: Rule, names: readonly string[]): Text {
  const sign = kind === "difference" ? "-" : "+";
  const terms = sources.flatMap((source, at) => [...(at > 0 ? [sign] : []), names[source] as string]);
  if (kind === "constant") return [name, ":=", factor, "."];
  return [name, ":=", ...(factor > 1 ? [factor, "*"] : []), ...terms, "."];
}

function valuesOf(rules: readonly Rule[]): number[] {
  const values: number[] = [];
  for (const { kind, factor, sources } of rules) {
    const [first = 0, ...others] = sources.map((source) => values[source] as number);
    const rest = others.reduce((sum, value) => sum + value, 0);
    const result = kind === "difference" ? first - rest : factor * (first + rest);
    values.push(kind === "constant" ? factor : ((result % modulus) + modulus) % modulus);
  }
  return values;
}
