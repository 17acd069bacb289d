import { expect, test } from "vitest";
import { logLine, RequestNote, type RequestRecord } from "../../src/server/log.ts";

const record: RequestRecord = {
  time: "2026-11-02T09:14:05.120Z",
  method: "POST",
  path: "/v1/completions",
  status: 200,
  elapsedMs: 152.34,
  model: "first",
  promptTokens: 6,
  completionTokens: 40,
  loops: 2.125,
};

test("a record is one line, of words or of JSON", () => {
  expect(logLine(record, "text")).toBe(
    "2026-11-02T09:14:05.120Z POST /v1/completions 200 152.3 ms first 6+40 tokens 2.13 loops",
  );
  const { model: _, promptTokens: __, completionTokens: ___, loops: ____, ...refused } = record;
  expect(logLine({ ...refused, status: 400, error: "unknown_field" }, "text")).toBe(
    "2026-11-02T09:14:05.120Z POST /v1/completions 400 152.3 ms unknown_field",
  );
  expect(logLine(record, "json")).toBe(
    '{"time":"2026-11-02T09:14:05.120Z","method":"POST","path":"/v1/completions","status":200,"ms":152.3,' +
      '"model":"first","promptTokens":6,"completionTokens":40,"loops":2.125}',
  );
});

test("a request is noted once, with the mean of its loops", () => {
  const records: RequestRecord[] = [];
  const note = new RequestNote({ method: "GET", path: "/" }, (one) => records.push(one));
  const text = { type: "end", text: "", tokens: [], finish: "stop" } as const;
  const end = { ...text, promptLoops: [], blockPasses: 0, draftsAccepted: 0 };
  note.addEnds(7, [
    { ...end, loops: [1, 2] },
    { ...end, loops: [3] },
  ]);
  note.status = 200;
  note.end();
  note.end();
  expect(records).toEqual([
    {
      ...{ method: "GET", path: "/", status: 200, promptTokens: 7, completionTokens: 3, loops: 2 },
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      elapsedMs: expect.any(Number),
    },
  ]);
});
