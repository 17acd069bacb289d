import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesTokenizer, initialWeights, loopformer, startFrom } from "gyre";
import { createRun } from "gyre/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveStudio } from "../src/studio-server.ts";

let folder = "";
const site = () => join(folder, "site");
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-studio-"));
  await mkdir(site());
  await writeFile(join(site(), "index.html"), "<h1>studio</h1>");
  await writeFile(join(site(), ".secret"), "no");
  const spec = loopformer({ vocab: 257, context: 8, width: 16, heads: 2, mlp: 16, layers: 1, loops: 2 });
  for (const parent of ["a", "b"]) {
    await using run = await createRun(join(folder, parent, "run"), {
      kind: "imported",
      spec,
      tokenizer: bytesTokenizer(),
    });
    await run.save(startFrom(initialWeights(spec, 1)));
  }
});
afterAll(() => rm(folder, { recursive: true }));

test("the site comes with headers for threads, and nothing else of the disk", async () => {
  await using studio = await serveStudio({ site: site(), runs: [], port: 0 });
  const page = await fetch(studio.url);
  expect(await page.text()).toBe("<h1>studio</h1>");
  expect(page.headers.get("content-type")).toMatch(/^text\/html/);
  expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  for (const path of ["none.js", ".secret", "..%2fa%2frun%2fconfig.json", "%00", "%", "runs/run/config.json"])
    expect([path, (await fetch(`${studio.url}${path}`)).status]).toEqual([path, 404]);
  expect((await fetch(studio.url, { method: "POST" })).status).toBe(405);
  const elsewhere = await new Promise((resolve) =>
    request(studio.url, { headers: { Host: "example.org" } }, ({ statusCode }) => resolve(statusCode)).end(),
  );
  expect(elsewhere).toBe(403);
});

test("runs are listed by name, and their files are there", async () => {
  const runs = [join(folder, "a"), join(folder, "b", "run")];
  await using studio = await serveStudio({ site: site(), runs, port: 0 });
  const listed = (await (await fetch(`${studio.url}runs.json`)).json()) as { name: string; url: string }[];
  expect(listed).toMatchObject([
    { name: "run", url: "runs/run/", kind: "imported", reports: [] },
    { name: "run-2", url: "runs/run-2/", loops: 2 },
  ]);
  const config = await fetch(`${studio.url}runs/run-2/config.json`);
  expect(await config.json()).toMatchObject({ kind: "imported" });
  expect((await fetch(`${studio.url}runs/none/config.json`)).status).toBe(404);
});

test("what cannot be served is refused", async () => {
  await expect(serveStudio({ site: folder, runs: [], port: 0 })).rejects.toThrow(
    /^STUDIO_BUILD: no studio at[\s\S]*npm run build -w packages\/studio/,
  );
  const missing = serveStudio({ site: site(), runs: [join(folder, "none")], port: 0 });
  await expect(missing).rejects.toThrow(/^CHECKPOINT_READ/);
  await using studio = await serveStudio({ site: site(), runs: [], port: 0 });
  const port = Number(new URL(studio.url).port);
  await expect(serveStudio({ site: site(), runs: [], port })).rejects.toThrow(/^STUDIO_PORT: port \d+/);
});
