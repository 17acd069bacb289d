import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gyre, nodeWords } from "./cli.ts";
import { temporaryFolder, tinyRun } from "./tiny.ts";

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  await tinyRun(join(folder, "first"));
  await tinyRun(join(folder, "old", "first"));
});
afterAll(() => remove());

/** Starts `gyre serve`, and waits for its one line. */
async function start(...words: string[]) {
  const env = { ...process.env, GYRE_API_KEY: "secret" };
  const child = spawn(process.execPath, nodeWords(["serve", ...words]), {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit");
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  return { child, exit, line, url: /^(http:\S+) serves/.exec(line)?.[1] };
}

describe("gyre serve", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "prints one line, answers, and at %s finishes and exits 0",
    async (signal) => {
      const { child, exit, line, url } = await start("first", "--port", "0", "--threads", "1");
      expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+ serves first \(loopformer, 4 loops\)\n$/);
      const answer = await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer secret" },
        body: JSON.stringify({ model: "first", prompt: "We", max_tokens: 12, loops: 2, stream: true }),
      });
      expect(answer.status).toBe(200);
      child.kill(signal);
      const events = (await answer.text()).trim().split("\n\n");
      expect(events.at(-1)).toBe("data: [DONE]");
      expect(events.at(-2)).toMatch(/"finish_reason":"(length|stop)"/);
      expect(await exit).toEqual([0, null]);
    },
  );

  test("logs a line for each request on standard error, where it is asked to", async () => {
    const { child, exit, url } = await start("first", "--port", "0", "--threads", "1", "--log", "json");
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
    const lines = log.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { method: "GET", path: "/", status: 200 },
      { method: "GET", path: "/v1/models", status: 401, error: "invalid_api_key" },
    ]);
  });

  test.each([
    [["first", "--log", "xml"], 2, /It must be text or json/],
    [["first", "old/first"], 1, /SERVE_MODELS: first and old\/first/],
    [["first", "--host", "192.0.2.1"], 1, /SERVE_LISTEN: 192\.0\.2\.1:8080/],
    [["none"], 1, /RUN_MISSING/],
    [["first", "--slots", "0"], 2, /--slots/],
    [[], 2, /missing required argument 'runs'/],
  ] as const)("refuses %j", async (words, expectedCode, message) => {
    const { code, stdout, stderr } = await gyre(["serve", ...words], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: expectedCode, stdout: "" });
    expect(stderr).toMatch(message);
  });
});
