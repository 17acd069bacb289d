import { execFileSync, spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { EventsFile } from "gyre/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

const python = process.env["GYRE_TENSORBOARD_PYTHON"] ?? "python3";
const isThere = spawnSync(python, ["-c", "import tensorboard"]).status === 0;
const why = "skipped: there is no Python with tensorboard; GYRE_TENSORBOARD_PYTHON may name one";
if (!isThere) process.stderr.write(`event files of TensorBoard: ${why}\n`);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
let run: string;
let live: string;
const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 2".split(" ");
const training = "--batch 2 --warmup-steps 2 --threads 1 --steps 12 --eval-every 4".split(" ");
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(join(folder.path, "data"));
  run = join(folder.path, "first");
  live = join(folder.path, "live");
  const stop = ["--stop-at", "8", "--checkpoint-every", "5", "--tensorboard", live];
  expect((await gyre(["train", data, "--out", run, ...model, ...training, ...stop])).code).toBe(0);
  const more = ["--eval-every", "4", "--tensorboard", live];
  expect((await gyre(["train", "--resume", run, ...more])).code).toBe(0);
}, 60_000);
afterAll(() => folder.remove());

const recordsOf = async () =>
  (await readFile(join(run, "metrics.jsonl"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("training writes a file for each process, in a folder of the run's name", async () => {
  const files = await readdir(join(live, "first"));
  expect(files).toHaveLength(2);
  for (const file of files) expect(file).toMatch(/^events\.out\.tfevents\.\d{10}\.\d+\.gyre$/);
});

test("gyre plot writes what a run has, and the same again", async () => {
  const out = join(folder.path, "written");
  const words = ["plot", run, "--tensorboard", out];
  const { code, stdout } = await gyre(words);
  const path = join(out, "first", "events.out.tfevents.gyre");
  expect([code, stdout.trimEnd().split("\n").at(-1)]).toEqual([0, path]);
  const bytes = await readFile(path);
  expect((await gyre(words)).code).toBe(0);
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(await readdir(join(out, "first"))).toEqual(["events.out.tfevents.gyre"]);
}, 60_000);

test("a folder that cannot be is refused before anything is written", async () => {
  const file = join(folder.path, "file");
  await writeFile(file, "");
  const out = join(folder.path, "none");
  const trained = await gyre(["train", data, "--out", out, ...model, ...training, "--tensorboard", file]);
  const plotted = await gyre(["plot", run, "--tensorboard", file]);
  for (const { code, stderr } of [trained, plotted])
    expect([code, stderr]).toEqual([1, expect.stringContaining("CHECKPOINT_WRITE")]);
  await expect(readdir(out)).rejects.toThrow();
}, 60_000);

describe("TensorBoard", () => {
  /** All scalars that TensorBoard finds in a folder: by tag, [step, value, time]. */
  const found = (path: string): Record<string, [number, number, number][]> => {
    const script = [
      "import json, sys",
      "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator",
      "events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0}).Reload()",
      "tags = events.Tags()['scalars']",
      "print(json.dumps({t: [(e.step, e.value, e.wall_time) for e in events.Scalars(t)] for t in tags}))",
    ];
    return JSON.parse(execFileSync(python, ["-c", script.join("\n"), path], { encoding: "utf8" }));
  };

  test.skipIf(!isThere)("reads a step that was done twice as it was done last", async () => {
    const path = join(folder.path, "twice", "run");
    for (const [steps, loss] of [
      [[1, 2, 3, 4, 5, 6, 7], 2],
      [[6, 7, 8], 1],
    ] as const) {
      const events = await EventsFile.open(path);
      for (const step of steps) await events.append({ step, loss });
    }
    expect(found(path)["loss"]?.map(([step, loss]) => [step, loss])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((step) => [step, step < 6 ? 2 : 1]),
    );
  });

  test.skipIf(!isThere)("reads samples as text", async () => {
    const path = join(folder.path, "texts", "run");
    const events = await EventsFile.open(path);
    await events.append({
      step: 5,
      loss: 1,
      samples: { prompt: "We ", texts: { "1": "the\npeople", "2": "é" } },
    });
    const script = [
      "import json, sys",
      "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator",
      "events = EventAccumulator(sys.argv[1]).Reload()",
      "tags = events.PluginTagToContent('text')",
      "print(json.dumps({t: events.Tensors(t)[0].tensor_proto.string_val[0].decode() for t in tags}))",
    ];
    const texts = execFileSync(python, ["-c", script.join("\n"), path], { encoding: "utf8" });
    expect(JSON.parse(texts)).toEqual({
      "samples/1_loops": "    We the\n    people",
      "samples/2_loops": "    We é",
    });
  });

  test.skipIf(!isThere)("reads every number of both files, once for each step", async () => {
    const records = await recordsOf();
    const written = join(folder.path, "read");
    expect((await gyre(["plot", run, "--tensorboard", written])).code).toBe(0);
    for (const path of [join(live, "first"), join(written, "first")]) {
      const scalars = found(path);
      expect(Object.keys(scalars).sort()).toEqual([
        "gradient_norm",
        "held_out/bits_per_byte/1_loops",
        "held_out/bits_per_byte/2_loops",
        "learning_rate",
        "loss",
        "loss/consistency",
        "loss/long",
        "loss/short",
        "tokens_per_second",
      ]);
      const float = (value: number) => Math.fround(value);
      const of = (tag: string) => scalars[tag]?.map(([step, value]) => [step, value]);
      expect(of("loss")).toEqual(records.map(({ step, loss }) => [step, float(loss)]));
      expect(of("loss/short")).toEqual(records.map(({ step, parts }) => [step, float(parts.short)]));
      const measured = records.filter(({ heldOut }) => heldOut !== undefined);
      expect(of("held_out/bits_per_byte/2_loops")).toEqual(
        measured.map(({ step, heldOut }) => [step, float(heldOut.bitsPerByte[2])]),
      );
      const times = scalars["loss"]?.map(([, , time]) => time) ?? [];
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(Math.abs((times.at(-1) ?? 0) - Date.now() / 1e3)).toBeLessThan(600);
    }
  });
});
