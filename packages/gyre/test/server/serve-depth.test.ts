import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveCalibration } from "../../src/runs/calibration.node.ts";
import { type RunningServer, serve } from "../../src/server/serve.node.ts";
import { tinyRuns } from "./tiny-runs.ts";

let runs: Awaited<ReturnType<typeof tinyRuns>>;
let server: RunningServer;
let client: OpenAI;
const draft = { kind: "prefix", loops: 3, tokens: 4 } as const;

beforeAll(async () => {
  runs = await tinyRuns("tiny", "plain");
  await saveCalibration(
    { path: runs.paths[0] as string },
    {
      version: 2,
      kind: "drafts",
      provenance: { command: "gyre calibrate tiny", machine: "a machine" },
      model: { name: "tiny" },
      calibration: {
        loops: 4,
        tokens: 8,
        drafts: [
          {
            draft,
            tokensPerSecond: 150,
            plainTokensPerSecond: 100,
            acceptance: 0.9,
            blockPassesPerToken: 4,
          },
        ],
        best: draft,
      },
    },
  );
  server = await serve(runs.paths, { port: 0, threads: 1, draft: "auto" });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
});
afterAll(async () => {
  await server.close(0);
  await runs.remove();
});

const complete = (model: string, fields: object) =>
  client.completions.create({ model, prompt: "We the", max_tokens: 24, temperature: 0, ...fields });

test("a model that was trained at full depth only warns of other depths, and of no other", async () => {
  const shallow = (await complete("plain", { loops: 2 })).usage;
  const warning = "this baseLoop was trained at 4 loops only; other depths are a guess";
  expect(shallow).toMatchObject({ gyre: { warning } });
  expect((await complete("plain", {})).usage).not.toHaveProperty("gyre.warning");
});

test("drafts at the calibrated depth, says how many were kept, and writes the same text", async () => {
  const { paths } = runs;
  await using plain = await serve(paths.slice(0, 1), { port: 0, threads: 1 });
  const other = new OpenAI({ baseURL: `${plain.url}/v1`, apiKey: "none" });
  const fields = { model: "tiny", prompt: "We the", max_tokens: 24, temperature: 0 };
  const expected = await other.completions.create(fields);
  expect(expected.usage).toMatchObject({ gyre: { drafts_accepted: 0 } });

  const drafted = await complete("tiny", {});
  expect(drafted.choices).toEqual(expected.choices);
  expect(drafted.usage).toMatchObject({ completion_tokens: 24 });
  const { gyre } = drafted.usage as unknown as { gyre: { drafts_accepted: number } };
  expect(gyre.drafts_accepted).toBeGreaterThan(0);
  expect((await complete("tiny", { loops: 2 })).usage).toMatchObject({ gyre: { drafts_accepted: 0 } });
});
