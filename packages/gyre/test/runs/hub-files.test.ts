import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trainBpe } from "../../src/data/bpe.node.ts";
import { gpt2Tokenizer } from "../../src/data/gpt2.node.ts";
import { bytesTokenizer, type Tokenizer } from "../../src/data/tokenizer.ts";
import { wordsJson, wordsTokenizer } from "../../src/data/words.ts";
import { loopformer } from "../../src/models/presets.ts";
import { exportOfficial } from "../../src/runs/official.node.ts";
import { createRun } from "../../src/runs/run.node.ts";
import { initialState } from "../../src/train/initial-state.ts";

// What `gyre export` writes, as transformers reads it.

const python = process.env["GYRE_LM_EVAL_PYTHON"] ?? "python3";
const isThere = spawnSync(python, ["-c", "import transformers"]).status === 0;
const why = "skipped: there is no Python with transformers; GYRE_LM_EVAL_PYTHON may name one";
if (!isThere) process.stderr.write(`transformers on exported tokenizers: ${why}\n`);

const script = `
import json, sys
from transformers import AutoTokenizer, GenerationConfig
answers = {}
for kind, text in json.loads(sys.argv[1]).items():
    tokenizer = AutoTokenizer.from_pretrained(kind)
    generation = GenerationConfig.from_pretrained(kind)
    answers[kind] = [tokenizer(text)["input_ids"], tokenizer.eos_token_id, tokenizer.model_max_length, generation.eos_token_id]
print(json.dumps(answers))
`;
const texts = {
  bpe: "the nation, 1 naïve\n",
  bytes: "the é",
  gpt2: "the nation's  naïve\n\n2",
  words: "b a  b",
};

describe.skipIf(!isThere)(`transformers${isThere ? "" : ` (${why})`}`, () => {
  let folder: string;
  let answers: Record<string, [ids: number[], end: number, length: number, end: number]>;
  const tokenizers = new Map<string, Tokenizer>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-hub-"));
    tokenizers.set("bpe", await trainBpe({ texts: ["the people of the nation ".repeat(40)], vocab: 270 }));
    tokenizers.set("bytes", bytesTokenizer());
    tokenizers.set("gpt2", await gpt2Tokenizer());
    tokenizers.set("words", wordsTokenizer(wordsJson(["", "a", "b"])));
    for (const [kind, tokenizer] of tokenizers) {
      const size = { context: 16, width: 4, heads: 1, mlp: 4, layers: 1, loops: 2 };
      const spec = loopformer({ vocab: tokenizer.vocab, ...size });
      await using run = await createRun(join(folder, "runs", kind), { kind: "imported", spec, tokenizer });
      await run.save(initialState(spec, 1));
      await exportOfficial(run, join(folder, kind));
    }
    const env = { ...process.env, HF_HOME: folder, HF_HUB_OFFLINE: "1" };
    const options = { env, cwd: folder };
    const { stdout } = await promisify(execFile)(python, ["-c", script, JSON.stringify(texts)], options);
    answers = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries(texts))("loads %s, and knows its tokens, its end and its length", (kind, text) => {
    const { encode, endOfText } = tokenizers.get(kind)!;
    expect(answers[kind]).toEqual([[...encode(text)], endOfText, 16, endOfText]);
  });
});
