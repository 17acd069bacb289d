import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { deviceChoices } from "gyre/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { softwareGpu } from "../../gyre/test/runtime/device.case.ts";
import { gyre } from "./cli.ts";
import { temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let data: string;
const none = { VK_ICD_FILENAMES: "/none" };
const model = "--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 2".split(" ");
const training = "--batch 2 --warmup-steps 2 --seed 5 --threads 1 --eval-every 0".split(" ");
const at = (name: string) => join(folder.path, name);
const train = (name: string, ...words: string[]) => [
  "train",
  data,
  "--out",
  at(name),
  ...model,
  ...training,
  ...words,
];
const configOf = async (name: string) => JSON.parse(await readFile(join(at(name), "config.json"), "utf8"));
const lossesOf = async (name: string): Promise<number[]> =>
  (await readFile(join(at(name), "metrics.jsonl"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).loss);

beforeAll(async () => {
  folder = await temporaryFolder();
  data = await tinyData(at("data"));
  await tinyRun(at("drawn"));
});
afterAll(() => folder.remove());

describe("--device", () => {
  test("another name is refused with those of the library", async () => {
    const { code, stderr } = await gyre(train("other", "--device", "tpu"));
    expect(code).toBe(2);
    for (const name of deviceChoices) expect(stderr).toContain(name);
  });

  test.each<[string, () => string[]]>([
    ["train", () => train("missing")],
    [
      "train words",
      () => [
        "train",
        "words",
        "--out",
        at("missing"),
        "--difficulty",
        "2",
        "--steps",
        "1",
        ...model.slice(0, 6),
      ],
    ],
    ["lab train", () => ["lab", "train", "linear-looped", "--out", at("missing")]],
    ["lab eval", () => ["lab", "eval", at("drawn"), "--out", at("missing")]],
    ["sweep", () => ["sweep", "recipes/sweeps/tiny.json", "--out", at("missing")]],
    ["eval", () => ["eval", at("drawn"), "--data", data, "--out", at("missing")]],
    ["generate", () => ["generate", at("drawn"), "--prompt", "We"]],
    ["serve", () => ["serve", at("drawn"), "--port", "0"]],
    ["exits", () => ["exits", at("drawn"), "--data", data, "--out", at("missing")]],
    ["analyze", () => ["analyze", at("drawn"), "--data", data, "--out", at("missing")]],
    ["card", () => ["card", at("drawn"), "--data", data, "--out", at("missing")]],
    ["calibrate", () => ["calibrate", at("drawn"), "--data", data]],
  ])("one that is missing something is refused before anything is written, by gyre %s", async (_, words) => {
    const { code, stdout, stderr } = await gyre([...words(), "--device", "cuda"], { env: none });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/RUNTIME_DEVICE: the device cuda, but /);
    expect(existsSync(at("missing"))).toBe(false);
  });

  test("auto is the CPU without a GPU, says why first, and is written down as what it was", async () => {
    const { code, stderr } = await gyre(train("auto", "--device", "auto", "--steps", "2"), { env: none });
    expect(code).toBe(0);
    expect(stderr.split("\n")[0]).toMatch(/^device cpu; cuda: .*; webgpu: /);
    expect((await configOf("auto")).device).toBe("cpu");
  });

  test("ranks compute on the CPU", async () => {
    const { code, stderr } = await gyre(train("ranks", "--device", "webgpu", "--ranks", "2"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/RANKS_DEVICE: --device webgpu for several ranks\n {2}expected: the device cpu/);
  });

  test("tasks of Slurm open it where they run, not where they are submitted", async () => {
    const sweep = ["sweep", "recipes/sweeps/tiny.json", "--out", at("missing"), "--slurm", "--dry-run"];
    const { code, stdout, stderr } = await gyre([...sweep, "--device", "cuda"], { env: none });
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("device cuda")]);
    expect(stdout.match(/^ {2}exec .* train --out .* --device cuda /gm)).toHaveLength(4);
  });

  test("is about a run here, not about a server", async () => {
    const server = ["--tasks", "none", "--server", "http://127.0.0.1:9"];
    const { code, stderr } = await gyre(["eval", ...server, "--device", "cpu"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--device is about a run here");
  });
});

// each command tests the device anew, in software for some ten seconds
describe.skipIf(!softwareGpu)(
  "--device webgpu, on the software Vulkan of Chromium",
  { timeout: 600_000 },
  () => {
    const env = softwareGpu ?? {};
    const told = "device webgpu; the host computes sin and cos";

    test("a run goes on with its device, or with another and a notice, and learns as on the CPU", async () => {
      const begun = await gyre(train("gpu", "--device", "webgpu", "--steps", "1"), { env });
      expect(begun.stderr.split("\n")[0]).toBe(told);
      expect(begun.code).toBe(0);
      expect((await configOf("gpu")).device).toBe("webgpu");

      const goOn = (...words: string[]) =>
        gyre(["train", "--resume", at("gpu"), "--eval-every", "0", ...words], { env });
      const own = await goOn("--steps", "2");
      expect(own.stderr).toContain(`${told}; this run began on it`);
      expect(own.code).toBe(0);
      const other = await goOn("--steps", "3", "--device", "cpu");
      expect(other.stderr).toContain(
        "warning: this run began on the device webgpu; on cpu its weights will not be bit for bit those of a run that never stopped",
      );
      expect(other.code).toBe(0);
      expect((await configOf("gpu")).device).toBe("webgpu");

      expect((await gyre(train("cpu", "--steps", "1"))).code).toBe(0);
      const losses = await lossesOf("gpu");
      for (const [step, loss] of (await lossesOf("cpu")).entries())
        expect(Math.abs((losses[step] ?? Number.NaN) - loss)).toBeLessThan(1e-5);
      const { code, stderr } = await gyre(["train", "--resume", at("gpu"), "--steps", "4"], { env: none });
      expect(code).toBe(1);
      expect(stderr).toMatch(/RUNTIME_DEVICE: the device webgpu, but /);
    });

    test("text is that of the CPU", async () => {
      const write = ["generate", at("drawn"), "--prompt", "We the", "--max-tokens", "8", "--seed", "3"];
      const text = await gyre([...write, "--device", "webgpu"], { env });
      expect(text.stderr).toContain(told);
      expect(text.stdout).toBe((await gyre(write)).stdout);
    });

    test("a server opens it in the thread of each model", async () => {
      const { code, stdout, stderr } = await gyre(
        ["serve", at("drawn"), "--port", "0", "--device", "webgpu"],
        {
          env,
          interruptAt: (said) => said.includes("serves drawn"),
        },
      );
      expect([code, stderr]).toEqual([0, `${told}\n`]);
      expect(stdout).toContain("serves drawn");
    });
  },
);
