import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RequestRecord } from "../../src/server/log.ts";
import { type RunningServer, type ServeOptions, serve } from "../../src/server/serve.node.ts";
import { tinyRuns } from "./tiny-runs.ts";

// What arrives byte by byte: hosts, slow clients, and what the log says of it all.

let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
const records: RequestRecord[] = [];
const open = (options: ServeOptions = {}) => serve(runs.paths, { port: 0, threads: 1, ...options });
beforeAll(async () => {
  runs = await tinyRuns("tiny");
  server = await open({ onRequest: (record) => records.push(record), hostNames: ["Box.local"] });
});
afterAll(async () => {
  await server.close(0);
  await runs.remove();
});

const portOf = ({ url }: RunningServer) => Number(new URL(url).port);

/** Sends bytes as they are and reads until the connection closes. */
async function exchange(to: RunningServer, bytes: string, host = "127.0.0.1"): Promise<string> {
  const socket = connect(portOf(to), host);
  await once(socket, "connect");
  socket.write(bytes);
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return text;
}

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nConnection: close\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

describe("hosts", () => {
  const own = [
    "localhost",
    "LOCALHOST:8080",
    "localhost.",
    "127.0.0.1:1",
    "[::1]:9",
    "box.local",
    "BOX.local.:80",
  ];
  test.each(own)("a request to %s is answered", async (host) => {
    expect(statusOf(await exchange(server, get("/v1/models", `Host: ${host}`)))).toBe(200);
  });

  const foreign = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.0.2.1",
  ];
  test.each(foreign)("a request to %s is refused without a key, on every path", async (host) => {
    for (const path of ["/v1/models", "/metrics", "/docs", "/", "/readyz", "/nothing"]) {
      const answer = await exchange(server, get(path, `Host: ${host}`));
      expect([path, statusOf(answer)]).toEqual([path, 403]);
      expect(answer).toContain('"code":"foreign_host"');
      expect(answer).not.toContain("tiny");
    }
  });

  test("two of them are refused, also where both are this server's", async () => {
    for (const second of ["localhost", "evil.example"]) {
      const answer = await exchange(server, get("/v1/models", "Host: localhost", `Host: ${second}`));
      expect(statusOf(answer)).toBe(400);
      expect(answer).not.toContain("tiny");
    }
    expect(statusOf(await exchange(server, get("/v1/models")))).toBe(400);
  });

  test("any will do where a key is asked for", async () => {
    await using locked = await open({ apiKey: "secret" });
    const key = "Authorization: Bearer secret";
    expect(statusOf(await exchange(locked, get("/v1/models", "Host: evil.example", key)))).toBe(200);
    expect(statusOf(await exchange(locked, get("/v1/models", "Host: evil.example")))).toBe(401);
    const page = await exchange(locked, get("/", "Host: box.example"));
    expect(statusOf(page)).toBe(200);
    expect(page).not.toContain("tiny");
  });

  test("of a server on every address are this machine's own too, and no name that points to one", async () => {
    await using wide = await open({ host: "::" });
    for (const host of ["127.0.0.1", "[::1]"])
      expect(statusOf(await exchange(wide, get("/healthz", `Host: ${host}`)))).toBe(200);
    expect(statusOf(await exchange(wide, get("/healthz", "Host: evil.example")))).toBe(403);
  });

  test("of IPv6 may be written in brackets", async () => {
    await using six = await open({ host: "[::1]" });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${six.url}/healthz`)).status).toBe(200);
  });
});

describe("slow clients", () => {
  test("have 10 seconds for their headers", { timeout: 20_000 }, async () => {
    const started = performance.now();
    const answer = await exchange(server, "GET /healthz HTTP/1.1\r\nHost: local");
    expect(answer).toMatch(/^HTTP\/1\.1 408/);
    const seconds = (performance.now() - started) / 1000;
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(12);
  });
});

describe("the log", () => {
  const post = (fields: object) =>
    fetch(`${server.url}/v1/completions?x=SECRET`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "tiny",
        prompt: "SECRET",
        max_tokens: 3,
        loops: 2,
        temperature: 0,
        ...fields,
      }),
    });
  const next = async (call: () => Promise<unknown>) => {
    records.length = 0;
    await call();
    await vi.waitFor(() => expect(records).toHaveLength(1));
    return records[0];
  };
  const written = { status: 200, model: "tiny", promptTokens: 6, completionTokens: 3, loops: 2 };

  test("names each request once, with what it cost and nothing of its text", async () => {
    const whole = await next(() => post({}));
    expect(whole).toMatchObject({ method: "POST", path: "/v1/completions", ...written });
    const streamed = await next(async () => (await post({ stream: true })).text());
    expect(streamed).toMatchObject(written);
    expect(streamed).not.toHaveProperty("error");
    expect(JSON.stringify([whole, streamed])).not.toContain("SECRET");
    expect(await next(() => fetch(`${server.url}/healthz`))).toMatchObject({ path: "/healthz", status: 200 });
  });

  test("names what was refused, and what a client left", async () => {
    expect(await next(() => post({ top_k: 1 }))).toMatchObject({ status: 400, error: "unknown_field" });
    expect(await next(() => post({ model: "SECRET" }))).toMatchObject({
      status: 404,
      error: "model_not_found",
    });
    expect(records[0]).not.toHaveProperty("model");
    const left = await next(async () => {
      const leaving = new AbortController();
      const fields = { prompt: "x", max_tokens: 60, stream: true };
      const { body } = await fetch(`${server.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "tiny", ...fields }),
        signal: leaving.signal,
      });
      await body?.getReader().read();
      leaving.abort();
    });
    expect(left).toMatchObject({ status: 200, error: "disconnected" });
  });
});
