import type { Rng } from "../../util/rng.ts";
import type { TokenProblem, TokenTask } from "../task.ts";
import { someOf, tokenTask, written } from "./generator.ts";
import { drawNames, drawNodes, type NameForm, nameTokens, splitNames } from "./node-names.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

const mostNeighbours = 4;
const fewestNodes = 3;

interface BrevoSize {
  /** Largest number of nodes, N; single-token names are drawn from as many. */
  readonly nodes: number;
  /** Left out where a name is one token. */
  readonly form?: NameForm;
}

/** Brevo1 and Brevo2 of the paper at their smallest N, and one for a laptop. */
export const brevoSizes: Readonly<Record<"small" | "brevo1" | "brevo2", BrevoSize>> = {
  small: { nodes: 16 },
  brevo1: { nodes: 70 },
  brevo2: { nodes: 30, form: { alphabet: 4, from: 2, to: 4 } },
};

/** Parents of each node, which is a place in an order that goes from parents to children. */
type Parents = readonly (readonly number[])[];

/**
 * A graph without cycles: the first nodes, U{1, ..., (n - 1) / 4 + 1} of them, have no parents; each other one has 1 to 4
 * of those before it that have fewer than 4 children (generate_dag).
 */
function drawGraph(random: Rng, count: number): Parents {
  const children = new Array<number>(count).fill(0);
  const roots = 1 + random.below(Math.floor((count - 1) / 4) + 1);
  return numbers(count).map((node) => {
    if (node < roots) return [];
    const free = numbers(node).filter((one) => (children[one] as number) < mostNeighbours);
    const wanted = 1 + random.below(Math.min(free.length, mostNeighbours));
    const parents = someOf(random, free, wanted);
    for (const parent of parents) children[parent] = (children[parent] as number) + 1;
    return parents;
  });
}

/** A node and all that it depends on. */
function ancestorsOf(parents: Parents, node: number): Set<number> {
  const found = new Set([node]);
  for (const one of found) for (const parent of parents[one] ?? []) found.add(parent);
  return found;
}

/** The ancestors of a node in a random order with parents first (topological_sort: from the node backwards). */
function drawOrder(random: Rng, parents: Parents, query: number): number[] {
  const wanted = ancestorsOf(parents, query);
  const waiting = new Map([...wanted].map((node) => [node, 0]));
  for (const node of wanted)
    for (const parent of parents[node] as number[]) waiting.set(parent, (waiting.get(parent) as number) + 1);
  const ready = [query];
  const order: number[] = [];
  while (ready.length > 0) {
    const [node] = ready.splice(random.below(ready.length), 1) as [number];
    order.push(node);
    for (const parent of parents[node] as number[]) {
      waiting.set(parent, (waiting.get(parent) as number) - 1);
      if (waiting.get(parent) === 0) ready.push(parent);
    }
  }
  return order.reverse();
}

/**
 * Brevo: the edges `parent child` of a graph without cycles in shuffled order, `query`, a node and `=`; the answer is
 * that node's ancestors and itself in any order that puts parents first (Physics of Language Models 4.1, brevo.py: n from
 * 3 to N with P(n) ~ 1 / (n + sqrt N), at most 4 parents and 4 children; N of 70, 90, 110 with names of one token and 30,
 * 40, 50 with names of 2 to 4 tokens of 4). A single difficulty is how it measures: n nodes exactly. The query is the last
 * node: the published line `max(3 n / 4, n - 1)` means the last quarter and takes the last. Its grader would take a node
 * named twice; this one does not.
 */
export function brevo(variant: keyof typeof brevoSizes): TokenTask {
  const { nodes, form } = brevoSizes[variant];
  const ownNames = form ? nameTokens(form) : numbers(nodes).map((node) => `n${node}`);
  const vocabulary = vocabularyOf(...ownNames, "begin", "query", "=", "end");
  const [begin, query, equals, end] = vocabulary.ids("begin", "query", "=", "end") as Marks;
  const longestName = form?.to ?? 1;
  return tokenTask({
    name: "brevo",
    variant,
    summary: "what a node of a graph depends on, in an order that puts parents first",
    source: "Physics of Language Models 4.1, brevo.py, exact but for `small`, which is ours",
    vocabulary,
    difficulty: { counts: "nodes", least: fewestNodes, most: nodes, usual: { from: fewestNodes, to: nodes } },
    answer: "written",
    maxLength: (count) => 3 + longestName * (2 * mostNeighbours * (count - 1) + 1 + count),
    problem(random, { from, to }) {
      const difficulty = from === to ? from : drawNodes(random, from, to);
      const names = form
        ? drawNames(random, difficulty, form)
        : someOf(random, numbers(nodes), difficulty).map((node) => [1 + node]);
      const nameOf = (node: number) => names[node] as number[];
      const parents = drawGraph(random, difficulty);
      const edges = parents.flatMap((own, child) =>
        own.map((parent) => [...nameOf(parent), ...nameOf(child)]),
      );
      const asked = difficulty - 1;
      const question = [begin, ...someOf(random, edges).flat(), query, ...nameOf(asked), equals];
      const order = drawOrder(random, parents, asked);
      return { ...written(question, [...order.flatMap(nameOf), end]), difficulty, key: question };
    },
    isRight: (problem, answer) =>
      isOrder(problem, Array.from(answer), { marks: [begin, query, equals, end], form }),
  });
}

type Marks = [begin: number, query: number, equals: number, end: number];

/** Whether an answer names the query's ancestors and itself once each, parents first, and then ends. */
function isOrder(
  { tokens }: TokenProblem,
  answer: readonly number[],
  { marks, form }: { readonly marks: Marks; readonly form: NameForm | undefined },
): boolean {
  const [, query, equals, end] = marks;
  const text = Array.from(tokens);
  const namesIn = (part: readonly number[]) => (form ? splitNames(part, form) : part.map((token) => [token]));
  const keyOf = (name: readonly number[]) => name.join();
  const asked = text.indexOf(query);
  const edges = namesIn(text.slice(1, asked))?.map(keyOf) ?? [];
  const goal = keyOf(text.slice(asked + 1, text.indexOf(equals)));
  const order = answer.at(-1) === end ? namesIn(answer.slice(0, -1))?.map(keyOf) : undefined;
  if (!order) return false;
  const parents = new Map<string, string[]>();
  for (let at = 0; at < edges.length; at += 2) {
    const [parent, child] = [edges[at], edges[at + 1]] as [string, string];
    parents.set(child, [...(parents.get(child) ?? []), parent]);
  }
  const wanted = new Set([goal]);
  for (const one of wanted) for (const parent of parents.get(one) ?? []) wanted.add(parent);
  const seen = new Set<string>();
  const isNext = (node: string) => {
    const isReady =
      wanted.has(node) && !seen.has(node) && (parents.get(node) ?? []).every((one) => seen.has(one));
    seen.add(node);
    return isReady;
  };
  return order.every(isNext) && seen.size === wanted.size;
}
