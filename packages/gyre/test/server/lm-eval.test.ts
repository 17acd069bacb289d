import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { exitRule } from "../../src/decode/exits.ts";
import { generate } from "../../src/decode/generate.ts";
import { argmax, softmaxOf } from "../../src/decode/sampling.ts";
import type { Loops } from "../../src/decode/stream.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { chatPrompt } from "../../src/server/chat.ts";
import type { ChatMessage } from "../../src/server/schemas.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { spec, tinyRuns, tinyWeights } from "./tiny-runs.ts";

// lm-eval as it is, of `pip install lm_eval`: its `local-completions` client, its tasks, its arithmetic.

const python = process.env["GYRE_LM_EVAL_PYTHON"] ?? "python3";
const isThere = spawnSync(python, ["-c", "import lm_eval"]).status === 0;
const why = "skipped: there is no Python with lm_eval; GYRE_LM_EVAL_PYTHON may name one";
if (!isThere) process.stderr.write(`lm-eval on the server: ${why}\n`);

const tokenizer = bytesTokenizer();
const models: [string, Loops][] = [
  ["tiny", 4],
  ["tiny@2", 2],
  ["tiny@0.75:0.25", [0.75, 0.25]],
  ["tiny@kl<0.05", exitRule("kl<0.05", 4)],
];

const questions = Array.from({ length: 24 }, (_, index) => ({
  question: `what is ${index}?`,
  choices: [` it is ${index}`.trim(), `not ${index * 7}`, "nothing at all"],
  gold: index % 3,
}));
const documents = ["We hold these truths to be self-evident, that all men are created equal.", "Amen"];
const beginnings = ["Say one", "Say two", "Go on"];
const messages: ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "x\n\nAssistant: no\nUser: y" },
  { role: "assistant", content: "Ok" },
];
/** More than four, which OpenAI takes at most. */
const stops = ["\n", ".", "!", "?", ";", "Q:"];

const yaml = (task: string, fields: Record<string, unknown>, metric: string, aggregation: string) =>
  [
    `task: gyre_${task}`,
    "dataset_path: json",
    `dataset_kwargs: {data_files: {test: FOLDER/${task}.jsonl}}`,
    "test_split: test",
    ...Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    `metric_list: [{metric: ${metric}, aggregation: ${aggregation}, higher_is_better: true}]`,
  ].join("\n");

const tasks = {
  choice: yaml(
    "choice",
    {
      output_type: "multiple_choice",
      doc_to_text: "Q: {{question}}\nA:",
      doc_to_choice: "{{choices}}",
      doc_to_target: "{{gold}}",
    },
    "acc",
    "mean",
  ),
  rolling: yaml(
    "rolling",
    { output_type: "loglikelihood_rolling", doc_to_text: "", doc_to_target: "{{text}}" },
    "word_perplexity",
    "weighted_perplexity",
  ),
  until: yaml(
    "until",
    {
      output_type: "generate_until",
      doc_to_text: "{{text}}",
      doc_to_target: "x",
      generation_kwargs: { until: stops, max_gen_toks: 12, do_sample: false },
    },
    "exact_match",
    "mean",
  ),
};
const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

interface Answers {
  readonly results: Record<string, Record<string, number>>;
  /** lm-eval's answers: a list for each document, of lists of (log-likelihood, is greedy) or texts. */
  readonly samples: Record<string, unknown[][][]>;
}

describe.skipIf(!isThere)(`lm-eval on the server${isThere ? "" : ` (${why})`}`, () => {
  let folder: string;
  let runs: Awaited<ReturnType<typeof tinyRuns>>;
  let server: RunningServer;
  let runtime: Awaited<ReturnType<typeof openOnnxRuntime>>;
  let answers: Record<string, Answers>;
  let chat: string;
  const weights = tinyWeights();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyre-lm-eval-"));
    for (const [task, text] of Object.entries(tasks))
      await writeFile(join(folder, `${task}.yaml`), text.replace("FOLDER", folder));
    await writeFile(join(folder, "choice.jsonl"), lines(questions));
    await writeFile(join(folder, "rolling.jsonl"), lines(documents.map((text) => ({ text }))));
    await writeFile(join(folder, "until.jsonl"), lines(beginnings.map((text) => ({ text }))));
    runs = await tinyRuns("tiny");
    server = await serve(runs.paths, { port: 0, threads: 1 });
    runtime = await openOnnxRuntime({ threads: 1 });
    const client = fileURLToPath(new URL("lm-eval/client.py", import.meta.url));
    const words = [
      client,
      server.url,
      folder,
      "gyre_choice,gyre_rolling,gyre_until",
      "64",
      "64",
      JSON.stringify(messages),
      ...models.map(([name]) => name),
    ];
    const env = { ...process.env, HF_HOME: folder, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" };
    const { stdout } = await promisify(execFile)(python, words, { env, cwd: folder, maxBuffer: 2 ** 26 });
    ({ models: answers, chat } = JSON.parse(stdout) as { models: typeof answers; chat: string });
  }, 300_000);
  afterAll(async () => {
    await server?.close(0);
    await runtime?.[Symbol.asyncDispose]();
    await runs?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  /** Log-likelihood of a continuation as a stream sees it, and whether each token of it is the likeliest. */
  async function likelihood(context: readonly number[], continuation: readonly number[], loops: Loops) {
    const follow = [...context, ...continuation].slice(1);
    const options = { loops, maxTokens: follow.length, follow };
    const seen: [number, boolean][] = [];
    for await (const { token, logits } of generate({ spec, weights, runtime }, context.slice(0, 1), options))
      seen.push([Math.log(softmaxOf(logits)[token]!), argmax(logits) === token]);
    const own = seen.slice(context.length - 1);
    return { sum: own.reduce((sum, [logprob]) => sum + logprob, 0), isGreedy: own.every(([, is]) => is) };
  }

  test.each(models)("gets the library's log-likelihoods and accuracy from %s", async (name, loops) => {
    const { results, samples } = answers[name]!;
    let right = 0;
    for (const [index, { question, choices, gold }] of questions.entries()) {
      const context = [...tokenizer.encode(`Q: ${question}\nA:`)];
      const sums: number[] = [];
      for (const [place, choice] of choices.entries()) {
        const [[logprob, isGreedy] = []] = samples["gyre_choice"]![index]![place] as [number, boolean][];
        const expected = await likelihood(context, [...tokenizer.encode(` ${choice}`)], loops);
        expect(Math.abs(logprob! - expected.sum)).toBeLessThan(1e-3);
        expect(isGreedy).toBe(expected.isGreedy);
        sums.push(expected.sum);
      }
      if (argmax(sums) === gold) right++;
    }
    expect(results["gyre_choice"]!["acc,none"]).toBeCloseTo(right / questions.length, 10);
  });

  test("lays out chats as the server does", () => {
    expect(chat).toBe(chatPrompt(messages));
  });

  test("reads whole documents after the end of a text", async () => {
    for (const [name, loops] of models.slice(0, 2)) {
      const [, [[short]]] = answers[name]!.samples["gyre_rolling"] as unknown as [unknown, [[number]]];
      const expected = await likelihood([tokenizer.endOfText], [...tokenizer.encode("Amen")], loops);
      expect(Math.abs(Number(short) - expected.sum)).toBeLessThan(1e-3);
    }
  });

  test("has texts written up to a stop text", async () => {
    for (const [name, loops] of models.slice(0, 2)) {
      for (const [index, beginning] of beginnings.entries()) {
        const options = { loops, maxTokens: 12, temperature: 0, stop: tokenizer.endOfText };
        const ids: number[] = [];
        const prompt = tokenizer.encode(beginning);
        for await (const { token } of generate({ spec, weights, runtime }, prompt, options)) ids.push(token);
        const whole = tokenizer.decode(ids.filter((id) => id !== tokenizer.endOfText));
        const ends = [...stops, "<|endoftext|>"].map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
        const expected = whole.slice(0, Math.min(whole.length, ...ends));
        expect(answers[name]!.samples["gyre_until"]![index]).toEqual([[expected]]);
      }
    }
  });
});
