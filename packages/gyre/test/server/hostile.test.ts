import { once } from "node:events";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Limits } from "../../src/server/options.ts";
import { type RunningServer, type ServeOptions, serve } from "../../src/server/serve.node.ts";
import { type Rng, rng } from "../../src/util/rng.ts";
import { tinyRuns } from "./tiny-runs.ts";

let runs: Awaited<ReturnType<typeof tinyRuns>>;
beforeAll(async () => {
  runs = await tinyRuns("tiny", "endless");
});
afterAll(() => runs.remove());

const faults: unknown[] = [];
const open = (options: ServeOptions) =>
  serve(runs.paths, { port: 0, threads: 1, onFault: (error) => faults.push(error), ...options });
const clientOf = ({ url }: RunningServer, apiKey = "none") =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const endless = { model: "endless", prompt: "x", max_tokens: 4000 };

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream;

const post = (server: RunningServer, body: Body, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v1/completions`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  });

const errorOf = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { code: string; param: string | null } };
  return [answer.status, error.code];
};

/** Everything that a server held for requests is free again. */
const isFree = (server: RunningServer) =>
  vi.waitFor(() => {
    for (const { engine } of server.models) {
      expect(engine.pending).toBe(0);
      expect(engine.load).toMatchObject({ running: 0, waiting: 0, cacheBytes: 0 });
    }
  }, 10_000);

describe("limits", () => {
  let server: RunningServer;
  const limits: Partial<Limits> = { bodyBytes: 2000, queue: 1 };
  beforeAll(async () => {
    server = await open({ slots: 1, limits, apiKey: "secret", corsOrigin: "https://example.org" });
  });
  afterAll(() => server.close(0));
  const key = { authorization: "Bearer secret" };

  test("a body that is too large is refused, with its length or without", async () => {
    const large = "x".repeat(2001);
    expect(await errorOf(await post(server, large, key))).toEqual([413, "body_too_large"]);
    const parts = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 3; index++)
          controller.enqueue(new TextEncoder().encode("x".repeat(1000)));
        controller.close();
      },
    });
    expect(await errorOf(await post(server, parts, key))).toEqual([413, "body_too_large"]);
  });

  test("a body of another type is refused: other sites' pages can send only those unasked", async () => {
    const answer = await post(server, "{}", { ...key, "content-type": "text/plain" });
    expect(await errorOf(answer)).toEqual([415, "content_type"]);
  });

  test("the key is asked for, and not where probes look", async () => {
    expect(await errorOf(await post(server, "{}"))).toEqual([401, "invalid_api_key"]);
    expect(await errorOf(await post(server, "{}", { authorization: "Bearer secre" }))).toEqual([
      401,
      "invalid_api_key",
    ]);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await clientOf(server, "secret").models.list()).data).toHaveLength(10);
  });

  test("one site may call, where that was asked for", async () => {
    const answer = await fetch(`${server.url}/v1/models`, {
      method: "OPTIONS",
      headers: { origin: "https://example.org", "access-control-request-method": "POST" },
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://example.org");
  });

  test("a full queue gets 429 with Retry-After; a client that leaves frees its slot at once", async () => {
    const client = clientOf(server, "secret");
    const first = await client.completions.create({ ...endless, stream: true });
    const waiting = new AbortController();
    const second = client.completions.create(endless, { signal: waiting.signal });
    await vi.waitFor(() => expect(server.models[1]?.engine.pending).toBe(2));
    const refused = await post(server, JSON.stringify(endless), key);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await errorOf(refused)).toEqual([429, "queue_full"]);
    const other = await client.completions.create({ model: "tiny", prompt: "x", max_tokens: 2 });
    expect(other.usage?.completion_tokens).toBe(2);
    waiting.abort();
    await expect(second).rejects.toThrow("aborted");
    first.controller.abort();
    await isFree(server);
    const next = await client.completions.create({ ...endless, max_tokens: 3 });
    expect(next.choices[0]?.text).toBe("AAA");
  });
});

describe("time", () => {
  test("a request that takes too long gets 504, or an error event when its text has begun", async () => {
    await using server = await open({ limits: { seconds: 0.02 } });
    expect(await errorOf(await post(server, JSON.stringify(endless)))).toEqual([504, "time_limit"]);
    const streamed = await post(server, JSON.stringify({ ...endless, stream: true }));
    const text = await streamed.text();
    expect(text).toContain('"code":"time_limit"');
    expect(text).not.toContain("[DONE]");
    await isFree(server);
  });

  test("a limit of years is no limit, and not one of a millisecond", async () => {
    const server = await open({ limits: { seconds: 1e9 } });
    const { choices } = await clientOf(server).completions.create({ ...endless, max_tokens: 200 });
    expect(choices[0]?.text).toBe("A".repeat(200));
    const stream = await clientOf(server).completions.create({ ...endless, max_tokens: 100, stream: true });
    const closed = server.close(1e9);
    let text = "";
    for await (const { choices: parts } of stream) text += parts[0]?.text;
    expect(text).toBe("A".repeat(100));
    await closed;
  });
});

describe("closing", () => {
  test("finishes what runs and takes nothing new", async () => {
    const server = await open({});
    const client = clientOf(server);
    const stream = await client.completions.create({
      ...endless,
      max_tokens: 300,
      stream: true,
    });
    const closed = server.close(60);
    await expect(client.models.list()).rejects.toThrow();
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.text;
    expect(text).toBe("A".repeat(300));
    await closed;
  });

  test("refuses what runs when its time is over", async () => {
    const server = await open({});
    const stream = await clientOf(server).completions.create({ ...endless, stream: true });
    await server.close(0);
    const rest = (async () => {
      for await (const _ of stream);
    })();
    await expect(rest).rejects.toMatchObject({ code: "shutting_down" });
  });
});

test("two runs of one name, and a port that is taken, are refused at the start", async () => {
  const [path = ""] = runs.paths;
  await expect(serve([path, `${path}/../tiny`])).rejects.toThrow(/SERVE_MODELS: .*tiny and .*tiny/);
  await using server = await open({});
  const port = Number(new URL(server.url).port);
  await expect(serve([path], { port })).rejects.toThrow(/SERVE_LISTEN: 127.0.0.1:\d+: .*EADDRINUSE/);
  await expect(serve([`${path}-none`])).rejects.toThrow(/RUN_MISSING/);
});

describe("64 streams of mixed budgets, disconnects and 200 malformed bodies", () => {
  const count = 64;
  const leaving = 24;
  const depths = [
    { loops: 1 },
    { loops: 2 },
    { loops: 3 },
    { loops: 4 },
    { trajectory: [0.75, 0.25] },
    { exit: "kl<0.05" },
  ];
  const requestOf = (index: number) => ({
    model: "tiny",
    prompt: "We the people"[index % 13] ?? "",
    temperature: 0,
    max_tokens: 20 + (index % 30),
    ...depths[index % depths.length],
  });
  let server: RunningServer;
  beforeAll(async () => {
    server = await open({ limits: { queue: 100 } });
  });
  afterAll(() => server.close(0));

  async function streamed(
    client: OpenAI,
    body: object,
    leavesAfter = Number.POSITIVE_INFINITY,
  ): Promise<string> {
    const fields = { ...body, stream: true } as OpenAI.CompletionCreateParamsStreaming;
    let text = "";
    let chunks = 0;
    for await (const { choices } of await client.completions.create(fields)) {
      text += choices[0]?.text;
      if (++chunks > leavesAfter) break;
    }
    return text;
  }

  async function burst(client: OpenAI, random: Rng): Promise<{ texts: string[]; refused: number[] }> {
    const texts = Array.from({ length: count }, (_, index) => streamed(client, requestOf(index)));
    const left = Array.from({ length: leaving }, (_, index) =>
      streamed(client, { ...endless, ...depths[index % 5] }, random.below(20)),
    );
    const refused = Array.from({ length: 200 }, (_, index) => malformed(server, index, random));
    await Promise.all(left);
    return { texts: await Promise.all(texts), refused: await Promise.all(refused) };
  }

  test("nothing is lost and nothing is leaked", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const held = () => {
      gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return (heapUsed + arrayBuffers) / 2 ** 20;
    };
    const client = clientOf(server);
    const random = rng(1, "hostile");
    const expected: string[] = [];
    for (let index = 0; index < count; index++) expected.push(await streamed(client, requestOf(index)));
    expect((await burst(client, random)).texts).toEqual(expected);
    await isFree(server);
    const before = held();
    const resident = process.memoryUsage().rss / 2 ** 20;
    const { texts, refused } = await burst(client, random);
    expect(texts).toEqual(expected);
    expect(faults).toEqual([]);
    expect(new Set(refused)).toEqual(new Set([0, 400, 404, 413, 415]));
    await isFree(server);
    // The client's buffers for bodies that were refused halfway go a moment later.
    await vi.waitFor(() => expect(held() - before).toBeLessThan(2), 10_000);
    expect(process.memoryUsage().rss / 2 ** 20 - resident).toBeLessThan(64);
    const { load } = server.models[0]!.engine;
    expect(load.streamLoops / load.calls).toBeGreaterThan(2);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });
});

const manyFields = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`x${index}`, 1]));

const bad: readonly ((random: Rng) => Body)[] = [
  () => "",
  () => "null",
  () => "[]",
  () => "{".repeat(9000),
  () => "[".repeat(9000),
  () => `{"model":"tiny","prompt":"x","__proto__":{"n":1}}`,
  () => `{"model":"tiny","prompt":"x","constructor":1}`,
  () => `{"model":"tiny","prompt":${"[".repeat(5000)}${"]".repeat(5000)}}`,
  () => `{"model":"tiny","prompt":"x","loops":1e99}`,
  () => `{"model":"tiny","prompt":"x","n":-1}`,
  () => `{"model":"tiny","prompt":"x","seed":0.5}`,
  () => `{"model":"tiny","prompt":"x","stop":[""]}`,
  () => `{"model":"tiny","prompt":"x","trajectory":[]}`,
  () => `{"model":"../tiny","prompt":"x"}`,
  () => JSON.stringify({ model: "tiny", prompt: "x", messages: new Array(30_000).fill({}) }),
  () => JSON.stringify({ model: "tiny", prompt: new Array(300).fill(new Array(100).fill("x")) }),
  () => JSON.stringify({ model: "tiny", prompt: new Array(100_000).fill(0.5) }),
  () => JSON.stringify({ model: "tiny", prompt: new Array(5000).fill([1]) }),
  () => JSON.stringify({ model: "tiny", prompt: "x", metadata: manyFields }),
  () => JSON.stringify(manyFields),
  () => Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d),
  () => "x".repeat(2 ** 20 + 1),
  (random) => JSON.stringify({ model: "tiny", prompt: "hello", n: 1 }).slice(0, 1 + random.below(30)),
  (random) => Uint8Array.from({ length: 1 + random.below(200) }, () => random.below(256)),
];

/** Sends something that is no request, and gives the status; 0 where the connection was cut halfway. */
async function malformed(server: RunningServer, index: number, random: Rng): Promise<number> {
  if (index % 10 === 9) {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(socket, "connect");
    const head =
      "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    socket.write(`${head}{"model"`, () => socket.destroy());
    await once(socket, "close");
    return 0;
  }
  const body = bad[index % bad.length]?.(random) ?? "";
  const answer = await post(server, body, index % 25 === 0 ? { "content-type": "text/html" } : {});
  const { error } = (await answer.json()) as { error: { message: string } };
  expect(error.message).not.toBe("");
  return answer.status;
}
