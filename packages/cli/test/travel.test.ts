import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { presets } from "gyre";
import { loadWeights, openRun, readSafetensorsFile, writeSafetensorsFile } from "gyre/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gyre } from "./cli.ts";
import { size, temporaryFolder, tinyRun } from "./tiny.ts";

let folder: string;
let remove: () => Promise<void>;
const at = (...names: string[]) => join(folder, ...names);
const files = (name: string) =>
  Promise.all(["config.json", "model.safetensors"].map((file) => readFile(at(name, file))));

async function run(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await gyre(words, { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

beforeAll(async () => {
  const temporary = await temporaryFolder();
  ({ path: folder, remove } = { path: temporary.path, remove: temporary.remove });
  await tinyRun(at("run"));
});
afterAll(() => remove());

describe("gyre export and import", () => {
  it("bring a trained run out and back", async () => {
    await run("export", "run", "out");
    expect(await run("import", "out", "--out", "back")).toContain(
      "back: loopformer, 1 layer x 4 loops, 16,288 parameters",
    );
    const [before, after] = await Promise.all([openRun(at("run")), openRun(at("back"))]);
    expect(after.config).toEqual(before.config);
    expect((await loadWeights(after)).weights).toEqual((await loadWeights(before)).weights);
    const { tensors } = await readSafetensorsFile(at("out", "model.safetensors"));
    expect([...tensors.keys()].every((name) => name.startsWith("gpt."))).toBe(true);
    expect((await gyre(["generate", "back", "--max-tokens", "2"], { cwd: folder })).code).toBe(0);
  });

  it("give back the bytes of an imported checkpoint in its form", async () => {
    await run("export", "run", "author", "--dtype", "bfloat16", "--prefix", "none");
    const [config, model] = (await files("author")) as [Buffer, Buffer];
    await mkdir(at("odd"));
    await writeFile(at("odd", "config.json"), config.toString("utf8").replaceAll("\n", " "));
    await writeFile(at("odd", "model.safetensors"), model);
    await run("import", "odd", "--out", "odd-run");
    await run("export", "odd-run", "again");
    expect(await files("again")).toEqual(await files("odd"));
    await run("export", "odd-run", "again", "--dtype", "bfloat16", "--prefix", "none", "--force");
    expect(await files("again")).toEqual(await files("odd"));
  });

  it("list every tensor that does not fit, and leave no run behind", async () => {
    await run("export", "run", "wrong", "--force");
    const path = at("wrong", "model.safetensors");
    const tensors = new Map((await readSafetensorsFile(path)).tensors);
    tensors.delete("gpt.transformer.wpe.weight");
    tensors.set("gpt.more", { dtype: "U8", shape: [1], bytes: new Uint8Array(1) });
    await writeSafetensorsFile(path, { tensors });
    const { code, stderr } = await gyre(["import", "wrong", "--out", "wrong-run"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(/missing: transformer\.wpe\.weight \[16, 16\]\n {4}extra: gpt\.more \[1\]/);
    await expect(openRun(at("wrong-run"))).rejects.toThrow("RUN_MISSING");
  });

  it("refuse a form or difficulties without a task, and a task that does not fit", async () => {
    const words = ["import", "out", "--out", "tasked"];
    const [alone, other] = await Promise.all([
      gyre([...words, "--difficulty", "2..4"], { cwd: folder }),
      gyre([...words, "--task", "words"], { cwd: folder }),
    ]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("need --task")]);
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringMatching(/^IMPORT_TASK: out as a model of words/),
    ]);
  });

  it("refuse what cannot travel", async () => {
    await tinyRun(at("relu"), presets.tmlt(size, { activation: "relu" }));
    const relu = await gyre(["export", "relu", "nowhere"], { cwd: folder });
    expect([relu.code, relu.stderr]).toEqual([1, expect.stringContaining("SPEC_NOT_OFFICIAL")]);
    const twice = await gyre(["export", "run", "run"], { cwd: folder });
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining("OFFICIAL_EXISTS")]);
  });
});
