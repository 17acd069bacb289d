import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBenchmarks } from "../../src/measure/benchmarks/files.node.ts";
import type { Benchmark } from "../../src/measure/benchmarks/question.ts";
import { evaluateBenchmarks, evaluateServer } from "../../src/runs/benchmarks.node.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { lines, type Published, records } from "../measure/benchmarks/published.ts";
import { tinyRuns } from "../server/tiny-runs.ts";

let folder: string;
let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
let benchmarks: readonly Benchmark[];
const words = { command: "", machine: "" };
const isLong = (name: string) => name === "race" || name === "hellaswag";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-benchmarks-"));
  const names = (Object.keys(records) as Published[]).filter((name) => !isLong(name));
  for (const name of names) await writeFile(join(folder, `${name}.jsonl`), lines(name));
  await writeFile(join(folder, "lines.jsonl"), '{"text": "We the people of the United States"}\n');
  await writeFile(
    join(folder, "text.json"),
    '{"kind": "rolling", "file": "lines.jsonl", "text": "{{text}}"}',
  );
  await writeFile(join(folder, "asked.jsonl"), '{"ask": "Say it", "answer": "it"}\n');
  const writing = {
    kind: "generation",
    file: "asked.jsonl",
    context: "{{ask}}",
    answers: ["{{answer}}"],
    maxTokens: 6,
  };
  await writeFile(join(folder, "said.json"), JSON.stringify(writing));
  benchmarks = await readBenchmarks([folder]);
  runs = await tinyRuns("tiny");
  server = await serve(runs.paths, { port: 0, threads: 1 });
});
afterAll(async () => {
  await server?.close(0);
  await runs?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe("a server", () => {
  test("scores what the run behind it scores, at each number of loops", async () => {
    const loops = [1, 3];
    const there = await evaluateServer(server.url, {
      benchmarks,
      loops,
      batch: 5,
      ...words,
    });
    const options = { benchmarks, budgets: async () => loops, threads: 1, ...words };
    const here = await evaluateBenchmarks(runs.paths, options);
    expect(there.models[0]?.name).toBe("tiny");
    for (const [index, point] of (there.models[0]?.points ?? []).entries()) {
      const same = here.models[0]?.points[index];
      expect(point.loops).toBe(same?.loops);
      const wanted = same?.entries ?? [];
      expect(point.entries.map(({ benchmark, metric }) => [benchmark, metric])).toEqual(
        wanted.map(({ benchmark, metric }) => [benchmark, metric]),
      );
      for (const [at, { metric, value }] of point.entries.entries()) {
        const other = wanted[at]?.value as number;
        // accuracies are equal; a perplexity is of float32 sums
        if (/perplexity|bits/.test(metric)) expect(Math.log(value)).toBeCloseTo(Math.log(other), 3);
        else expect(value).toBe(other);
      }
    }
    expect(there.models[0]?.points).toHaveLength(2);
  });
});

describe("a server that cannot be scored is named and refused", () => {
  let other: Server;
  let url: string;
  let answer: (prompt: readonly number[], index: number) => object;
  let usage: object | undefined;
  let tokenizer: object;
  beforeAll(async () => {
    other = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
        const say = (value: object, status = 200) =>
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
        if (request.url === "/tokenizer_info?model=m") say(tokenizer);
        else if (request.url === "/tokenize") {
          const tokens = body.prompt === "</s>" ? [0] : Array.from(Buffer.from(body.prompt));
          say({ tokens, max_model_len: 64 });
        } else if (request.url === "/v1/completions")
          say({ choices: body.prompt.map(answer), ...(usage ? { usage } : {}) });
        else say({ error: "unknown" }, 404);
      });
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  afterAll(() => other.close());

  const piqa = () => benchmarks.filter(({ name }) => name === "piqa");
  const measured = () => evaluateServer(url, { benchmarks: piqa(), model: "m", ...words });
  const echoed = (count: number, index: number) => ({
    index,
    text: "",
    logprobs: {
      token_logprobs: Array.from({ length: count }, (_, at) => (at === 0 ? null : -at)),
      top_logprobs: Array.from({ length: count }, (_, at) => (at === 0 ? null : { a: -at })),
    },
  });

  test.each([
    [
      "lacks log-probabilities",
      (_: readonly number[], index: number) => ({ index, text: "x", logprobs: null }),
      undefined,
      "it lacks echo",
    ],
    ["echoes nothing", (_: readonly number[], index: number) => echoed(1, index), undefined, "it lacks echo"],
    [
      "truncates",
      (prompt: readonly number[], index: number) => echoed(prompt.length - 3, index),
      undefined,
      "it cuts prompts",
    ],
    [
      "says that it read less",
      (prompt: readonly number[], index: number) => echoed(prompt.length, index),
      { prompt_tokens: 9 },
      "it read 9 of",
    ],
    [
      "adds tokens",
      (prompt: readonly number[], index: number) => echoed(prompt.length + 2, index),
      undefined,
      "it adds tokens",
    ],
    [
      "answers one prompt twice",
      (prompt: readonly number[]) => echoed(prompt.length + 1, 0),
      undefined,
      "2 choices for 2 prompts",
    ],
    ["answers in another form", () => ({ text: "" }), undefined, "its answer's choices.0.index"],
  ])("%s", async (_, wrong, used, message) => {
    answer = wrong;
    usage = used;
    tokenizer = { eos_token: "</s>" };
    await expect(measured()).rejects.toThrow(`BENCHMARK_SERVER: the server ${url}`);
    await expect(measured()).rejects.toThrow(message);
  });

  test("and one that echoes is scored", async () => {
    answer = (prompt, index) => echoed(prompt.length + 1, index);
    usage = undefined;
    tokenizer = { eos_token: "</s>" };
    const { models } = await measured();
    // the shorter of two choices has the larger sum: "use water" has fewer bytes than "use scissors"
    expect(models[0]?.points[0]).toMatchObject({
      budget: "as served",
      entries: [{ metric: "acc", value: 0 }, {}],
    });
  });

  test("has no tokenizer that can be used, or is not there", async () => {
    tokenizer = { eos_token: "END" };
    await expect(measured()).rejects.toThrow("its /tokenize makes 3 tokens of its end of text");
    await expect(evaluateServer(url, { benchmarks: piqa(), ...words })).rejects.toThrow("it answers 404");
    await expect(evaluateServer("http://127.0.0.1:9", { benchmarks: piqa(), ...words })).rejects.toThrow(
      "it cannot be reached",
    );
  });
});
