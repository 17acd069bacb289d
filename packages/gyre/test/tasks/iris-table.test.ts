import { expect, test } from "vitest";
import { irisTable } from "../../src/tasks/vectors/iris-table.ts";
import { mean } from "../../src/util/statistics.ts";

// Means in centimetres as Fisher (1936) gives them. A file with two slips in setosa is about too; its means are 3.418 and 0.244.
test.each([
  ["setosa", [5.006, 3.428, 1.462, 0.246]],
  ["versicolor", [5.936, 2.77, 4.26, 1.326]],
  ["virginica", [6.588, 2.974, 5.552, 2.026]],
] as const)("50 flowers of %s, with the known means", (name, means) => {
  const rows = irisTable[name].flatMap((line) => line.split(", ")).map((row) => row.split(" ").map(Number));
  expect(rows).toHaveLength(50);
  for (const [at, expected] of means.entries())
    expect(mean(rows.map((row) => row[at] as number)) / 10).toBeCloseTo(expected, 9);
});
