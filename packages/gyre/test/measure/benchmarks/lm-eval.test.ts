import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../../src/data/tokenizer.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { readBenchmarks } from "../../../src/measure/benchmarks/files.node.ts";
import { type Likelihood, modelReader } from "../../../src/measure/benchmarks/reader.ts";
import { prepareBenchmark } from "../../../src/measure/benchmarks/score.ts";
import { loopformer } from "../../../src/models/presets.ts";
import { createRun } from "../../../src/runs/run.node.ts";
import { openOnnxRuntime } from "../../../src/runtime/onnx.node.ts";
import { type RunningServer, serve } from "../../../src/server/serve.node.ts";
import { initialState } from "../../../src/train/initial-state.ts";
import { tinyWeights } from "../../server/tiny-runs.ts";
import { type Published, records } from "./published.ts";

// lm-eval's own task files over files of our own, asked of our server, against the same files read here.

const python = process.env["GYRE_LM_EVAL_PYTHON"] ?? "python3";
const isThere = spawnSync(python, ["-c", "import lm_eval"]).status === 0;
const why = "skipped: there is no Python with lm_eval; GYRE_LM_EVAL_PYTHON may name one";
if (!isThere) process.stderr.write(`lm-eval on benchmarks: ${why}\n`);

const spec = loopformer({ vocab: 257, context: 256, width: 16, heads: 2, mlp: 32, layers: 1, loops: 4 });
const bytes = bytesTokenizer();
const loops = [1, 3];

/** lm-eval's task file of each format, and the field that tells our questions apart. */
const official: Readonly<Record<Published | "arc_challenge", readonly [file: string, field: string]>> = {
  copa: ["super_glue/copa/default.yaml", "premise"],
  hellaswag: ["hellaswag/hellaswag.yaml", "activity_label"],
  lambada_openai: ["lambada/lambada_openai.yaml", "text"],
  openbookqa: ["openbookqa/openbookqa.yaml", "question_stem"],
  piqa: ["piqa/piqa.yaml", "goal"],
  race: ["race/race.yaml", "article"],
  sciq: ["sciq/sciq.yaml", "support"],
  arc_easy: ["arc/arc_easy.yaml", "question"],
  arc_challenge: ["arc/arc_challenge.yaml", "question"],
  social_iqa: ["siqa/siqa.yaml", "context"],
  winogrande: ["winogrande/default.yaml", "sentence"],
};
const names = Object.keys(official) as (keyof typeof official)[];

function linesOf(name: keyof typeof official): string {
  const record: Readonly<Record<string, unknown>> = records[name === "arc_challenge" ? "arc_easy" : name];
  const [, field] = official[name];
  return Array.from({ length: 6 }, (_, index) => {
    return `${JSON.stringify({ ...record, [field]: `No. ${index * 7}: ${record[field]}` })}\n`;
  }).join("");
}

interface Answers {
  readonly results: Record<string, Record<string, number>>;
  /** For each document a list of (log-likelihood, is greedy) of its continuations, as text or numbers. */
  readonly samples: Record<string, unknown[][][]>;
}

describe.skipIf(!isThere)(`lm-eval on benchmarks${isThere ? "" : ` (${why})`}`, () => {
  let folder: string;
  let server: RunningServer;
  let answers: Record<string, Answers>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-lm-eval-"));
    const found = spawnSync(python, ["-c", "import lm_eval, os; print(os.path.dirname(lm_eval.__file__))"]);
    for (const name of names) {
      await writeFile(join(folder, `${name}.jsonl`), linesOf(name));
      const own = {
        include: join(found.stdout.toString().trim(), "tasks", official[name][0]),
        task: `gyre_${name}`,
        tag: null,
        dataset_path: "json",
        dataset_name: null,
        dataset_kwargs: { data_files: { test: join(folder, `${name}.jsonl`) } },
        test_split: "test",
        validation_split: null,
        training_split: null,
        fewshot_split: null,
      };
      await writeFile(join(folder, `gyre_${name}.yaml`), JSON.stringify(own));
    }
    const run = await createRun(join(folder, "tiny"), { kind: "imported", spec, tokenizer: bytes });
    await run.save({ ...initialState(spec, 1), weights: tinyWeights(spec) });
    await run[Symbol.asyncDispose]();
    server = await serve([join(folder, "tiny")], { port: 0, threads: 1 });
    const client = fileURLToPath(new URL("../../server/lm-eval/client.py", import.meta.url));
    const tasks = names.map((name) => `gyre_${name}`).join(",");
    const models = loops.map((count) => `tiny@${count}`);
    const words = [client, server.url, folder, tasks, "256", "16", "[]", ...models];
    const env = { ...process.env, HF_HOME: folder, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" };
    const { stdout } = await promisify(execFile)(python, words, { env, cwd: folder, maxBuffer: 2 ** 26 });
    ({ models: answers } = JSON.parse(stdout) as { models: typeof answers });
  }, 300_000);
  afterAll(async () => {
    await server?.close(0);
    await rm(folder, { recursive: true, force: true });
  });

  test.each(names)("%s: the same accuracies, and log-likelihoods within 1e-3", async (name) => {
    const [benchmark] = await readBenchmarks([join(folder, `${name}.jsonl`)]);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    await using decoder = new Decoder({ spec, weights: tinyWeights(spec), runtime });
    const vocabulary = {
      encode: async (texts: readonly string[]) => texts.map((text) => bytes.encodeText(text)),
      endOfText: bytes.endOfText,
      vocab: spec.vocab,
      context: spec.context,
    };
    const prepared = await prepareBenchmark(benchmark as NonNullable<typeof benchmark>, vocabulary);
    for (const count of loops) {
      const options = { loops: count, decode: bytes.decode, endOfText: bytes.endOfText };
      const reader = modelReader(decoder, options);
      let likelihoods: Likelihood[] = [];
      const score = async (rows: Parameters<typeof reader.score>[0]) => {
        likelihoods = await reader.score(rows);
        return likelihoods;
      };
      const { metrics } = await prepared.ask({ ...reader, score });
      const theirs = answers[`tiny@${count}`] as Answers;
      const said = (theirs.samples[`gyre_${name}`] ?? []).flat(2) as (readonly [unknown, unknown])[];
      expect(said).toHaveLength(likelihoods.length);
      for (const [index, [sum, isGreedy]] of said.entries()) {
        expect(Math.abs(Number(sum) - (likelihoods[index] as Likelihood).sum)).toBeLessThan(1e-3);
        expect(String(isGreedy).toLowerCase()).toBe(String(likelihoods[index]?.isGreedy));
      }
      for (const { metric, value } of metrics) {
        const wanted = theirs.results[`gyre_${name}`]?.[`${metric},none`] as number;
        if (metric === "perplexity") expect(Math.log(value)).toBeCloseTo(Math.log(wanted), 3);
        else expect(value).toBeCloseTo(wanted, 12);
      }
    }
  });
});
