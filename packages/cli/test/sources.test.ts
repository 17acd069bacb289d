import { expect, test } from "vitest";
import { parseSources } from "../src/sources.ts";

test("the last of several paths is the folder to write; alone, a source gives it its name", () => {
  expect(parseSources([])).toEqual({ sources: [{ path: "sotu" }], out: "data/sotu" });
  expect(parseSources(["x/notes.jsonl.gz"])).toEqual({
    sources: [{ path: "x/notes.jsonl.gz" }],
    out: "data/notes",
  });
  expect(parseSources(["notes/", "out"])).toEqual({ sources: [{ path: "notes/" }], out: "out" });
  expect(parseSources(["a", "b", "out"]).sources).toEqual([{ path: "a" }, { path: "b" }]);
});

test("weights stand behind @", () => {
  const { sources, out } = parseSources(["a.jsonl@0.7", "me@home/b@.3", "out"]);
  expect(sources).toEqual([
    { path: "a.jsonl", weight: 0.7 },
    { path: "me@home/b", weight: 0.3 },
  ]);
  expect(out).toBe("out");
});

test.each([
  [["a@1", "b", "out"], /Give b a weight too/],
  [["a@1", "b@2"], /Name the folder to write/],
  [["a@1", "out"], /at least two sources/],
  [["a@0", "b@1", "out"], /The weight of a is 0/],
  [["a/*.txt"], /Name the folder to write after the pattern/],
  [["a", "b", "package.json"], /package.json is a file: name the folder last/],
])("%s is refused", (paths, message) => {
  expect(() => parseSources(paths)).toThrow(message);
});
