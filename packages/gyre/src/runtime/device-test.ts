import type { OpName } from "../graph/types.ts";
import type { Runtime } from "./runtime.ts";
import { selfTest, selfTestHash, type WrongOperation } from "./self-test.ts";

/** Operations of few numbers, the loops' times and step sizes: the host may compute them. */
const hostable: ReadonlySet<OpName> = new Set(["sin", "cos"]);

/** What a device computes wrongly: what the host does in its place, and what nothing mends. */
export interface DeviceTest {
  readonly hosted: readonly WrongOperation[];
  readonly refused: readonly WrongOperation[];
}

/** Where a test that was passed is kept for later: the part of the browser's `Cache` that is used. */
export interface TestShelf {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<unknown>;
}

const tested = new Map<string, Promise<DeviceTest>>();

/**
 * The self-test of a device, made once for each name. One that is passed also goes on the shelf, where there is one, and is found there by other
 * workers and later visits, as long as it is the same test; one that is not is made again when it is next asked for.
 */
export function testDevice(name: string, runtime: Runtime, shelf?: TestShelf): Promise<DeviceTest> {
  const known = tested.get(name);
  if (known) return known;
  const test = shelf ? testOnce(name, runtime, shelf) : tryAll(runtime);
  tested.set(name, test);
  const forget = () => tested.delete(name);
  test.then(({ refused }) => refused.length > 0 && forget(), forget);
  return test;
}

async function tryAll(runtime: Runtime): Promise<DeviceTest> {
  const wrong = await selfTest(runtime);
  return {
    hosted: wrong.filter(({ op }) => hostable.has(op)),
    refused: wrong.filter(({ op }) => !hostable.has(op)),
  };
}

async function testOnce(name: string, runtime: Runtime, shelf: TestShelf): Promise<DeviceTest> {
  const url = `https://gyre.invalid/${selfTestHash()}?${new URLSearchParams({ device: name })}`;
  const kept = await shelf
    .match(url)
    .then(readTest)
    .catch(() => undefined);
  // a device that no longer starts is not believed
  if (kept && (await selfTest(runtime, new Set(["neg"]))).length === 0) return kept;
  const test = await tryAll(runtime);
  // storage that is full costs the next visit a test, and this one nothing
  if (test.refused.length === 0)
    await shelf.put(url, new Response(JSON.stringify(test))).catch(() => undefined);
  return test;
}

/** A test as it was kept; undefined for what is none. */
async function readTest(response: Response | undefined): Promise<DeviceTest | undefined> {
  if (!response) return undefined;
  const { hosted, refused } = (await response.json()) as DeviceTest;
  const isTest = refused.length === 0 && hosted.every(({ op, error }) => hostable.has(op) && error > 0);
  return isTest ? { hosted, refused } : undefined;
}
