import { existsSync, readFileSync } from "node:fs";
import { cp, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contentOf } from "../../gyre/test/runs/helpers.ts";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData } from "./tiny.ts";

// What may happen to a run, with processes of their own: wrong starts, two that want it, signals, a moved dataset.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
const at = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(at("data"));
});
afterAll(() => folder.remove());

const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3".split(" ");
const training = "--batch 2 --warmup-steps 4 --seed 5".split(" ");
const begin = (run: string, steps: number) => [
  "train",
  data,
  "--out",
  run,
  ...model,
  ...training,
  "--steps",
  `${steps}`,
];

/** More steps than a test waits for. */
const endless = 1_000_000;
const hasResumed = (_: string, stderr: string) => /\d+\/1000000 runs/.test(stderr);
const isStarting = (_: string, stderr: string) => stderr.includes("steps of");
const hasBegun = (_: string, stderr: string) => stderr.includes("step 1/");

const stepsOf = (run: string): number[] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).step);
const upTo = (steps: number) => Array.from({ length: steps }, (_, index) => index + 1);
const configOf = async (run: string) => JSON.parse(await readFile(join(run, "config.json"), "utf8"));
/** The step of the newest checkpoint. */
const savedStep = (run: string) =>
  Number(readFileSync(join(run, "latest"), "utf8").trim().slice("step-".length));

/** Begins a run and stops it after a few steps. */
async function stopped(run: string, ...flags: string[]): Promise<void> {
  const { code } = await gyre([...begin(run, endless), ...flags], { interruptAt: hasBegun });
  expect(code).toBe(130);
}

describe("a start that is refused", () => {
  test("with --force leaves the trained run as it was, byte for byte", async () => {
    const run = at("trained");
    expect((await gyre(begin(run, 4))).code).toBe(0);
    const before = await contentOf(run);
    const refused = await gyre(["train", data, "--out", run, "--force", "--context", "999999"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/DATA_TOO_SHORT/)]);
    expect(await contentOf(run)).toEqual(before);
    expect((await gyre(["generate", run, "--prompt", "We", "--max-tokens", "2"])).code).toBe(0);
  });

  test("leaves nothing, and the same command with what fits needs no --force", async () => {
    const run = at("retry");
    const refused = await gyre(["train", data, "--out", run, "--context", "999999"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/DATA_TOO_SHORT/)]);
    expect(existsSync(run)).toBe(false);
    expect((await gyre(begin(run, 2))).code).toBe(0);
    expect(stepsOf(run)).toEqual([1, 2]);
  });
});

describe("a step that is more than the machine holds", () => {
  const enormous = ["--context", "999999", "--batch", "1"];
  let long = "";
  beforeAll(async () => {
    long = await tinyData(at("long"), "people ".repeat(2000).trim());
  });

  test("is refused before anything is compiled or deleted, with the largest context that fits", async () => {
    const run = at("kept");
    expect((await gyre(begin(run, 2))).code).toBe(0);
    const before = await contentOf(run);
    for (const flags of [
      ["--out", run, "--force"],
      ["--out", at("never")],
    ]) {
      const refused = await gyre(["train", long, ...flags, ...enormous]);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringMatching(
          /TRAIN_MEMORY: a step of 1 x 999,999 tokens, which takes about [\d,]+ GiB\n.*GiB of this machine\n.*use a context of at most [\d,]+$/m,
        ),
      ]);
    }
    expect(await contentOf(run)).toEqual(before);
    expect(existsSync(at("never"))).toBe(false);
  });

  test("which takes long is announced with its memory and time", async () => {
    const many = [...begin(at("announced"), endless), "--batch", "64", "--micro-batches", "60000"];
    const ended = await gyre(many, { interruptAt: isStarting, signal: "SIGTERM" });
    expect(ended.signal).toBe("SIGTERM");
    expect(ended.stderr).toMatch(/steps of 3840000 x 16 tokens; about \d+ MiB of memory and \d+\S* a step\n/);
  });
});

describe("two processes", () => {
  test("of which one trains a run: the other is refused by name, and no step is there twice", async () => {
    const run = at("contested");
    let second: ReturnType<typeof gyre> | undefined;
    let isRefused = false;
    const first = await gyre(begin(run, endless), {
      interruptAt: (stdout, stderr) => {
        if (hasBegun(stdout, stderr))
          second ??= gyre(["train", "--resume", run]).finally(() => {
            isRefused = true;
          });
        return isRefused;
      },
    });
    expect(first.code).toBe(130);
    const refused = await second;
    expect([refused?.code, refused?.stderr]).toEqual([
      1,
      expect.stringMatching(/RUN_LOCKED: .*contested is written to by process \d+/),
    ]);
    const steps = stepsOf(run);
    expect(steps).toEqual(upTo(steps.length));
    expect(savedStep(run)).toBe(steps.length);
  });

  test("that go on with a run at the same moment: one does", async () => {
    const run = at("raced");
    await stopped(run);
    const ended = new Set<number>();
    const one = async (index: number) => {
      const result = await gyre(["train", "--resume", run], {
        interruptAt: (stdout, stderr) => ended.size > 0 && hasResumed(stdout, stderr),
      });
      ended.add(index);
      return result;
    };
    const results = await Promise.all([one(0), one(1)]);
    const refused = results.filter(({ code }) => code === 1);
    expect(refused.map(({ stderr }) => stderr)).toEqual([expect.stringMatching(/RUN_LOCKED/)]);
    const steps = stepsOf(run);
    expect(steps).toEqual(upTo(steps.length));
    expect(await readdir(run)).not.toContain("lock");
  });
});

describe("a signal", () => {
  test.each(["SIGHUP", "SIGTERM"] as const)("%s saves the step under way", async (signal) => {
    const run = at(signal);
    const ended = await gyre(begin(run, endless), { interruptAt: hasBegun, signal });
    expect([ended.code, ended.stderr]).toEqual([130, expect.stringMatching(/stopped and saved at step \d+/)]);
    const steps = stepsOf(run);
    expect(steps).toEqual(upTo(steps.length));
    expect(savedStep(run)).toBe(steps.length);
  });

  test("before the first step ends the process at once, and nothing is left", async () => {
    const run = at("early");
    const deep = [...begin(run, endless), "--layers", "4", "--loops", "24"]; // seconds of compilation
    const ended = await gyre(deep, { interruptAt: isStarting, signal: "SIGTERM" });
    expect({ ...ended, stderr: ended.stderr.trim().split("\n").length }).toEqual({
      code: null,
      signal: "SIGTERM",
      stdout: "",
      stderr: 1,
    });
    expect(existsSync(run)).toBe(false);
  });
});

describe("a run that goes on", () => {
  test("uses the threads that it began with, and says when it is told to use others", async () => {
    const run = at("threads");
    await stopped(run, "--threads", "2");
    expect(await configOf(run)).toMatchObject({ version: 2, threads: 2 });
    const resume = ["train", "--resume", run];
    const asBefore = await gyre(resume, { interruptAt: hasResumed });
    expect([asBefore.code, asBefore.stderr]).toEqual([130, expect.not.stringMatching(/warning/)]);
    const other = await gyre([...resume, "--threads", "1"], { interruptAt: hasResumed });
    expect([other.code, other.stderr]).toEqual([
      130,
      expect.stringMatching(
        /warning: this run began with 2 threads; with 1 thread its weights will not be bit for bit/,
      ),
    ]);
    const config = await configOf(run);
    expect(config.threads).toBe(2);
    await writeFile(join(run, "config.json"), JSON.stringify({ ...config, threads: 4096 }));
    const smaller = await gyre(resume, { interruptAt: hasResumed });
    expect([smaller.code, smaller.stderr]).toEqual([
      130,
      expect.stringMatching(
        /warning: this run began with 4096 threads; with \d+ threads? its weights will not/,
      ),
    ]);
  });

  test("finds its dataset by --data where that has moved, and by itself from then on", async () => {
    const run = at("travelled");
    const own = await tinyData(at("own-data"));
    const [, , ...others] = begin(run, endless);
    expect((await gyre(["train", own, ...others], { interruptAt: hasBegun })).code).toBe(130);
    expect((await configOf(run)).data.path).toBe("../own-data");
    await rename(own, at("moved-data"));
    const lost = await gyre(["train", "--resume", run]);
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringMatching(/RUN_DATA: [\s\S]*--data/)]);
    const foreign = await tinyData(at("foreign"), "fish");
    const wrong = await gyre(["train", "--resume", run, "--data", foreign]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/RUN_DATA: .*other tokens/)]);
    const named = ["train", "--resume", run, "--data", at("moved-data")];
    expect((await gyre(named, { interruptAt: hasResumed })).code).toBe(130);
    expect((await configOf(run)).data.path).toBe("../moved-data");
    const alone = await gyre(["train", "--resume", run], { interruptAt: hasResumed });
    expect(alone.code).toBe(130);
  });
});

test("a run of the first format goes on, is rewritten with a notice, and measured", async () => {
  await cp(new URL("../../gyre/test/fixtures/format-1/", import.meta.url), at("format-1"), {
    recursive: true,
  });
  const [run, ofTheTime] = [at("format-1/text"), ["--data", at("format-1/data")]];
  const { code, stderr } = await gyre(["train", "--resume", run, ...ofTheTime]);
  expect(code).toBe(0);
  expect(stderr).toContain("config.json was of version 1 and is of version 2 now");
  expect(JSON.parse(readFileSync(join(run, "config.json"), "utf8"))).toMatchObject({
    version: 2,
    kind: "text",
  });
  expect(stepsOf(run)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const measured = await gyre(["eval", run, at("format-1/imported"), ...ofTheTime, "--loops", "1..3"]);
  expect(measured.code).toBe(0);
  expect(measured.stdout).toMatch(/imported +3 /);
});

test("runs are listed with what they learned, and cleaned of all but the newest checkpoint", async () => {
  const run = at("listed/one");
  const words = [...begin(run, 4), "--checkpoint-every", "2"];
  expect((await gyre(words)).code).toBe(0);
  const { code, stdout } = await gyre(["runs", at("listed")]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^run +family +layers x loops +parameters +steps +loss +best held out +disk +changed\n/,
  );
  expect(stdout).toMatch(/listed\/one +loopformer +1 x 3 +[\d.]+k +4\/4 +5\.\d{4} +[\d.]+ KiB +\ds ago\n/);
  const [listed] = JSON.parse((await gyre(["runs", at("listed"), "--json"])).stdout);
  expect(listed).toMatchObject({ path: run, kind: "text", step: 4, steps: 4, isHeld: false });

  const none = await gyre(["clean", run, at("nowhere")]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("RUN_MISSING")]);
  const trial = await gyre(["clean", run, "--dry-run"]);
  expect(trial.stdout).toMatch(/^would delete .*step-000002 {2}[\d.]+ KiB\n1 checkpoint, [\d.]+ KiB\n$/);
  expect(await readdir(join(run, "checkpoints"))).toEqual(["step-000002", "step-000004"]);
  expect((await gyre(["clean", run])).stdout).toMatch(/^deleted .*step-000002/);
  expect(await readdir(join(run, "checkpoints"))).toEqual(["step-000004"]);
  expect((await gyre(["clean", run])).stdout).toBe("nothing to delete\n");
  expect((await gyre(["runs", at("nowhere")])).stderr).toContain("CHECKPOINT_READ");
});
