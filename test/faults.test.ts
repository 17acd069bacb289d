import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const faults = (...words: string[]) => {
  const node = ["--import", "tsx", "--conditions", "@gyre/source", "scripts/faults/main.ts", ...words];
  return promisify(execFile)(process.execPath, node, { cwd: root });
};

test("a small share of the attacks that need no other process holds", { timeout: 120_000 }, async () => {
  const parts = ["safetensors", "damage", "evaluation", "sampling"];
  const { stdout } = await faults("--only", parts.join(","), "--share", "0.05", "--seed", "1");
  const rows = stdout.trim().split("\n").slice(-parts.length);
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual(parts);
  for (const row of rows) expect(row).toMatch(/^\w+ +[1-9]\d* +0 /);
  expect(stdout).toMatch(/^seed 1, share 0.05; .* --seed 1\n/);
});

test.each([
  ["--only", "none", /--only none\n {2}expected: kills, safetensors, damage/],
  ["--share", "2", /--share 2\n {2}expected: a number above 0 and at most 1/],
  ["--seed", "x", /--seed x\n {2}expected: a whole number/],
])("%s %s is refused", async (flag, value, message) => {
  await expect(faults(flag, value)).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(message),
  });
});
