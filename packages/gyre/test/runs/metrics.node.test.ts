import { execFileSync } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bestIn, heldOutIn, lossIn, MetricsFile, samplesIn, spikesIn } from "../../src/runs/metrics.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
let metrics: MetricsFile;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-metrics-"));
  metrics = new MetricsFile(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const file = () => join(folder, "metrics.jsonl");
const aside = () => readFile(join(folder, "metrics.damaged.jsonl"));

test("a run without metrics has none", async () => {
  expect(await metrics.read()).toEqual({ records: [], damaged: 0 });
  expect(await metrics.truncate(0)).toBe(0);
});

test("a pipe in their place is refused at once, by name", async () => {
  execFileSync("mkfifo", [file()]);
  const { code, detail } = await rejectionOf(metrics.read());
  expect([code, detail.given]).toEqual(["CHECKPOINT_READ", expect.stringContaining("no regular file")]);
});

test("are appended, read and truncated to a step", async () => {
  for (const step of [0, 1, 2, 3]) await metrics.append({ step, loss: 4 - step, kind: "train" });
  expect((await metrics.read()).records).toHaveLength(4);
  expect(await metrics.truncate(1)).toBe(0);
  await metrics.append({ step: 2, loss: 2.5 });
  expect((await metrics.read()).records.map(({ step, loss }) => [step, loss])).toEqual([
    [0, 4],
    [1, 3],
    [2, 2.5],
  ]);
});

test("a line that a crash cut short, in the middle of a character, is left out and does not swallow the next", async () => {
  await metrics.append({ step: 1, note: "é" });
  await appendFile(file(), Buffer.concat([Buffer.from('{"step":2,"note":"'), Buffer.of(0xc3)]));
  const again = new MetricsFile(folder);
  expect(await again.read()).toEqual({ records: [{ step: 1, note: "é" }], damaged: 0 });
  await again.append({ step: 2 });
  expect(await readFile(file(), "utf8")).toBe('{"step":1,"note":"é"}\n{"step":2}\n');
});

test("damaged lines are counted, and kept aside byte for byte when a run goes on", async () => {
  const damage = [Buffer.from('{"st'), Buffer.of(0xff, 0xfe, 0x80), Buffer.from("{}"), Buffer.from('"step"')];
  const lines = [Buffer.from('{"step":1}'), ...damage, Buffer.from('{"step":2}'), Buffer.from('{"step":3}')];
  await writeFile(file(), Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")])));
  expect(await metrics.read()).toEqual({ records: [1, 2, 3].map((step) => ({ step })), damaged: 4 });
  expect(await metrics.truncate(2)).toBe(4);
  expect(await readFile(file(), "utf8")).toBe('{"step":1}\n{"step":2}\n');
  expect(await aside()).toEqual(Buffer.concat(damage.flatMap((line) => [line, Buffer.from("\n")])));
  expect(await metrics.truncate(2)).toBe(0);
});

test("a file larger than what is read at a time keeps every line", async () => {
  const lines = Array.from({ length: 3000 }, (_, step) =>
    JSON.stringify({ step, note: "é".repeat(step % 90) }),
  );
  await writeFile(file(), `${lines.join("\n")}\n`);
  expect((await metrics.read()).records).toHaveLength(3000);
  await metrics.truncate(2998);
  expect(await readFile(file(), "utf8")).toBe(`${lines.slice(0, -1).join("\n")}\n`);
});

test("records of runs of format 1 are read in today's form", async () => {
  const text =
    '{"step":1,"loss":6.1,"lossLong":5.5,"lossShort":5.4,"consistency":0.2,"gradientNorm":1,"shortLoops":[3,2]}\n' +
    '{"step":2,"loss":5.5,"lossLong":5.5,"gradientNorm":1,"shortLoops":[]}\n' +
    '{"step":3,"loss":5,"lossLong":5,"shortLoops":[],"curriculum":{"points":11,"loops":2}}\n';
  await writeFile(file(), text);
  expect((await metrics.read()).records).toEqual([
    {
      step: 1,
      loss: 6.1,
      gradientNorm: 1,
      parts: { long: 5.5, short: 5.4, consistency: 0.2 },
      noted: { shortLoops: [3, 2] },
    },
    { step: 2, loss: 5.5, gradientNorm: 1, parts: { long: 5.5 }, noted: {} },
    { step: 3, loss: 5, parts: {}, noted: { points: [11], loops: [2] } },
  ]);
  await metrics.truncate(3);
  expect(await readFile(file(), "utf8")).toBe(text);
});

test("bad records and steps are errors", async () => {
  expect((await rejectionOf(metrics.append({ step: -1 }))).message).toMatch(/^CHECKPOINT_OPTION: step: -1/);
  expect((await rejectionOf(metrics.append({ step: 1, big: 1n }))).code).toBe("RUN_JSON");
  expect((await rejectionOf(metrics.truncate(0.5))).message).toMatch(/^CHECKPOINT_OPTION: afterStep: 0\.5/);
});

describe("what records say", () => {
  const bits = { step: 2, heldOut: { bitsPerByte: { "1": 3, "4": 2 } } };

  test("held-out values in ascending numbers of loops; of other steps and unknown measures none", () => {
    expect(heldOutIn(bits)).toEqual({
      measure: "bitsPerByte",
      points: [
        { loops: 1, value: 3 },
        { loops: 4, value: 2 },
      ],
    });
    for (const heldOut of [
      undefined,
      null,
      {},
      { bitsPerByte: {} },
      { bitsPerByte: { "1": null } },
      { x: { "1": 1 } },
    ])
      expect(heldOutIn({ step: 1, heldOut })).toBeUndefined();
  });

  test("the best at full depth: fewer bits, more right answers, the earlier of two equals", () => {
    const text = [3, 2, 2.5, 2].map((value, step) => ({
      step,
      heldOut: { bitsPerByte: { 1: 1, 4: value } },
    }));
    expect(bestIn([{ step: 9 }, ...text])).toEqual({ measure: "bitsPerByte", value: 2, step: 1 });
    const answers = [0.2, 0.7, 0.5].map((value, step) => ({ step, heldOut: { accuracy: { 4: value } } }));
    expect(bestIn(answers)).toEqual({ measure: "accuracy", value: 0.7, step: 1 });
    expect(bestIn([{ step: 1 }])).toBeUndefined();
  });

  test("the part of the loss that evaluation measures, and the whole where it has none", () => {
    expect(lossIn({ step: 1, loss: 9, parts: { long: 4, short: 5 } })).toBe(4);
    expect(lossIn({ step: 1, loss: 7, parts: {} })).toBe(7);
    expect(lossIn({ step: 1, loss: null, parts: {} })).toBeUndefined();
  });

  test("every spike, of those in a row the first, also where training told of none", () => {
    const high = [40, 41, 42, 60, 75];
    const records = Array.from({ length: 80 }, (_, index) => ({
      step: index + 1,
      loss: 9,
      parts: { long: high.includes(index + 1) ? 30 : 3 },
      gradientNorm: index + 1 === 70 ? 50 : 1,
      tokens: 64,
    }));
    expect(spikesIn(records).map(({ step, what, value }) => [step, what, value])).toEqual([
      [40, "loss", 30],
      [60, "loss", 30],
      [70, "gradient norm", 50],
      [75, "loss", 30],
    ]);
    expect(spikesIn([{ step: 1 }, { step: 2, loss: null }])).toEqual([]);
  });

  test("samples where there are some", () => {
    const samples = { prompt: "We", texts: { 1: " the", 4: " are" } };
    expect(samplesIn({ step: 1, samples })).toEqual(samples);
    for (const none of [undefined, null, {}, { prompt: "We" }, { texts: {} }])
      expect(samplesIn({ step: 1, samples: none })).toBeUndefined();
  });
});
