import { expect, test } from "vitest";
import { type TestShelf, testDevice } from "../../src/runtime/device-test.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** The interpreter, which counts its programs, and starts or not. */
function device(starts = true): { readonly runtime: Runtime; readonly programs: () => number } {
  const exact = interpreterRuntime();
  let programs = 0;
  const runtime: Runtime = {
    ...exact,
    compile: async (graph, options) => {
      programs++;
      if (!starts) throw new Error("no device");
      return await exact.compile(graph, options);
    },
  };
  return { runtime, programs: () => programs };
}

/** What Cache Storage does, in memory. */
function shelf(): TestShelf & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    match: async (url) => (kept.has(url) ? new Response(kept.get(url)) : undefined),
    put: async (url, response) => void kept.set(url, await response.text()),
  };
}

const passed = { hosted: [], refused: [] };

/** The test of a device as a new worker makes it: the name is another, the place on the shelf the same. */
let workers = 0;
function inNewWorker(runtime: Runtime, own: TestShelf): Promise<unknown> {
  const name = `worker ${workers++}`;
  const place = (url: string) => url.replace(/worker\+\d+$/, "worker");
  return testDevice(name, runtime, {
    match: (url) => own.match(place(url)),
    put: (url, response) => own.put(place(url), response),
  });
}

test("a test that was passed is made once for a device, by whatever worker", async () => {
  const own = shelf();
  const first = device();
  expect(await inNewWorker(first.runtime, own)).toEqual(passed);
  expect(first.programs()).toBeGreaterThan(40);
  const second = device();
  expect(await inNewWorker(second.runtime, own)).toEqual(passed);
  // whether it starts
  expect(second.programs()).toBe(1);
  expect([...own.kept.keys()]).toEqual([expect.stringMatching(/^https:\S+\/[\da-f]{64}\?device=worker$/)]);
});

test("within a worker it is made once, and again for another device", async () => {
  const own = shelf();
  const { runtime, programs } = device();
  await testDevice("a GPU", runtime, own);
  const first = programs();
  await testDevice("a GPU", runtime, own);
  expect(programs()).toBe(first);
  await testDevice("another GPU", runtime, own);
  expect(programs()).toBe(2 * first);
});

test("one that failed is not kept, and is made again when it is asked for again", async () => {
  const own = shelf();
  const broken = device(false);
  const { refused } = await testDevice("a broken GPU", broken.runtime, own);
  expect(refused.length).toBeGreaterThan(20);
  expect(own.kept.size).toBe(0);
  expect(await testDevice("a broken GPU", device().runtime, own)).toEqual(passed);
});

test.each([
  ["damaged", "{"],
  ["of another shape", '{"hosted": 3}'],
  ["of a device that fails", '{"hosted":[],"refused":[{"op":"neg","error":1}]}'],
  ["about operations that no host computes", '{"hosted":[{"op":"matmul","error":1}],"refused":[]}'],
])("what was kept is made again where it is %s", async (_, text) => {
  const own = shelf();
  await inNewWorker(device().runtime, own);
  for (const url of own.kept.keys()) own.kept.set(url, text);
  const { runtime, programs } = device();
  expect(await inNewWorker(runtime, own)).toEqual(passed);
  expect(programs()).toBeGreaterThan(40);
  expect([...own.kept.values()]).toEqual([JSON.stringify(passed)]);
});

test("a device that no longer starts is not believed", async () => {
  const own = shelf();
  await inNewWorker(device().runtime, own);
  const { refused } = (await inNewWorker(device(false).runtime, own)) as typeof passed;
  expect(refused.length).toBeGreaterThan(20);
});

test("a shelf that is full or out of order costs a test, and no more", async () => {
  const full: TestShelf = {
    match: () => Promise.reject(new Error("out of order")),
    put: () => Promise.reject(new Error("full")),
  };
  expect(await inNewWorker(device().runtime, full)).toEqual(passed);
});
