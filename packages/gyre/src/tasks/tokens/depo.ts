import type { TokenTask } from "../task.ts";
import { someOf, tokenTask, within } from "./generator.ts";
import { drawNames, drawNodes, type NameForm, nameTokens } from "./node-names.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

const mostQueries = 10;
const fewestNodes = 3;

interface DepoSize {
  /** Largest number of nodes, N. */
  readonly nodes: number;
  /** Largest number of hops, K. */
  readonly hops: number;
  readonly form: NameForm;
}

/** Depo1 and Depo2 of the paper at their smallest N, and one for a laptop. */
export const depoSizes = {
  small: { nodes: 16, hops: 8, form: { alphabet: 50, from: 1, to: 2 } },
  depo1: { nodes: 225, hops: 8, form: { alphabet: 50, from: 1, to: 2 } },
  depo2: { nodes: 75, hops: 16, form: { alphabet: 3, from: 5, to: 7 } },
} as const satisfies Readonly<Record<string, DepoSize>>;

/**
 * Depo: a directed cycle of n named nodes as its n edges in shuffled order, then up to ten queries `kN name =`, each
 * answered by the node k steps on (Physics of Language Models 4.1, depo.py: P(n) ~ 1 / (n + sqrt N) for n from 3 to N,
 * names of 1 to 2 tokens of 50 or of 5 to 7 of 3, k ~ U{1, ..., K}; N of 225, 300, 375 with K = 8 and 75, 100, 125 with
 * K = 16). Only answers are scored; the published mask adds the token after each. A single difficulty is how it
 * measures: n = N, and every query asks for that k. As published the file does not run.
 */
export function depo(variant: keyof typeof depoSizes): TokenTask {
  const { nodes, hops, form } = depoSizes[variant];
  const hopNames = numbers(hops + 1)
    .slice(1)
    .map((count) => `k${count}`);
  const vocabulary = vocabularyOf(...nameTokens(form), "begin", "=", ...hopNames);
  const [begin, equals] = vocabulary.ids("begin", "=") as [number, number];
  return tokenTask({
    name: "depo",
    variant,
    summary: `which node of a cycle of up to ${nodes} is k steps on, in up to ten queries`,
    source: "Physics of Language Models 4.1, depo.py, exact but for `small`, which is ours",
    vocabulary,
    difficulty: { counts: "steps", least: 1, most: hops, usual: { from: 1, to: hops } },
    answer: "written",
    maxLength: () => 1 + 2 * nodes * form.to + Math.min(nodes, mostQueries) * (2 + 2 * form.to) - 1,
    problem(random, { from, to }) {
      const count = from === to ? nodes : drawNodes(random, fewestNodes, nodes);
      const names = drawNames(random, count, form);
      const nameAt = (place: number) => names[place % count] as number[];
      const places = numbers(count);
      const edges = someOf(random, places).map((place) => [...nameAt(place), ...nameAt(place + 1)]);
      const tokens = [begin, ...edges.flat()];
      const targets = tokens.map(() => -1);
      let difficulty = from;
      for (const place of someOf(random, places, Math.min(count, mostQueries))) {
        const k = within(random, { from, to });
        const answer = nameAt(place + k);
        const query = [...vocabulary.ids(`k${k}`), ...nameAt(place), equals];
        tokens.push(...query, ...answer);
        targets.push(...query.slice(1).map(() => -1), ...answer, -1);
        difficulty = Math.max(difficulty, k);
      }
      return { tokens: tokens.slice(0, -1), targets: targets.slice(0, -1), difficulty };
    },
  });
}
