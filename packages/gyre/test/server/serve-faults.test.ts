import type { Worker } from "node:worker_threads";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { createRun } from "../../src/runs/run.node.ts";
import type { ModelWorker } from "../../src/server/model-worker.node.ts";
import type { Job } from "../../src/server/protocol.ts";
import { type RunningServer, type ServeOptions, serve } from "../../src/server/serve.node.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { spec, tinyRuns } from "./tiny-runs.ts";

// Threads that end, and functions that throw: nothing that comes later may notice.

let runs: Awaited<ReturnType<typeof tinyRuns>>;
beforeAll(async () => {
  runs = await tinyRuns("tiny", "endless");
});
afterAll(() => runs.remove());

const open = (options: ServeOptions) => serve(runs.paths, { port: 0, threads: 1, ...options });
const clientOf = ({ url }: RunningServer) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const broken = () => {
  throw new Error("broken");
};
const endless = { model: "endless", prompt: "x", max_tokens: 4000 };

const post = (server: RunningServer, body: string) =>
  fetch(`${server.url}/v1/completions`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });

describe("the end of a worker", () => {
  const threads: Worker[] = [];
  const remember = (thread: Worker) => threads.push(thread);
  beforeAll(() => process.on("worker", remember));
  afterAll(() => process.off("worker", remember));

  test("is told to those who wait; others go on, and a new one takes its place", async () => {
    const heard: string[] = [];
    await using server = await open({ onFault: (error) => heard.push(String(error)) });
    const client = clientOf(server);
    const stream = await client.completions.create({ ...endless, stream: true });
    const pending = client.completions.create(endless);
    await vi.waitFor(() => expect(server.models[1]?.engine.pending).toBe(2));
    // It ends itself: to end it from outside within a call would abort the process.
    threads.at(-1)?.postMessage({ type: "close" });
    const gone = { status: 503, code: "model_unavailable" };
    await expect(pending).rejects.toMatchObject(gone);
    const rest = (async () => {
      for await (const _ of stream);
    })();
    await expect(rest).rejects.toThrow(APIError);
    const refused = await post(server, JSON.stringify(endless));
    expect(refused.headers.get("retry-after")).toBe("5");
    const text = await refused.text();
    expect(text).toContain("model_unavailable");
    expect(text).not.toContain("exit code");
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "unavailable" }]);
    expect(heard).toEqual([expect.stringMatching(/SERVE_WORKER: .*endless.*while working \(exit code 0\)/)]);
    const other = await client.completions.create({ model: "tiny", prompt: "x", max_tokens: 2 });
    expect(other.usage?.completion_tokens).toBe(2);

    await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), 10_000);
    const next = await client.completions.create({ ...endless, max_tokens: 3 });
    expect(next.choices[0]?.text).toBe("AAA");
  });

  test("is followed by no other model than the one that was there", async () => {
    const mine = await tinyRuns("tiny");
    const heard: string[] = [];
    const [path = ""] = mine.paths;
    await using server = await serve([path], {
      port: 0,
      threads: 1,
      onFault: (error) => heard.push(String(error)),
    });
    const bigger = { kind: "imported", spec: { ...spec, loops: 8 }, tokenizer: bytesTokenizer() } as const;
    await using other = await createRun(path, bigger, { force: true });
    await other.save(initialState(bigger.spec, 1));
    threads.at(-1)?.postMessage({ type: "close" });
    await vi.waitFor(() => expect(heard).toContainEqual(expect.stringContaining("SERVE_REPLACED")), 10_000);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    await mine.remove();
  });

  test("that is one of many does not keep the server from closing, not even while it starts anew", async () => {
    const server = await open({ onFault: () => undefined });
    threads.at(-1)?.postMessage({ type: "close" });
    await vi.waitFor(() => expect(server.models[1]?.engine.failure).toBe("exit code 0"));
    await server.close(0);
  });
});

describe("functions of the server's owner that throw", () => {
  test("harm no answer", async () => {
    await using server = await open({ onRequest: broken, onFault: broken });
    const client = clientOf(server);
    const fields = { ...endless, max_tokens: 3 };
    for (let round = 0; round < 2; round++) {
      expect((await client.completions.create(fields)).choices[0]?.text).toBe("AAA");
      let text = "";
      for await (const { choices } of await client.completions.create({ ...fields, stream: true }))
        text += choices[0]?.text;
      expect(text).toBe("AAA");
    }
  });

  test("nor does a job that a worker cannot begin", async () => {
    await using server = await open({});
    const engine = server.models[1]?.engine as ModelWorker;
    const job = { prompt: [1], budget: 4, exit: "nonsense", stops: [], dropsSpace: false } as unknown as Job;
    const event = await new Promise((resolve) => engine.start(job, resolve));
    expect(event).toMatchObject({ type: "failure", isGone: false, reason: expect.stringContaining("EXIT") });
    expect(() => engine.start({ ...job, seed: (() => 1) as unknown as number }, broken)).toThrow("clone");
    expect(engine.pending).toBe(0);
    const next = await clientOf(server).completions.create({ ...endless, max_tokens: 3 });
    expect(next.choices[0]?.text).toBe("AAA");
  });
});
