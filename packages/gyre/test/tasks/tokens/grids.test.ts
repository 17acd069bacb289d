import { describe, expect, test } from "vitest";
import type { TokenProblem, TokenTask } from "../../../src/tasks/task.ts";
import { answerOf } from "../../../src/tasks/tokens/generator.ts";
import { tokenTaskNamed } from "../../../src/tasks/tokens/index.ts";
import { solutions } from "../../../src/tasks/tokens/sudoku.ts";
import { drawn, wordsOf } from "./helpers.ts";

/** A problem on a grid that is drawn by hand; "?" is a cell that is asked for. */
function onGrid(task: TokenTask, grid: string, asked: string, difficulty: number): TokenProblem {
  const idOf = (name: string) => task.vocabulary.indexOf(name);
  const cells = [...grid.replaceAll(/\s/g, "")].map(idOf);
  const marks = [...asked.replaceAll(/\s/g, "")].map((mark) => (mark === "_" ? -1 : idOf(mark)));
  return {
    tokens: [...cells, idOf("="), ...cells],
    targets: [...cells.map(() => -1), -1, ...marks],
    difficulty,
  };
}

describe("maze", () => {
  const task = tokenTaskNamed("maze");
  const say = (text: string) => [...text].map((name) => task.vocabulary.indexOf(name));
  const grid = "S.G### #.#### ###### ###### ###### ######";
  // A 2 x 2 corner with two ways round, S to G over either free cell.
  const corner = "S.#### .G#### ###### ###### ###### ######";

  test("by hand: straight on is right, a detour, a gap, a cell too many and two ways at once are wrong", () => {
    const straight = onGrid(task, grid, "_o____ _.____ ______ ______ ______ ______", 2);
    expect(task.grade(straight, say("o."))).toBe(true);
    for (const wrong of ["..", ".o", "oo", "o", "o..", "#."])
      expect(task.grade(straight, say(wrong))).toBe(false);
    const both = onGrid(task, corner, "_o____ .______ ______ ______ ______ _____", 2);
    expect(task.grade(both, say("o."))).toBe(true);
    expect(task.grade(both, say(".o"))).toBe(true);
    expect(task.grade(both, say("oo"))).toBe(false);
  });

  /** Every walk of so many steps from S to G that enters no wall, by trying them all. */
  function shortestPaths(cells: readonly string[], size: number, steps: number): number[][] {
    const goal = cells.indexOf("G");
    const near = (cell: number) =>
      [cell - size, cell - 1, cell + 1, cell + size].filter(
        (next) =>
          next >= 0 &&
          next < cells.length &&
          cells[next] !== "#" &&
          Math.abs((next % size) - (cell % size)) <= 1,
      );
    let walks = [[cells.indexOf("S")]];
    for (let step = 1; step <= steps; step++) {
      walks = walks.flatMap((walk) =>
        near(walk.at(-1)!)
          .filter((next) => !walk.includes(next))
          .map((next) => [...walk, next]),
      );
      const arrived = walks.filter((walk) => walk.at(-1) === goal);
      if (arrived.length > 0) return arrived;
    }
    return [];
  }

  test.each([
    ["6x6", 12],
    ["10x10", 9],
  ])("%s: the marked cells are a shortest path, and the grader accepts each of the others", (variant, to) => {
    const form = tokenTaskNamed("maze", variant);
    const size = Number(variant.split("x")[0]);
    const [path, free] = [form.vocabulary.indexOf("o"), form.vocabulary.indexOf(".")];
    let several = 0;
    for (const problem of drawn(form, { batch: 40, difficulty: { from: 2, to } })) {
      const { tokens, difficulty } = wordsOf(form, problem);
      const cells = tokens.slice(0, size * size);
      expect(tokens).toEqual([...cells, "=", ...cells]);
      const paths = shortestPaths(cells, size, difficulty);
      expect(new Set(paths.map((walk) => walk.length - 1))).toEqual(new Set([difficulty]));
      const asked = [...cells.keys()].filter((cell) => cells[cell] === ".");
      const answers = paths.map((walk) => asked.map((cell) => (walk.includes(cell) ? path : free)));
      for (const answer of answers) expect(form.grade(problem, answer)).toBe(true);
      expect(answers.map((answer) => answer.join())).toContain(answerOf(problem).join());
      if (answers.length > 1) several++;
      // The first cell that is not on the path, put on it.
      const longer = answers[0]!.map((token, at, all) => (at === all.indexOf(free) ? path : token));
      if (answers[0]!.includes(free)) expect(form.grade(problem, longer)).toBe(false);
    }
    expect(several).toBeGreaterThan(0);
  });
});

describe("sudoku", () => {
  const boxes = { "4x4": { height: 2, width: 2 }, "6x6": { height: 2, width: 3 } } as const;

  /** Solves by trying digits cell by cell, with nothing but the rules; at most two solutions. */
  function bruteForce(
    puzzle: readonly number[],
    { height, width }: { height: number; width: number },
  ): number[][] {
    const side = height * width;
    const grid = [...puzzle];
    const found: number[][] = [];
    const boxOf = (cell: number) =>
      `${Math.floor(Math.floor(cell / side) / height)},${Math.floor((cell % side) / width)}`;
    const clashes = (a: number, b: number) =>
      a !== b &&
      (Math.floor(a / side) === Math.floor(b / side) || a % side === b % side || boxOf(a) === boxOf(b));
    const fill = (cell: number): void => {
      if (found.length === 2) return;
      if (cell === grid.length) {
        found.push([...grid]);
        return;
      }
      if (puzzle[cell] !== 0) {
        fill(cell + 1);
        return;
      }
      for (let digit = 1; digit <= side; digit++) {
        if (grid.some((other, at) => other === digit && clashes(cell, at))) continue;
        grid[cell] = digit;
        fill(cell + 1);
        grid[cell] = 0;
      }
    };
    fill(0);
    return found;
  }

  test("by hand: a grid of 4 x 4 with four blanks", () => {
    // 1 2 | 3 4      The blanks of the first row are 2 and 3 by their columns; the last row lacks 1 and 4.
    const puzzle = [1, 0, 0, 4, 3, 4, 1, 2, 2, 1, 4, 3, 0, 3, 2, 0];
    const solved = [1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1];
    expect(solutions(puzzle, boxes["4x4"], 2)).toEqual([solved]);
    expect(bruteForce(puzzle, boxes["4x4"])).toEqual([solved]);
    // 1 and 2 can change places in two rows and columns.
    const open = solved.map((digit, cell) => ([0, 1, 4, 5, 8, 9, 12, 13].includes(cell) ? 0 : digit));
    expect(solutions(open, boxes["4x4"], 2).length).toBe(2);
  });

  test.each(["4x4", "6x6"] as const)(
    "%s: as many blanks as it says, and one solution by brute force",
    (variant) => {
      const task = tokenTaskNamed("sudoku", variant);
      const box = boxes[variant];
      const area = (box.height * box.width) ** 2;
      for (const problem of drawn(task, { batch: 40, difficulty: { from: 1, to: task.difficulty.most } })) {
        const { tokens, answer, targets, difficulty } = wordsOf(task, problem);
        const shown = tokens.slice(0, area);
        expect(tokens).toEqual([...shown, "=", ...shown]);
        const puzzle = shown.map((name) => (name === "." ? 0 : Number(name)));
        expect(puzzle.filter((digit) => digit === 0).length).toBe(difficulty);
        const found = bruteForce(puzzle, box);
        expect(found.length).toBe(1);
        expect(targets.slice(area + 1)).toEqual(
          shown.map((name, at) => (name === "." ? String(found[0]![at]) : "")),
        );
        expect(answer.length).toBe(difficulty);
      }
    },
  );

  const solvedOf = (task: TokenTask, problem: TokenProblem) => {
    const { tokens, targets } = wordsOf(task, problem);
    const start = (tokens.length + 1) / 2;
    return tokens
      .slice(start)
      .map((name, at) => targets[start + at] || name)
      .join("");
  };

  test("reaches all 288 grids of 4 x 4; those that are held out are in training with no blanks at all", () => {
    const task = tokenTaskNamed("sudoku");
    const grids = (isHeldOut: boolean, difficulty: number) =>
      new Set(drawn(task, { batch: 3000, difficulty, isHeldOut }).map((problem) => solvedOf(task, problem)));
    const [training, heldOut] = [grids(false, 6), grids(true, 3)];
    expect(training.size + heldOut.size).toBe(288);
    expect(new Set([...training, ...heldOut]).size).toBe(288);
    expect(heldOut.size).toBeGreaterThan(20);
  });

  test("6 x 6 goes beyond the grids that shuffling one of them gives", () => {
    const task = tokenTaskNamed("sudoku", "6x6");
    /** Cycle lengths of the permutation between any two rows: no shuffle of digits, rows or columns changes them. */
    const signature = (grid: string) => {
      const rows = Array.from({ length: 6 }, (_, row) => [...grid.slice(6 * row, 6 * row + 6)]);
      const lengths: number[] = [];
      for (let a = 0; a < 6; a++)
        for (let b = a + 1; b < 6; b++) {
          const seen = new Set<number>();
          const cycles: number[] = [];
          for (let start = 0; start < 6; start++) {
            if (seen.has(start)) continue;
            let length = 0;
            for (let at = start; !seen.has(at); at = rows[a]!.indexOf(rows[b]![at]!)) {
              seen.add(at);
              length++;
            }
            cycles.push(length);
          }
          lengths.push(Number(cycles.sort().join("")));
        }
      return lengths.sort((x, y) => x - y).join();
    };
    const found = drawn(task, { batch: 200, difficulty: 1 }).map((problem) =>
      signature(solvedOf(task, problem)),
    );
    expect(new Set(found).size).toBeGreaterThan(5);
  });
});
