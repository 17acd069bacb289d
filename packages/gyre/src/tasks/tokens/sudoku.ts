import type { Rng } from "../../util/rng.ts";
import type { TokenTask } from "../task.ts";
import { someOf, tokenTask, within } from "./generator.ts";
import { numbers, vocabularyOf } from "./vocabulary.ts";

/** Boxes of `height` x `width` cells; the grid has height * width digits and as many rows and columns. */
export interface Box {
  readonly height: number;
  readonly width: number;
}

/** Row by row, 0 where a cell is blank. */
export type Grid = readonly number[];

/**
 * Sudoku with one solution: the puzzle, `=`, and the puzzle once more, where the digit of every blank `.` is read; the
 * difficulty is the number of blanks. Solved grids are filled at random and then shuffled as the code of TRM (arXiv
 * 2510.04871) shuffles: digits, bands, rows, stacks, columns, and the diagonal where boxes are square. Cells are blanked in
 * random order where the solution stays the only one (this, the second copy, which a causal model needs, and sizes are
 * ours). The held-out part goes by solved grids: none of its grids is in training with any blanks.
 */
export function sudoku(box: Box, most: number): TokenTask {
  const side = box.height * box.width;
  const area = side * side;
  const vocabulary = vocabularyOf(...numbers(side + 1).slice(1), ".", "=");
  const [blank, equals] = vocabulary.ids(".", "=") as [number, number];
  return tokenTask({
    name: "sudoku",
    variant: `${side}x${side}`,
    summary: `the blanks of a Sudoku of ${side} x ${side} cells with one solution`,
    source: "shuffles of TRM, arXiv 2510.04871; fills, blanks, reading and sizes ours",
    vocabulary,
    difficulty: { counts: "blanks", least: 1, most, usual: { from: 1, to: most } },
    answer: "read",
    columns: side,
    maxLength: () => 2 * area + 1,
    // All grids of 4 x 4; of 6 x 6 there are 28,200,960.
    problems: () => (side === 4 ? 288 : 28_200_960),
    problem(random, range) {
      const difficulty = within(random, range);
      for (;;) {
        const solved = shuffleGrid(random, fillGrid(random, box), box);
        const puzzle = blankCells(random, solved, box, difficulty);
        if (!puzzle) continue;
        const shown = puzzle.map((digit) => digit || blank);
        const asked = puzzle.map((digit, cell) => (digit === 0 ? (solved[cell] as number) : -1));
        return {
          tokens: [...shown, equals, ...shown],
          targets: [...shown.map(() => -1), -1, ...asked],
          difficulty,
          key: solved,
        };
      }
    },
  });
}

/** Bits of the digits that each blank may still hold. */
class Candidates {
  readonly #box: Box;
  readonly #side: number;
  readonly #rows: Int32Array;
  readonly #columns: Int32Array;
  readonly #boxes: Int32Array;

  constructor(box: Box, grid: Grid) {
    this.#box = box;
    this.#side = box.height * box.width;
    this.#rows = new Int32Array(this.#side);
    this.#columns = new Int32Array(this.#side);
    this.#boxes = new Int32Array(this.#side);
    for (const [cell, digit] of grid.entries()) if (digit > 0) this.toggle(cell, digit);
  }

  /** Puts a digit into a cell, or takes it away again. */
  toggle(cell: number, digit: number): void {
    const { row, column, box } = this.#places(cell);
    const bit = 1 << (digit - 1);
    this.#rows[row] = (this.#rows[row] as number) ^ bit;
    this.#columns[column] = (this.#columns[column] as number) ^ bit;
    this.#boxes[box] = (this.#boxes[box] as number) ^ bit;
  }

  of(cell: number): number {
    const { row, column, box } = this.#places(cell);
    const used =
      (this.#rows[row] as number) | (this.#columns[column] as number) | (this.#boxes[box] as number);
    return ~used & ((1 << this.#side) - 1);
  }

  #places(cell: number): { row: number; column: number; box: number } {
    const row = Math.floor(cell / this.#side);
    const column = cell % this.#side;
    const { height, width } = this.#box;
    return { row, column, box: Math.floor(row / height) * height + Math.floor(column / width) };
  }
}

/**
 * Solutions of a puzzle, at most `limit` of them: depth first, always at the blank with the fewest possible digits, which
 * are tried from 1 up, or in an order of one's own at each blank.
 */
export function solutions(
  puzzle: Grid,
  box: Box,
  limit: number,
  order?: (digits: readonly number[]) => readonly number[],
): Grid[] {
  const side = box.height * box.width;
  const upwards = numbers(side).map((digit) => digit + 1);
  const grid = [...puzzle];
  const candidates = new Candidates(box, grid);
  const found: Grid[] = [];
  const blanks = new Set(grid.flatMap((digit, cell) => (digit === 0 ? [cell] : [])));
  const search = () => {
    let best = -1;
    let fewest = side + 1;
    for (const cell of blanks) {
      const count = bitsIn(candidates.of(cell));
      if (count < fewest) [best, fewest] = [cell, count];
    }
    if (best === -1) {
      found.push([...grid]);
      return;
    }
    const possible = candidates.of(best);
    blanks.delete(best);
    for (const digit of order?.(upwards) ?? upwards) {
      if (found.length >= limit || (possible & (1 << (digit - 1))) === 0) continue;
      candidates.toggle(best, digit);
      grid[best] = digit;
      search();
      grid[best] = 0;
      candidates.toggle(best, digit);
    }
    blanks.add(best);
  };
  search();
  return found;
}

function bitsIn(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}

/** A solved grid: the solver on an empty one, with the digits in another random order at each cell. */
function fillGrid(random: Rng, box: Box): Grid {
  const side = box.height * box.width;
  const empty = new Array<number>(side * side).fill(0);
  return solutions(empty, box, 1, (digits) => someOf(random, digits))[0] as Grid;
}

/** Another solved grid: what a Sudoku stays one under (shuffle_sudoku of the TRM code). */
function shuffleGrid(random: Rng, grid: Grid, box: Box): Grid {
  const side = box.height * box.width;
  const digits = someOf(random, numbers(side));
  /** Bands in random order, and the lines within each. */
  const lines = (size: number) =>
    someOf(random, numbers(side / size)).flatMap((band) =>
      someOf(random, numbers(size)).map((line) => band * size + line),
    );
  const rows = lines(box.height);
  const columns = lines(box.width);
  const isTurned = box.height === box.width && random.below(2) === 1;
  return grid.map((_, cell) => {
    const row = rows[Math.floor(cell / side)] as number;
    const column = columns[cell % side] as number;
    const digit = grid[isTurned ? column * side + row : row * side + column] as number;
    return 1 + (digits[digit - 1] as number);
  });
}

/**
 * Blanks cells in random order while the solution stays the only one; undefined where too few can go. As it was the only
 * one before, another would have another digit in the new blank.
 */
function blankCells(random: Rng, solved: Grid, box: Box, blanks: number): Grid | undefined {
  const puzzle = [...solved];
  let left = blanks;
  for (const cell of someOf(random, numbers(solved.length))) {
    if (left === 0) break;
    const own = solved[cell] as number;
    puzzle[cell] = 0;
    const possible = new Candidates(box, puzzle).of(cell);
    const hasOther = numbers(box.height * box.width).some((at) => {
      puzzle[cell] = at + 1;
      return at + 1 !== own && (possible & (1 << at)) !== 0 && solutions(puzzle, box, 1).length > 0;
    });
    puzzle[cell] = hasOther ? own : 0;
    if (!hasOther) left--;
  }
  return left === 0 ? puzzle : undefined;
}
