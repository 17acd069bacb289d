import { cp, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prepareDataset } from "../../src/data/prepare.node.ts";
import { openDataset } from "../../src/data/shards.node.ts";
import { openRunData, openTrainingData } from "../../src/runs/data.node.ts";
import { createRun, openRun } from "../../src/runs/run.node.ts";
import { parseTraining } from "../../src/train/options.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { spec } from "./helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-run-data-"));
  await prepare("data/notes");
  await makeRun("runs/first");
});
afterEach(() => rm(folder, { recursive: true }));
const at = (path: string) => join(folder, path);

async function prepare(out: string, word = "people", source = "notes.txt"): Promise<void> {
  const text = `We the ${word} hold these truths.\n`.repeat(20);
  const documents = [{ name: "notes.txt", text }];
  await prepareDataset({ documents, source, tokenizer: { kind: "bytes" }, out: at(out) });
}

async function makeRun(path: string): Promise<void> {
  const { manifest, tokenizer } = await openDataset(at("data/notes"));
  const training = parseTraining({ steps: 1, objective: { kind: "final" } }, spec);
  const data = { path: at("data/notes"), manifest };
  await using _ = await createRun(at(path), { kind: "text", spec, training, tokenizer, data });
}

const run = (path = "runs/first") => openRun(at(path), ["text"]);
const tokensOf = async (opened: Promise<{ train: { length: number } }>) => (await opened).train.length;

test("the path is stored relative to the run", async () => {
  expect((await run()).config.data?.path).toBe("../../data/notes");
});

describe("the dataset is found", () => {
  test("where it was", async () => {
    expect(await tokensOf(openRunData(await run()))).toBeGreaterThan(100);
  });

  test("when the whole project has moved", async () => {
    await rename(at("data"), at("elsewhere"));
    await rename(at("runs"), at("more"));
    await cp(at("elsewhere"), at("project/data"), { recursive: true });
    await cp(at("more"), at("project/runs"), { recursive: true });
    const { reference } = await openTrainingData(await run("project/runs/first"));
    expect(reference.path).toBe("../../data/notes");
  });

  test("through links, whichever way the run is reached", async () => {
    await symlink(at("runs"), at("link"));
    expect(await tokensOf(openRunData(await run("link/first")))).toBeGreaterThan(100);
  });

  test("at another place that is named, and the run then refers to that", async () => {
    await rename(at("data/notes"), at("moved"));
    const error = await rejectionOf(run().then((one) => openTrainingData(one)));
    expect(error.message).toMatch(
      /^RUN_DATA: the run .*first: no dataset at .*data\/notes, where its own was\n/,
    );
    expect(error.detail.fix).toContain("--data");
    const { reference } = await openTrainingData(await run(), at("moved"));
    expect(reference).toMatchObject({ path: "../../moved" });
  });

  test("when it was prepared again with the same tokens, whatever else its manifest says", async () => {
    await prepare("again", "people", "other-name.txt");
    expect((await openTrainingData(await run(), at("again"))).dataset.manifest.source).toBe("other-name.txt");
  });
});

describe("another dataset", () => {
  test("is refused for training, wherever it is", async () => {
    await prepare("other", "workers");
    const error = await rejectionOf(run().then((one) => openTrainingData(one, at("other"))));
    expect(error.message).toMatch(/^RUN_DATA: .*other holds other tokens than the run was trained on/);
    await rm(at("data/notes"), { recursive: true });
    await rename(at("other"), at("data/notes"));
    expect((await rejectionOf(run().then((one) => openTrainingData(one)))).code).toBe("RUN_DATA");
    expect((await rejectionOf(run().then((one) => openRunData(one)))).code).toBe("RUN_DATA");
  });

  test("measures a run when it is named and has the same tokenizer", async () => {
    await prepare("other", "workers");
    expect(await tokensOf(openRunData(await run(), at("other")))).toBeGreaterThan(100);
    const manifest = join(at("other"), "manifest.json");
    const other = (await readFile(manifest, "utf8")).replace('"bytes"', '"gpt2"').replace("257", "50257");
    await writeFile(manifest, other.replace("256", "50256"));
    const error = await rejectionOf(run().then((one) => openRunData(one, at("other"))));
    expect(error.message).toMatch(/^RUN_DATA: .*other has a gpt2 tokenizer of 50257 entries/);
  });
});
