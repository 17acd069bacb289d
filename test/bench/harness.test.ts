import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { configs, flopsPerStep } from "../../bench/configs.ts";
import { alternate, machine, provenance, table, writeResult } from "../../bench/harness.ts";
import { LineProcess } from "../../bench/line-process.ts";
import { findPython } from "../../bench/peers/python.ts";
import { benchStartup, startupTable } from "../../bench/startup.ts";

const scratch = mkdtempSync(join(tmpdir(), "gyre-bench-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("numbers", () => {
  test("FLOPs of S by hand: 6 loops of 2 layers and 2 heads over 2048 tokens, x 6", () => {
    const layer = 256 * 768 + 256 * 256 + 2 * 256 * 1024 + 2 * 256 * 256;
    expect(flopsPerStep(configs.S)).toBe(6 * 2048 * (6 * 2 * layer + 2 * 256 * 4096));
  });

  test("alternate takes turns and keeps each side's values", async () => {
    const turns: string[] = [];
    const side = (name: string, values: number[]) => async () => {
      turns.push(name);
      return [values.shift() ?? Number.NaN];
    };
    const samples = await alternate({ a: side("a", [3, 1, 2]), b: side("b", [7, 9, 8]) }, 3);
    expect(turns).toEqual(["a", "b", "a", "b", "a", "b"]);
    expect(samples.a).toEqual({ median: 2, best: 1, all: [3, 1, 2] });
    expect(samples.b).toEqual({ median: 8, best: 7, all: [7, 9, 8] });
  });

  test("table", () => {
    expect(
      table([
        ["name", "ms"],
        ["gyre", 12.5],
        ["a longer name", 1],
      ]),
    ).toMatchInlineSnapshot(`
      "name             ms
      gyre           12.5
      a longer name     1"
    `);
  });
});

test("a result carries its command, commit and machine, and no path", () => {
  const where = writeResult(
    "probe",
    { ratio: 2, provenance: provenance(["train", "--config", "XS"]) },
    scratch,
  );
  expect(where).toBe("bench/results/probe.json");
  const text = readFileSync(join(scratch, "probe.json"), "utf8");
  const read = JSON.parse(text) as { provenance: { command: string; commit: string; machine: unknown } };
  expect(read.provenance.command).toBe("npm run bench -- train --config XS");
  expect(read.provenance.commit).toMatch(/^(none|[0-9a-f]{7,}(-dirty)?)$/);
  expect(read.provenance.machine).toEqual(machine());
  expect(text).not.toContain(process.cwd());
});

describe("a side in a process of its own", () => {
  const echo = `require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "quit") process.exit(0);
    if (line === "die") { console.error("out of luck"); process.exit(3); }
    console.log(JSON.stringify(line === "bad" ? { error: "no such request" } : { line }));
  });`;
  const open = (script: string) =>
    new LineProcess({ name: "echo", command: process.execPath, args: ["-e", script] });

  test("answers line by line", async () => {
    await using side = open(echo);
    expect(await side.ask("step 1")).toEqual({ line: "step 1" });
    expect(await side.ask("peak")).toEqual({ line: "peak" });
  });

  test("its errors and its death are reported with its own words", async () => {
    await using side = open(echo);
    await expect(side.ask("bad")).rejects.toThrow("BENCH_SIDE_FAILED: echo: no such request");
    await expect(side.ask("die")).rejects.toThrow("BENCH_SIDE_FAILED: echo: out of luck");
    await expect(side.ask("again")).rejects.toThrow("BENCH_SIDE_FAILED");
  });

  test("a command that does not exist is reported", async () => {
    await using side = new LineProcess({ name: "ghost", command: join(scratch, "nothing"), args: [] });
    await expect(side.ask("step 1")).rejects.toThrow("BENCH_SIDE_FAILED: ghost: spawn");
  });
});

test("a GYRE_PYTHON that cannot import torch is refused, not replaced", () => {
  vi.stubEnv("GYRE_PYTHON", process.execPath);
  try {
    const refusal = `BENCH_PYTHON_UNUSABLE: GYRE_PYTHON=${process.execPath}`;
    expect(() => findPython(() => undefined)).toThrow(refusal);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe("startup", () => {
  const options = {
    config: "XS" as const,
    rounds: 2,
    provenance: provenance(["startup"]),
    print: () => undefined,
  };

  test("times a script against bare node", async () => {
    const script = join(scratch, "slow.cjs");
    const says = (text: string) => `process.argv[2] === "train" && console.error("step 1/2${text}")`;
    const [runs, ends] = [says(" runs"), says("  loss 1")];
    writeFileSync(script, `setTimeout(() => ${runs}, 300); setTimeout(() => ${ends}, 400);`);
    const result = await benchStartup({ ...options, script });
    expect(result.gyreHelp.msBest).toBeGreaterThanOrEqual(300);
    expect(result.overheadMs).toBeCloseTo(result.gyreHelp.ms - result.node.ms, 0);
    expect(result.running.msBest).toBeGreaterThanOrEqual(300);
    expect(result.firstStep.msBest).toBeGreaterThanOrEqual(400);
    expect(startupTable(result)).toMatch(/gyre --help[\s\S]*gyre train, until its first step of XS runs/);
  });

  test("a command line that is not built is an error", async () => {
    const script = join(scratch, "missing.js");
    await expect(benchStartup({ ...options, script })).rejects.toThrow("BENCH_COMMAND_MISSING");
  });
});
