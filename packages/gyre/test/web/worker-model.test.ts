import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { memorySplit } from "../../src/data/windows.ts";
import { generate } from "../../src/decode/generate.ts";
import { evaluate } from "../../src/measure/evaluate.ts";
import { loopformer } from "../../src/models/presets.ts";
import { openTrainingData } from "../../src/runs/data.node.ts";
import { fetchModel } from "../../src/runs/fetch-model.ts";
import { exportOfficial } from "../../src/runs/official.node.ts";
import { createRun, holdRun, openRun } from "../../src/runs/run.node.ts";
import { loadState } from "../../src/runs/weights.node.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import { tokenTaskNamed } from "../../src/tasks/tokens/index.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { train } from "../../src/train/text.ts";
import { connectWorker, type WorkerLike, type WorkerModel } from "../../src/web/client.ts";
import { serveWorker } from "../../src/web/serve.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { type StaticServer, serveFolder } from "../runs/static-server.ts";

const spec = loopformer({ vocab: 257, context: 32, width: 16, heads: 2, mlp: 32, layers: 1, loops: 3 });
const prose = "Every morning the river carried news of the hills. ".repeat(20);
const training = { steps: 3, batch: 2, objective: { kind: "elastic" } } as const;

let folder = "";
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-worker-"));
  await using run = await createRun(join(folder, "run"), {
    kind: "imported",
    spec,
    tokenizer: bytesTokenizer(),
  });
  await run.save(initialState(spec, 3));
  await exportOfficial(run, join(folder, "hub"));
  server = await serveFolder(folder);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A page and its worker in one process: all that they say to each other is cloned, as between threads. */
function connected(): WorkerModel {
  const toWorker = new EventTarget();
  const toPage = new EventTarget();
  const send = (target: EventTarget) => (message: unknown) => {
    const data = structuredClone(message);
    setImmediate(() => target.dispatchEvent(Object.assign(new Event("message"), { data })));
  };
  serveWorker({
    postMessage: send(toPage),
    addEventListener: toWorker.addEventListener.bind(toWorker) as never,
  });
  const worker: WorkerLike = {
    postMessage: send(toWorker),
    addEventListener: toPage.addEventListener.bind(toPage) as never,
    terminate: () => undefined,
  };
  return connectWorker(worker);
}

const open = async (path = "run") => {
  const worker = connected();
  const loaded = await worker.load({ url: `${server.url}${path}`, threads: 1 });
  return { worker, loaded };
};

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("a model in a worker", () => {
  it("says what it loaded, and how far it has come", async () => {
    await using worker = connected();
    const urls = new Set<string>();
    const onProgress = ({ url }: { url: string }) => void urls.add(url);
    const loaded = await worker.load({ url: `${server.url}run`, threads: 1 }, { onProgress });
    expect(loaded).toEqual({
      spec,
      provider: "wasm",
      tokenizer: { kind: "bytes", vocab: 257 },
      step: 0,
      runtime: "onnxruntime-web 1.30.0 (wasm, 1 thread)",
      warnings: [],
    });
    expect([...urls].at(-1)).toMatch(/model.safetensors$/);
  });

  it.each([1, 3])("writes Node's greedy text at %i loops", async (loops) => {
    const { worker } = await open("hub");
    const written = await collect(worker.generate("The river", { loops, maxTokens: 20, temperature: 0 }));
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const { weights, tokenizer } = await fetchModel(`${server.url}hub`);
    const options = { loops, maxTokens: 20, temperature: 0, vocab: 257, stop: 256 };
    const own = await collect(generate({ spec, weights, runtime }, tokenizer.encode("The river"), options));
    expect(written.map(({ token }) => token)).toEqual(own.map(({ token }) => token));
    expect(written[0]).toMatchObject({ loops, text: expect.any(String) });
  });

  it("has the logits of every depth", async () => {
    const { worker } = await open();
    const logits = await worker.logits("The");
    expect(logits.map(({ length }) => length)).toEqual([257, 257, 257]);
    for (const [index, row] of logits.entries()) {
      const options = { loops: index + 1, maxTokens: 1, temperature: 0 };
      const [first] = await collect(worker.generate("The", options));
      expect(row.indexOf(Math.max(...row))).toBe(first?.token);
    }
    expect((await rejectionOf(worker.logits(""))).code).toBe("PROMPT_EMPTY");
  });

  it("looks into a written text: after the last loop is what was written", async () => {
    const { worker } = await open();
    const written = await collect(worker.generate("The river", { maxTokens: 4, temperature: 0 }));
    const tokens = written.map(({ token }) => token);
    const lens = await worker.lens({ prompt: "The river", tokens, budget: 3, count: 2 });
    expect(lens.map(({ loops }) => loops.length)).toEqual([3, 3, 3, 3]);
    for (const [at, { loops }] of lens.entries()) {
      expect(loops[2]?.[0]?.text).toBe(bytesTokenizer().decode([tokens[at] as number]));
      expect(loops[2]?.[0]?.probability).toBeCloseTo(written[at]?.probability as number, 4);
    }
    const long = await worker.lens({ prompt: "The river ".repeat(5), tokens, budget: 1 });
    expect(long).toHaveLength(4);
  });

  it("stops writing at an abort or when the loop is left, and goes on with the next call", async () => {
    const { worker } = await open();
    const controller = new AbortController();
    const going = worker.generate("The", { maxTokens: 2000, window: "slide", signal: controller.signal });
    let tokens = 0;
    const all = async () => {
      for await (const _ of going) if (++tokens === 3) controller.abort(new Error("enough"));
    };
    await expect(all()).rejects.toThrow("enough");
    for await (const _ of worker.generate("The", { maxTokens: 2000, window: "slide" })) break;
    expect(tokens).toBe(3);
    expect(await collect(worker.generate("The", { maxTokens: 2 }))).toHaveLength(2);
    await expect(worker.logits("The", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow(
      "before",
    );
  });

  it("gives no call up to a signal that was aborted before", async () => {
    const { worker } = await open();
    const signal = AbortSignal.abort(new Error("before"));
    const prompt = "The";
    const calls: Record<Exclude<keyof WorkerModel, symbol>, () => Promise<unknown>> = {
      load: () => worker.load({ url: `${server.url}run` }, { signal }),
      create: () => worker.create({ spec, seed: 1 }, { signal }),
      open: () => worker.open({ files: new Map(), name: "run" }, { signal }),
      prepare: () => worker.prepare(prose, { signal }),
      generate: () => collect(worker.generate(prompt, { maxTokens: 1, signal })),
      logits: () => worker.logits(prompt, { signal }),
      lens: () => worker.lens({ prompt, tokens: [1], budget: 1 }, { signal }),
      answers: () => worker.answers({ tokens: [1], budgets: [1] }, { signal }),
      train: () => collect(worker.train(prose, { ...training, signal })),
      quality: () => collect(worker.quality({ budgets: [1], signal })),
      files: () => worker.files({ signal }),
    };
    for (const [name, call] of Object.entries(calls)) await expect(call(), name).rejects.toThrow("before");
    expect(await worker.logits(prompt)).toHaveLength(spec.loops);
  });

  it("hands errors over as they are", async () => {
    await using worker = connected();
    expect((await rejectionOf(worker.logits("The"))).message).toMatch(/^WORKER_EMPTY: logits before a model/);
    const failure = await rejectionOf(worker.load({ url: `${server.url}none` }));
    expect(failure.message).toMatch(/^FETCH_STATUS: http:\S+none\/config.json: status 404/);
    expect(failure.detail.fix).toMatch(/^pass the URL/);
    const { worker: other } = await open();
    const bad = collect(other.generate("The", { maxTokens: 2, loops: 0 }));
    expect((await rejectionOf(bad)).code).toBe("LOOPS");
    const short = collect(other.train("few", training));
    expect((await rejectionOf(short)).code).toBe("DATA_TOO_SHORT");
  });

  it("that was disposed of, or whose script ends, answers nothing", async () => {
    const { worker } = await open();
    const pending = collect(worker.generate("The", { maxTokens: 2000, window: "slide" }));
    const outcome = rejectionOf(pending);
    await worker[Symbol.asyncDispose]();
    expect((await outcome).code).toBe("WORKER_DISPOSED");
    expect((await rejectionOf(worker.files())).code).toBe("WORKER_DISPOSED");
    let fail = (_: { message: string }) => {};
    const broken = connectWorker({
      postMessage: () => fail({ message: "no such script" }),
      addEventListener: (type: string, listener: unknown) => {
        if (type === "error") fail = listener as never;
      },
      terminate: () => undefined,
    });
    expect((await rejectionOf(broken.files())).message).toMatch(/^WORKER_FAILED: .*: no such script/);
  });
});

describe("a run travels", () => {
  const write = async (files: ReadonlyMap<string, Uint8Array>, name: string) => {
    for (const [path, bytes] of files) {
      const file = join(folder, name, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes);
    }
  };

  it("from the page to Node and back, bit for bit", async () => {
    await using page = connected();
    await page.create({ spec, seed: 5, threads: 1 });
    const steps = await collect(page.train(prose, training));
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3]);
    const files = await page.files();
    await write(files, "travelled");

    const here = await openRun(join(folder, "travelled"));
    expect(here.config).toMatchObject({ kind: "text", data: null, training: { steps: 3 } });
    const inNode = (await loadState(here))?.state;
    expect(inNode?.step).toBe(3);

    const back = await fetchModel(`${server.url}travelled`, { withState: true });
    expect(back.run?.state).toEqual(inNode);

    await using again = connected();
    const loaded = await again.load({ url: `${server.url}travelled`, withState: true, threads: 1 });
    expect(loaded.step).toBe(3);
    // over HTTP a run comes without its metrics
    const hex = (all: typeof files) =>
      [...all].map(([path, bytes]) => [
        path,
        path === "metrics.jsonl" ? "" : Buffer.from(bytes).toString("hex"),
      ]);
    expect(hex(await again.files())).toEqual(hex(files));
  });

  it("with its text and its metrics, which Node's dataset and a page's files give back", async () => {
    await using page = connected();
    await page.create({ spec, seed: 5, threads: 1 });
    expect(await page.prepare(prose)).toEqual({ trainBytes: 918, validationBytes: 102 });
    const steps = await collect(page.train(undefined, { ...training, until: 2 }));
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    steps.push(...(await collect(page.train(undefined, training))));
    const points = await collect(page.quality({ budgets: [1, 3] }));
    expect(points.map(({ loops }) => loops)).toEqual([1, 3]);
    const files = await page.files();
    await write(files, "with-text");

    const run = await openRun(join(folder, "with-text"), ["text"]);
    const { dataset } = await openTrainingData(run);
    await using runtime = await openOnnxRuntime({ threads: 1 });
    const state = initialState(spec, 5);
    const inNode = await collect(train({ spec, training, data: dataset.train, runtime, state }));
    const losses = inNode.flatMap((event) => (event.type === "step" ? [event.loss] : []));
    for (const [index, { loss }] of steps.entries()) expect(loss).toBeCloseTo(losses[index] as number, 5);
    const { byteLength } = bytesTokenizer();
    const measured = { spec, weights: state.weights, runtime, split: dataset.validation, byteLength };
    for await (const point of evaluate({ ...measured, budgets: [3] }))
      expect((points[1] as typeof point).loss).toBeCloseTo(point.loss, 4);

    await using again = connected();
    const loaded = await again.open({ files, name: "run.zip", threads: 1 });
    expect(loaded).toMatchObject({ step: 3, textBytes: 1020, training: { steps: 3 } });
    expect(loaded.metrics?.trimEnd().split("\n")).toHaveLength(3);
    expect(await again.files()).toEqual(files);
    const damaged = new Map(files).set("data/train.bin", new Uint8Array(1838));
    const failure = await rejectionOf(again.open({ files: damaged, name: "run.zip", threads: 1 }));
    expect(failure.message).toMatch(/^FETCH_CHECKSUM: run.zip\/data\/train.bin/);
  });

  it("of a task, whose answers are asked at any depth", async () => {
    const words = tokenTaskNamed("words", "S3");
    const small = loopformer({
      vocab: words.vocabulary.length,
      context: 8,
      width: 16,
      heads: 2,
      mlp: 32,
      layers: 1,
      loops: 3,
    });
    await using page = connected();
    await page.create({
      spec: small,
      seed: 1,
      task: { name: "words", variant: "S3" },
      training: { easiest: 8, hardest: 8 },
      threads: 1,
    });
    const steps = await collect(page.train(undefined, { steps: 2, batch: 4, easiest: 8, hardest: 8 }));
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    const [point] = await collect(page.quality({ budgets: [2], count: 16 }));
    expect(point).toMatchObject({ loops: 2, scores: { length: 8 } });
    const answers = await page.answers({ tokens: [1, 2, 3], budgets: [1, 2, 4] });
    expect(answers.map(({ length }) => length)).toEqual([21, 21, 21]);
    const files = await page.files();
    await write(files, "words");
    expect((await openRun(join(folder, "words"), ["task"])).config).toMatchObject({
      task: "words",
      variant: "S3",
    });
    await using again = connected();
    const loaded = await again.load({ url: `${server.url}words`, isTask: true, withState: true, threads: 1 });
    expect(loaded).toMatchObject({ step: 2, task: { name: "words", variant: "S3" }, tokenizer: undefined });
    expect(await again.answers({ tokens: [1, 2, 3], budgets: [2] })).toEqual([answers[1]]);
    expect((await rejectionOf(again.logits("The"))).code).toBe("WORKER_MODEL");
    expect((await rejectionOf(collect(again.train("text", training)))).code).toBe("WORKER_MODEL");
    const failure = await rejectionOf(again.load({ url: `${server.url}words`, threads: 1 }));
    expect(failure.code).toBe("RUN_KIND");
  });

  it("says what is missing", async () => {
    const { worker } = await open();
    expect((await rejectionOf(collect(worker.train(undefined, training)))).code).toBe("WORKER_NO_TEXT");
    expect((await rejectionOf(collect(worker.quality({ budgets: [1] })))).code).toBe("WORKER_NO_TEXT");
    const short = await worker.answers({ tokens: [84], budgets: [2] });
    expect(short).toEqual([(await worker.logits("T"))[1]]);
    const bad = collect(worker.generate("The", { maxTokens: 2, exit: "whim" }));
    expect((await rejectionOf(bad)).code).toBe("EXIT");
    const left = await collect(
      worker.generate("The", { maxTokens: 3, temperature: 0, exit: "probability>0" }),
    );
    expect(left.map(({ loops }) => loops)).toEqual([3, 1, 1]);
    for (const { probability } of left) expect(probability).toBeGreaterThan(0);
  });

  it("and goes on in Node, and then in the page, as if it had never stopped there", async () => {
    await using runtime = await openOnnxRuntime({ threads: 1 });
    await write(await filesOfTrained(), "onward");
    {
      await using run = await holdRun(join(folder, "onward"), ["text"]);
      const { state } = await run.resume();
      const data = memorySplit(bytesTokenizer().encode(prose));
      await collect(
        train({
          spec,
          training: { ...training, steps: 5 },
          data,
          runtime,
          state,
          save: (kept) => run.save(kept),
        }),
      );
    }
    await using page = connected();
    const { step } = await page.load({ url: `${server.url}onward`, withState: true, threads: 1 });
    expect(step).toBe(5);
    const files = await page.files();
    const path = "checkpoints/step-000005/optimizer.safetensors";
    const onDisk = await readFile(join(folder, "onward", path));
    expect(Buffer.from(files.get(path) ?? []).equals(onDisk)).toBe(true);
    const steps = await collect(page.train(prose, { ...training, steps: 6 }));
    expect(steps.map((one) => one.step)).toEqual([6]);
  });

  async function filesOfTrained(): Promise<ReadonlyMap<string, Uint8Array>> {
    await using page = connected();
    await page.create({ spec, seed: 5, threads: 1 });
    await collect(page.train(prose, training));
    return await page.files();
  }
});
