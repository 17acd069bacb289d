import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holderOf, takeLock } from "../../src/runs/lock.node.ts";
import { isRunning, startOf } from "../../src/util/processes.node.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

const file = () => join(folder, "lock");
const own = {
  pid: process.pid,
  host: hostname(),
  start: startOf(process.pid),
  since: "2026-11-01T00:00:00Z",
};
const write = (changes: object) => writeFile(file(), JSON.stringify({ ...own, ...changes }));
/** Above every id that a process of Linux can have. */
const gone = 2 ** 22 + 1;

/** A process that waits until it is told to end. */
async function other() {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('up')"]);
  await once(child.stdout, "data");
  return child;
}

test("a lock keeps others out, by name, until it is released", async () => {
  const lock = await takeLock(folder);
  const error = await rejectionOf(takeLock(folder));
  expect(error.code).toBe("RUN_LOCKED");
  expect(error.detail.given).toMatch(
    new RegExp(`is written to by process ${process.pid} on ${hostname()}, since 20`),
  );
  expect(error.detail.fix).toContain(`delete ${folder}/lock`);
  expect(await holderOf(folder)).toMatchObject({ pid: process.pid });
  await lock[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
  expect(await holderOf(folder)).toBeUndefined();
  lock.releaseNow();
});

test("a process that took and released locks listens to nothing any more", async () => {
  const before = process.listenerCount("exit");
  for (let turn = 0; turn < 3; turn++) (await takeLock(folder)).releaseNow();
  expect(process.listenerCount("exit")).toBe(before);
});

test("of many that want a lock at once, also a stale one, one gets it", async () => {
  for (const isStale of [false, true]) {
    if (isStale) await write({ pid: gone });
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => takeLock(folder)));
    const got = results.filter((result) => result.status === "fulfilled");
    expect(got).toHaveLength(1);
    got[0]?.value.releaseNow();
    expect(await readdir(folder)).toEqual([]);
  }
});

test("the lock of a process that runs is respected, that of one that has ended is taken over", async () => {
  const child = await other();
  await write({ pid: child.pid, start: startOf(child.pid ?? 0) });
  expect((await rejectionOf(takeLock(folder))).detail.given).toContain(`process ${child.pid} on`);
  child.kill("SIGKILL");
  await once(child, "exit");
  await using _ = await takeLock(folder);
  expect(JSON.parse(await readFile(file(), "utf8"))).toMatchObject({ pid: process.pid });
});

test("a process that has ended and waits for its parent does not run", async () => {
  const script = "const c=require('child_process').spawn('true');console.log(c.pid);for(;;);";
  const parent = spawn(process.execPath, ["-e", script]);
  const [pid] = await once(parent.stdout, "data");
  const deadline = Date.now() + 5000;
  while (isRunning(Number(pid)) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isRunning(Number(pid))).toBe(false);
  parent.kill("SIGKILL");
});

test.runIf(startOf(process.pid))(
  "a later process with the id of an earlier one does not hold its lock",
  async () => {
    await write({ start: "another boot 12" });
    await using _ = await takeLock(folder);
    expect(await holderOf(folder)).toMatchObject({ start: startOf(process.pid) });
  },
);

test("nobody can tell whether a process of another machine is gone: its lock is respected", async () => {
  await write({ pid: gone, host: "elsewhere" });
  const { detail } = await rejectionOf(takeLock(folder));
  expect(detail.given).toContain(`process ${gone} on elsewhere`);
});

test("a lock that cannot be read may be just being written; after ten seconds it is not", async () => {
  await writeFile(file(), "");
  expect((await rejectionOf(takeLock(folder))).detail.given).toContain("by another process");
  const before = Date.now() / 1e3 - 11;
  await utimes(file(), before, before);
  await using _ = await takeLock(folder);
});

test("a lock that another process has taken since is not deleted", async () => {
  const lock = await takeLock(folder);
  await write({ host: "elsewhere" });
  lock.releaseNow();
  expect(await readdir(folder)).toEqual(["lock"]);
});

test("a lock goes when its process exits", async () => {
  const lockModule = new URL("../../src/runs/lock.node.ts", import.meta.url).pathname;
  const script = `import { takeLock } from ${JSON.stringify(lockModule)};
    await takeLock(${JSON.stringify(folder)});
    console.log("held");
    process.stdin.once("data", () => { throw new Error("an error that nobody catches"); });`;
  const words = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "ignore"] });
  await once(child.stdout, "data");
  expect((await rejectionOf(takeLock(folder))).detail.given).toContain(`process ${child.pid} on`);
  child.stdin.write("end\n");
  await once(child, "exit");
  expect(await readdir(folder)).toEqual([]);
});
