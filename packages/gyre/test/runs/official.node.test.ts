import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { saveBpe, trainBpe } from "../../src/data/bpe.node.ts";
import { wordsJson } from "../../src/data/words.ts";
import { readOfficialFolder, writeOfficialFolder } from "../../src/families/official.node.ts";
import { writeOfficial } from "../../src/families/official.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { presets } from "../../src/models/presets.ts";
import { learnedTask } from "../../src/runs/config.ts";
import { fetchModel } from "../../src/runs/fetch-model.ts";
import { exportOfficial, type ImportOptions, importOfficial } from "../../src/runs/official.node.ts";
import { createRun, openAnswersRun, openRun } from "../../src/runs/run.node.ts";
import { openRunTask } from "../../src/runs/texts.node.ts";
import { loadTokenizer } from "../../src/runs/tokenizer.node.ts";
import { loadWeights } from "../../src/runs/weights.node.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { parseAnswerTraining } from "../../src/train/answer-options.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { serveFolder } from "./static-server.ts";

let folder: string;
const at = (...names: string[]) => join(folder, ...names);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-import-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** An official model of one narrow layer with this vocabulary. */
async function official(vocab: number, loops = 8) {
  const spec = presets.loopformer({ vocab, context: 4, width: 4, heads: 1, mlp: 4, layers: 1, loops });
  const weights = initialWeights(spec, 1);
  await writeOfficialFolder(at("model"), writeOfficial({ spec, weights, dtype: "BF16" }));
  return { spec, weights };
}

const exported = [
  ...[
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
  ],
];

const importTo = (out: string, more: { tokenizer?: string; loops?: number } = {}) =>
  importOfficial(at("model"), { out: at(out), ...more });

describe("a model of a task", () => {
  it("is exported with the words of its task, imported again, and fetched", async () => {
    const spec = presets.loopformer(
      { vocab: 7, context: 6, width: 4, heads: 1, mlp: 4, layers: 1, loops: 3 },
      { readout: "untied" },
    );
    const task = tokenTaskNamed("words", "S3");
    const training = parseAnswerTraining({ easiest: 6, hardest: 6 }, spec, task);
    const state = initialState(spec, 1);
    await using run = await createRun(at("own"), {
      kind: "task",
      task: "words",
      variant: "S3",
      spec,
      training,
    });
    await run.save(state);
    await exportOfficial(run, at("model"));
    const names = [...exported, "SHA256SUMS"];
    expect((await readdir(at("model"))).sort()).toEqual([...names].sort());

    const imported = await importTo("run");
    const learned = { name: "words", variant: "S3", easiest: 6, hardest: 6 };
    const words = { kind: "words", vocab: 7, endOfText: 0 };
    expect(imported.config).toMatchObject({ spec, tokenizer: words, task: learned });
    const again = await openAnswersRun(at("run"));
    expect([learnedTask(again.config), learnedTask(run.config)]).toEqual([learned, learned]);
    expect(await openRunTask(again)).toBe(task);
    expect((await loadWeights(imported)).weights).toEqual(state.weights);
    const tokenizer = await loadTokenizer(imported);
    expect([...tokenizer.encode(task.vocabulary.slice(1).join(" "))]).toEqual([1, 2, 3, 4, 5, 6]);
    await exportOfficial(imported, at("again"));
    for (const name of names)
      expect(await readFile(at("again", name))).toEqual(await readFile(at("model", name)));

    await using server = await serveFolder(at());
    for (const path of ["model", "run"]) {
      const fetched = await fetchModel(`${server.url}${path}`);
      expect(fetched.weights).toEqual(state.weights);
      expect([...fetched.tokenizer.encode("213 132")]).toEqual([...tokenizer.encode("213 132")]);
    }
  });
});

describe("a model of a task whose config.json does not say so", () => {
  const importAs = (task: ImportOptions["task"]) =>
    importOfficial(at("model"), {
      out: at("run"),
      tokenizer: at("words.json"),
      force: true,
      ...(task ? { task } : {}),
    });
  beforeEach(async () => {
    const spec = presets.loopformer({
      vocab: 7,
      context: 6,
      width: 4,
      heads: 1,
      mlp: 4,
      layers: 1,
      loops: 3,
    });
    await writeOfficialFolder(at("model"), writeOfficial({ spec, weights: initialWeights(spec, 1) }));
    await writeFile(at("words.json"), wordsJson(tokenTaskNamed("words").vocabulary));
  });

  it("is told its task, up to the usual difficulty that its context holds, and says so when exported", async () => {
    const run = await importAs({ name: "words" });
    expect(run.config.task).toEqual({ name: "words", variant: "S3", easiest: 6, hardest: 6 });
    await exportOfficial(run, at("again"));
    const config = JSON.parse(await readFile(at("again", "config.json"), "utf8"));
    expect(config.task).toEqual(run.config.task);
    const { task } = (await importAs({ name: "words", easiest: 2, hardest: 5 })).config;
    expect(task).toMatchObject({ easiest: 2, hardest: 5 });
  });

  it("is not on a task unless told", async () => {
    expect((await importAs(undefined)).config.task).toBeUndefined();
    expect((await rejectionOf(openAnswersRun(at("run")))).message).toMatch(
      /^RUN_KIND: .*of kind imported\n.*kind task/,
    );
  });

  it.each([
    [{ name: "chess" }, /^TASK_NAME: /],
    [{ name: "words", variant: "S4" }, /^TASK_VARIANT: /],
    [
      { name: "words", variant: "S5" },
      /^IMPORT_TASK: .*\n {4}spec: a vocabulary of 7 tokens, where words has 121/,
    ],
    [
      { name: "words", hardest: 7 },
      /^IMPORT_TASK: .*\n {4}difficulty: 7 elements take up to 7 tokens, where the context is 6/,
    ],
    [
      { name: "words", easiest: 4, hardest: 3 },
      /^IMPORT_TASK: .*\n {4}difficulty: 4 to 3, where words has from 1 to 512/,
    ],
  ])("refuses %j", async (task, message) => {
    expect((await rejectionOf(importAs(task))).message).toMatch(message);
    expect((await rejectionOf(openRun(at("run")))).code).toBe("RUN_MISSING");
  });
});

describe("importOfficial", () => {
  it("makes a run without training, with rounded weights as they stand in the file", async () => {
    const { spec, weights } = await official(257, 5);
    await importTo("run");
    const run = await openRun(at("run"));
    expect(run.config).toMatchObject({ spec, kind: "imported", data: null, tokenizer: { kind: "bytes" } });
    const loaded = await loadWeights(run);
    expect([...loaded.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    const gain = loaded.weights.get("readout.norm.weight")?.data;
    expect(gain).toEqual(new Float32Array(4).fill(1));
  });

  it.each([50_257, 50_304])("takes GPT-2's tokenizer for a vocabulary of %i", async (vocab) => {
    await official(vocab);
    const tokenizer = await loadTokenizer(await importTo("run"));
    expect([tokenizer.kind, tokenizer.vocab, tokenizer.endOfText]).toEqual(["gpt2", 50_257, 50_256]);
  });

  it("takes the tokenizer.json of the folder, and exports it again", async () => {
    await official(300);
    const tokenizer = await trainBpe({ texts: ["the people of the nation ".repeat(40)], vocab: 270 });
    await saveBpe(tokenizer, at("model", "tokenizer.json"));
    const run = await importTo("run");
    expect((await loadTokenizer(run)).encode("the nation")).toEqual(tokenizer.encode("the nation"));
    await exportOfficial(run, at("again"));
    for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
      expect(await readFile(at("again", name)), name).toEqual(await readFile(at("model", name)));
    }
  });

  it("says beside the model how its texts end and how long they may be", async () => {
    await official(257);
    await exportOfficial(await importTo("run"), at("again"));
    const jsonIn = async (name: string) => JSON.parse(await readFile(at("again", name), "utf8"));
    expect(await jsonIn("generation_config.json")).toEqual({
      ...{ bos_token_id: 256, eos_token_id: 256, pad_token_id: 256 },
    });
    expect(await jsonIn("tokenizer_config.json")).toMatchObject({
      ...{ eos_token: "<|endoftext|>", model_max_length: 4, tokenizer_class: "PreTrainedTokenizerFast" },
    });
  });

  it("takes the tokenizer.json of single bytes for what it is", async () => {
    await official(257);
    await exportOfficial(await importTo("run"), at("again"));
    const run = await importOfficial(at("again"), { out: at("back") });
    expect(run.config.tokenizer).toEqual((await openRun(at("run"))).config.tokenizer);
    expect(run.config.tokenizer.kind).toBe("bytes");
  });

  it("takes a tokenizer by path or by name", async () => {
    await official(300);
    await saveBpe(await trainBpe({ texts: ["the people ".repeat(40)], vocab: 262 }), at("own.json"));
    expect((await importTo("a", { tokenizer: at("own.json") })).config.tokenizer).toMatchObject({
      kind: "bpe",
    });
    expect((await importTo("b", { tokenizer: "bytes" })).config.tokenizer).toMatchObject({ kind: "bytes" });
  });

  it("asks for a tokenizer where it cannot know one, and refuses one that is too large", async () => {
    await official(300);
    const { message } = await rejectionOf(importTo("run"));
    expect(message.replace(folder, "FOLDER")).toMatchInlineSnapshot(`
      "IMPORT_TOKENIZER: FOLDER/model: a vocabulary of 300 without a tokenizer.json
        expected: the vocabulary of GPT-2 (50257 to 50304) or of bytes (257), or a tokenizer.json in the folder
        fix: pass --tokenizer gpt2, bytes or the path of a tokenizer.json"
    `);
    expect((await rejectionOf(importTo("run", { tokenizer: "gpt2" }))).message).toMatchInlineSnapshot(`
      "IMPORT_TOKENIZER: a gpt2 tokenizer of 50257 entries for a model with a vocabulary of 300
        expected: a tokenizer of at most 300 entries
        fix: pass the tokenizer that the model was trained with"
    `);
    expect((await rejectionOf(importTo("run", { tokenizer: at("none.json") }))).code).toBe("DATA_PATH");
    expect((await rejectionOf(openRun(at("run")))).code).toBe("RUN_MISSING");
  });

  it("does not replace a run unless forced", async () => {
    await official(257);
    await importTo("run");
    expect((await rejectionOf(importTo("run"))).code).toBe("RUN_EXISTS");
    await importOfficial(at("model"), { out: at("run"), force: true, loops: 3 });
    expect((await openRun(at("run"))).config.spec.loops).toBe(3);
  });

  it("names the config that is wrong", async () => {
    await official(257);
    await writeFile(at("model", "config.json"), '{"model_type": "llama"}');
    const { message } = await rejectionOf(importTo("run"));
    expect(message).toContain(`CHECKPOINT_CONFIG: ${at("model", "config.json")}`);
    expect(message).toMatch(/model_type: .*\n {4}block_size: /s);
  });

  it("exports checksums in the form of sha256sum, and replaces none without force", async () => {
    await official(257);
    const run = await importTo("run");
    await exportOfficial(run, at("again"));
    const lines = (await readFile(at("again", "SHA256SUMS"), "utf8")).trimEnd().split("\n");
    const expected = exported.map(async (name) => {
      const hash = createHash("sha256").update(await readFile(at("again", name)));
      return `${hash.digest("hex")}  ${name}`;
    });
    expect(lines).toEqual(await Promise.all(expected));
    await rm(at("again", "config.json"));
    await rm(at("again", "model.safetensors"));
    expect((await rejectionOf(exportOfficial(run, at("again")))).code).toBe("OFFICIAL_EXISTS");
    await exportOfficial(run, at("again"), { force: true });
    const files = await readOfficialFolder(at("again"));
    await writeOfficialFolder(at("again"), files, { force: true });
    await expect(readFile(at("again", "SHA256SUMS"))).rejects.toThrow("ENOENT");
  });
});
