import type { Rng } from "../../util/rng.ts";
import type { TokenProblem, TokenTask } from "../task.ts";
import { tokenTask, type Written, within } from "./generator.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

const vocabulary = vocabularyOf("#", ".", "S", "G", "o", "=");
const [wall, free, start, goal, path, equals] = vocabulary.ids("#", ".", "S", "G", "o", "=") as Cells;
type Cells = [number, number, number, number, number, number];

/** Share of walls: drawn for each maze, as Searchformer (arXiv 2402.14083) does it. */
const walls = { from: 0.3, to: 0.5 };

/**
 * Mazes of n x n cells, walls `#`, from `S` to `G` by a shortest path, whose length is the difficulty. After `=` the maze
 * stands once more, and at each of its free cells the model says whether the path goes there, `o`, or not, `.`. Where
 * there are several shortest paths the target is the first of them in the order up, left, right, down; any one is right
 * (cells and breadth-first search as in Maze-Hard of arXiv 2506.21734, 30 x 30 there; random walls as arXiv 2402.14083;
 * reading after a second copy, which a causal model needs, and sizes are ours).
 */
export function maze(size: number, most: number): TokenTask {
  const area = size * size;
  return tokenTask({
    name: "maze",
    variant: `${size}x${size}`,
    summary: `a shortest path through a maze of ${size} x ${size} cells`,
    source: "cells as Maze-Hard, arXiv 2506.21734; walls as arXiv 2402.14083; reading and sizes ours",
    vocabulary,
    difficulty: { counts: "steps", least: 2, most, usual: { from: 2, to: Math.floor(most / 2) } },
    answer: "read",
    columns: size,
    maxLength: () => 2 * area + 1,
    problem(random, range) {
      const difficulty = within(random, range);
      for (;;) {
        const drawn = drawMaze(random, size, difficulty);
        if (drawn) return { ...drawn, difficulty };
      }
    },
    isRight: (problem, answer) => isShortest(problem, answer, size),
  });
}

/** Walls and a start; undefined where no cell is at that distance. */
function drawMaze(random: Rng, size: number, distance: number): Omit<Written, "difficulty"> | undefined {
  const share = walls.from + (walls.to - walls.from) * random.uniform();
  const grid = numbers(size * size).map(() => (random.uniform() < share ? wall : free));
  const from = random.below(grid.length);
  grid[from] = start;
  const fromStart = distances(grid, size, from);
  const ends = numbers(grid.length).filter((cell) => fromStart[cell] === distance);
  if (ends.length === 0) return undefined;
  const to = ends[random.below(ends.length)] as number;
  grid[to] = goal;
  const marked = new Set(firstPath(distances(grid, size, to), size, from));
  const marks = grid.map((cell, at) => (cell === free ? (marked.has(at) ? path : free) : -1));
  return {
    tokens: [...grid, equals, ...grid],
    targets: [...grid.map(() => -1), -1, ...marks],
    key: grid,
  };
}

/** The cells beside each one of a square: up, left, right, down. */
const neighbourhoods = new Map<number, readonly (readonly number[])[]>();

function neighboursIn(size: number): readonly (readonly number[])[] {
  const known = neighbourhoods.get(size);
  if (known) return known;
  const all = numbers(size * size).map((cell) => [
    ...(cell >= size ? [cell - size] : []),
    ...(cell % size > 0 ? [cell - 1] : []),
    ...(cell % size < size - 1 ? [cell + 1] : []),
    ...(cell < size * (size - 1) ? [cell + size] : []),
  ]);
  neighbourhoods.set(size, all);
  return all;
}

/** Steps from a cell to every other one that is not a wall; -1 where there is no way (breadth first). */
function distances(grid: ArrayLike<number>, size: number, from: number): Int32Array {
  const steps = new Int32Array(grid.length).fill(-1);
  steps[from] = 0;
  const neighbours = neighboursIn(size);
  const queue = [from];
  for (const cell of queue)
    for (const next of neighbours[cell] as readonly number[])
      if (grid[next] !== wall && steps[next] === -1) {
        steps[next] = (steps[cell] as number) + 1;
        queue.push(next);
      }
  return steps;
}

/** The way down to distance 0, always to the first neighbour that is nearer. */
function firstPath(steps: Int32Array, size: number, from: number): number[] {
  const neighbours = neighboursIn(size);
  const cells = [from];
  for (let left = (steps[from] as number) - 1; left >= 0; left--)
    cells.push(neighbours[cells.at(-1) as number]?.find((next) => steps[next] === left) as number);
  return cells;
}

/** Whether the marked cells, and no more than a shortest path needs, lead from start to goal. */
function isShortest(
  { tokens, targets, difficulty }: TokenProblem,
  answer: ArrayLike<number>,
  size: number,
): boolean {
  const grid = Array.from(tokens).slice(0, size * size);
  const offset = grid.length + 1;
  const asked = numbers(grid.length).filter((cell) => (targets[offset + cell] as number) >= 0);
  if (answer.length !== asked.length) return false;
  const said = Array.from(answer);
  if (said.some((token) => token !== path && token !== free)) return false;
  const kept = grid.map((cell) => (cell === free ? wall : cell));
  for (const [at, cell] of asked.entries()) if (said[at] === path) kept[cell] = free;
  const marked = said.filter((token) => token === path).length;
  const [from, to] = [grid.indexOf(start), grid.indexOf(goal)];
  return from >= 0 && marked === difficulty - 1 && distances(kept, size, from)[to] === difficulty;
}
