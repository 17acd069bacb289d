import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test as tested } from "vitest";
import { isFound, type Launcher, launchers, runRanks } from "../../gyre/test/ranks/launchers.ts";
import { withoutRanks } from "../src/start-ranks.ts";
import { gyre, nodeWords } from "./cli.ts";
import { temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(join(folder.path, "data"));
});
afterAll(() => folder.remove());

/** Whether a small disk can be mounted here, to be filled. */
const canMount = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3 --threads 1".split(" ");
const training = (steps: number) =>
  `--steps ${steps} --batch 2 --micro-batches 2 --warmup-steps 4 --seed 5`.split(" ");
const begin = (run: string, steps: number) => ["train", data, "--out", run, ...model, ...training(steps)];
const lossesOf = async (run: string): Promise<number[]> =>
  (await readFile(join(run, "metrics.jsonl"), "utf8").catch(() => ""))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).loss);

const at = (launcher: Launcher, name: string) =>
  join(folder.path, `${launcher.name.replace(" ", "")}-${name}`);
const ranksOf = (launcher: Launcher) => (count: number, words: readonly string[]) =>
  runRanks(launcher, count, nodeWords(words), []);

/** The losses of one process, which every launcher's ranks are held to. */
let alone: Promise<readonly number[]> | undefined;
const lossesAlone = async (): Promise<readonly number[]> => {
  const run = join(folder.path, "one");
  expect((await gyre(begin(run, 200))).code).toBe(0);
  return await lossesOf(run);
};

describe.each(launchers)("$name", { timeout: 180_000 }, (launcher) => {
  const test = tested.skipIf(!isFound(launcher));
  const ranks = ranksOf(launcher);

  test("two ranks train the run of one process, for 200 steps: only rank 0 prints, and losses agree to float32", async () => {
    const two = at(launcher, "two");
    const ended = await ranks(2, begin(two, 200));
    expect([ended.code, ended.stderr.match(/done: 200 steps/g)]).toEqual([0, ["done: 200 steps"]]);
    alone ??= lossesAlone();
    const [ours, expected] = [await lossesOf(two), await alone];
    expect(ours).toHaveLength(200);
    for (const [index, loss] of ours.entries())
      expect(Math.abs(loss - (expected[index] as number)), `step ${index + 1}`).toBeLessThan(1e-5);
  });

  test("a rank that is killed ends all within seconds, and one process goes on from the last checkpoint", async () => {
    const run = at(launcher, "killed");
    const going = ranks(2, [...begin(run, 3000), "--checkpoint-every", "10"]);
    while ((await lossesOf(run)).length < 15) await sleep(20);
    const killed = performance.now();
    process.kill(JSON.parse(await readFile(join(run, "lock"), "utf8")).pid, "SIGKILL");
    expect((await going).code).not.toBe(0);
    expect(performance.now() - killed).toBeLessThan(20_000);
    const stopped = await gyre(["train", "--resume", run], {
      interruptAt: (_, stderr) => /step \d+\/3000 {2}loss/.test(stderr),
    });
    expect([stopped.code, stopped.stderr]).toEqual([130, expect.stringMatching(/from step \d+0\b/)]);
  });
});

// What does not depend on the MPI library is tried with one of them.
describe.each(launchers.filter(isFound).slice(0, 1))("ranks of $name", { timeout: 180_000 }, (launcher) => {
  const test = tested;
  const ranks = ranksOf(launcher);
  const reported = async (run: string, name: string) =>
    JSON.parse(await readFile(join(run, "reports", `${name}.json`), "utf8"));

  test("a task is trained, and measured as one process measures it; rank 0 alone prints", async () => {
    const [run, words] = [at(launcher, "task"), "words --group S3 --difficulty 2..4".split(" ")];
    const trained = await ranks(2, [
      "train",
      ...words,
      "--out",
      run,
      ...model.slice(0, 6),
      ...training(20),
      "--eval-every",
      "0",
    ]);
    expect([trained.code, trained.stderr.match(/done: 20 steps/g)]).toEqual([0, ["done: 20 steps"]]);
    const asked = ["eval", run, "--count", "9", "--batch", "4", "--loops", "1,3", "--name"];
    const shared = await ranks(2, [...asked, "shared"]);
    expect([shared.code, shared.stdout.match(/shared\.json/g)]).toEqual([0, ["shared.json"]]);
    expect((await gyre([...asked, "alone"])).code).toBe(0);
    expect((await reported(run, "shared")).models).toEqual((await reported(run, "alone")).models);
  });

  test("a recipe of the laboratory is trained, where its step has micro-batches to share", async () => {
    const run = at(launcher, "lab");
    const words = ["lab", "train", "linear-looped", "--out", run, "--steps", "3", "--batch", "4"];
    const trained = await ranks(2, [...words, "--micro-batches", "2"]);
    expect([trained.code, trained.stderr.match(/3 steps of 8 prompts on 2 ranks/g)?.length]).toEqual([0, 1]);
    expect(await lossesOf(run)).toHaveLength(3);
    const asked = ["lab", "eval", run, "--prompts", "12", "--loops", "1,2", "--noise", "0", "--name"];
    const shared = await ranks(2, [...asked, "shared"]);
    expect([shared.code, shared.stdout.match(/shared\.md/g)]).toEqual([0, ["shared.md"]]);
    expect((await gyre([...asked, "alone"])).code).toBe(0);
    expect((await reported(run, "shared")).findings).toEqual((await reported(run, "alone")).findings);
  });

  test("questions are shared out, and answered as one process answers them", async () => {
    const run = at(launcher, "asked");
    await tinyRun(run);
    const file = join(run, "piqa.jsonl");
    const questions = Array.from({ length: 6 }, (_, at) => ({
      ...{ goal: `Go ${at}`, sol1: "by bus", sol2: "on foot", label: at % 2 },
    }));
    await writeFile(file, questions.map((one) => `${JSON.stringify(one)}\n`).join(""));
    const asked = ["eval", run, "--tasks", file, "--loops", "1,4", "--batch", "2", "--name"];
    expect((await ranks(2, [...asked, "shared"])).code).toBe(0);
    expect((await gyre([...asked, "alone"])).code).toBe(0);
    const timeless = async (name: string) =>
      JSON.parse(JSON.stringify((await reported(run, name)).models), (key, value) =>
        /(ms|seconds)$/i.test(key) ? 0 : value,
      );
    expect(await timeless("shared")).toEqual(await timeless("alone"));
  });

  test("what cannot begin says why, once, and leaves nothing", async () => {
    const uneven = await ranks(3, begin(at(launcher, "uneven"), 10));
    expect(uneven.code).not.toBe(0);
    expect(uneven.stderr.match(/RANKS_UNEVEN: 2 micro-batches a step, and 3 ranks/g)).toHaveLength(1);
    await expect(readFile(join(at(launcher, "uneven"), "config.json"))).rejects.toThrow(/ENOENT/);
    const server = await ranks(2, ["eval", "--tasks", data, "--server", "http://127.0.0.1:1"]);
    expect(server.stderr).toMatch(/RANKS_ONE: gyre eval --server, started as 2 ranks/);
    const drawing = await ranks(2, ["tasks", "write", "words", at(launcher, "words.jsonl")]);
    expect([drawing.code === 0, drawing.stderr]).toEqual([
      false,
      expect.stringMatching(/RANKS_ONE: gyre tasks write, started as 2 ranks/),
    ]);
    await expect(readFile(at(launcher, "words.jsonl"))).rejects.toThrow(/ENOENT/);
  });

  test("a rank with other data, or without any, ends all, and no run is left", async () => {
    const other = await tinyData(at(launcher, "other-data"), "folk");
    const run = at(launcher, "other");
    const withData = (path: string) => nodeWords(["train", path, "--out", run, ...model, ...training(10)]);
    const differs = await runRanks(launcher, 1, [...withData(data), ":", ...withData(other)]);
    expect([differs.code === 0, differs.stderr]).toEqual([
      false,
      expect.stringMatching(/RANKS_DIFFER: the dataset .*: rank 1 with other than rank 0/),
    ]);
    const none = await runRanks(launcher, 1, [...withData(data), ":", ...withData(at(launcher, "none"))]);
    expect([none.code === 0, none.stderr]).toEqual([false, expect.stringMatching(/rank 1: DATA_MISSING/)]);
    await expect(readFile(join(run, "config.json"))).rejects.toThrow(/ENOENT/);
  });

  test("a rank of another version ends all, and no run is left", async () => {
    const run = at(launcher, "versions");
    const words = nodeWords(begin(run, 10));
    const older = `Object.defineProperty(process, "version", { value: "v20.0.0" })`;
    const preload = ["--import", `data:text/javascript,${encodeURIComponent(older)}`];
    const { code, stderr } = await runRanks(launcher, 1, [...words, ":", ...preload, ...words]);
    expect([code === 0, stderr]).toEqual([
      false,
      expect.stringMatching(/RANKS_DIFFER: the version of Node: rank 1 with other than rank 0/),
    ]);
    await expect(readFile(join(run, "config.json"))).rejects.toThrow(/ENOENT/);
  });

  test.skipIf(!canMount)(
    "a disk that fills on rank 0 ends all; with room again, the run goes on",
    async () => {
      const disk = at(launcher, "disk");
      await mkdir(disk);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
      try {
        const run = join(disk, "run");
        const going = ranks(2, [...begin(run, 1_000_000), "--checkpoint-every", "10"]);
        while ((await lossesOf(run)).length < 15) await sleep(20);
        await writeFile(join(disk, "filler"), Buffer.alloc(2 ** 20)).catch(() => undefined);
        const { code, stderr } = await going;
        expect([code === 0, stderr]).toEqual([
          false,
          expect.stringMatching(/CHECKPOINT_WRITE: .*no space left/),
        ]);
        await rm(join(disk, "filler"));
        const resumed = await gyre(["train", "--resume", run], {
          interruptAt: (_, stderr) => stderr.includes("runs; compiled"),
        });
        expect([resumed.code, resumed.stderr]).toEqual([130, expect.stringMatching(/from step \d+0\b/)]);
      } finally {
        execFileSync("umount", ["--lazy", disk]);
      }
    },
  );

  test("two jobs cannot write one run: the second is refused, the first goes on", async () => {
    const run = at(launcher, "locked");
    const first = ranks(2, begin(run, 1_000_000));
    while ((await lossesOf(run)).length < 1) await sleep(20);
    const second = await ranks(2, ["train", "--resume", run]);
    expect([second.code === 0, second.stderr]).toEqual([false, expect.stringMatching(/RUN_LOCKED/)]);
    const steps = (await lossesOf(run)).length;
    while ((await lossesOf(run)).length <= steps) await sleep(20);
    process.kill(JSON.parse(await readFile(join(run, "lock"), "utf8")).pid, "SIGKILL");
    expect((await first).code).not.toBe(0);
  });
});

describe("--ranks", { timeout: 120_000 }, () => {
  tested.skipIf(!launchers.some(isFound))(
    "starts the ranks itself, to train until Ctrl-C, to go on and to measure",
    async () => {
      const run = join(folder.path, "started");
      const { code, stderr } = await gyre([...begin(run, 5000), "--ranks", "2"], {
        interruptAt: (_, stderr) => /step 1\/5000 {2}loss/.test(stderr),
      });
      expect([code, stderr]).toEqual([
        130,
        expect.stringMatching(/on 2 ranks[\s\S]*stopped and saved at step \d+/),
      ]);
      const resumed = await gyre(["train", "--resume", run, "--ranks", "2"], {
        interruptAt: (_, stderr) => /step \d+\/5000 {2}loss/.test(stderr),
      });
      expect([resumed.code, resumed.stderr]).toEqual([
        130,
        expect.stringMatching(/on 2 ranks, from step \d+[\s\S]*stopped and saved at step \d+/),
      ]);
      const pointsOf = async (name: string, words: readonly string[]) => {
        expect((await gyre(["eval", run, "--loops", "1,3", "--name", name, ...words])).code).toBe(0);
        const report = JSON.parse(await readFile(join(run, "reports", `${name}.json`), "utf8"));
        return report.models[0].points.map((point: object) => ({ ...point, elapsedMs: 0 }));
      };
      expect(await pointsOf("shared", ["--ranks", "2"])).toEqual(await pointsOf("alone", []));
    },
  );

  tested("without a launcher, or under one, the error says what to do", async () => {
    const words = [...begin(join(folder.path, "none"), 10), "--ranks", "2"];
    const none = await gyre(words, { env: { PATH: folder.path } });
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/RANKS_LAUNCHER: --ranks 2[\s\S]*install openmpi-bin or mpich/),
    ]);
    const nested = await gyre(words, { env: { PMI_RANK: "0", PMI_SIZE: "2" } });
    expect([nested.code, nested.stderr]).toEqual([
      1,
      expect.stringMatching(/TRAIN_USAGE: --ranks 2 under a launcher/),
    ]);
  });

  tested("is left out of the words that each rank gets", () => {
    expect(withoutRanks(["train", "a", "--ranks", "2", "--out", "b"])).toEqual(["train", "a", "--out", "b"]);
    expect(withoutRanks(["train", "--ranks=2"])).toEqual(["train"]);
    expect(withoutRanks(["train"])).toEqual(["train"]);
  });
});
