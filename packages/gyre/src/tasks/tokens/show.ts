import type { TokenProblem, TokenTask } from "../task.ts";

const widestLine = 96;

/**
 * A problem for people: what is read, and under it, where something is scored, what should be predicted there. Grids stand
 * as grids.
 *
 * @example
 * const [problem] = heldOutProblems(tokenTaskNamed("words"), { seed: 1, count: 1, difficulties: [3] });
 * console.log(problemText(tokenTaskNamed("words"), problem));
 */
export function problemText(task: TokenTask, { tokens, targets }: TokenProblem): string {
  const nameOf = (id: number) => task.vocabulary[id] ?? `?${id}`;
  const columns = Array.from(tokens, (token, at) => {
    const target = targets[at] as number;
    const [read, predicted] = [nameOf(token), target < 0 ? "" : nameOf(target)];
    const width = Math.max(read.length, predicted.length);
    return { read: read.padEnd(width), predicted: predicted.padEnd(width), token };
  });
  const lines: (typeof columns)[] = [[]];
  for (const column of columns) {
    const last = lines.at(-1) as typeof columns;
    const length = last.reduce((sum, { read }) => sum + read.length + 1, column.read.length);
    const isFull = task.columns
      ? last.length >= task.columns || nameOf(last[0]?.token ?? 0) === "="
      : length > widestLine;
    if (isFull) lines.push([column]);
    else last.push(column);
  }
  return lines.map(lineText).join("\n");
}

function lineText(columns: readonly { readonly read: string; readonly predicted: string }[]): string {
  const read = columns.map((column) => column.read).join(" ");
  const predicted = columns.map((column) => column.predicted).join(" ");
  return predicted.trim() === "" ? `  ${read}`.trimEnd() : `  ${read.trimEnd()}\n> ${predicted}`.trimEnd();
}
