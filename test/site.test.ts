import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveFolder } from "../packages/gyre/test/runs/static-server.ts";
import { brokenLinks } from "../scripts/site.ts";
import { chromiumPath, openBrowser } from "./web/browser.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("../scripts/site.ts", import.meta.url));
const flags = ["--import", "tsx", "--conditions", "@gyre/source"];
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-site-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("finds links to pages and to places in them that are not there", async () => {
  const site = join(folder, "small");
  await mkdir(join(site, "inner"), { recursive: true });
  const links = [
    "inner",
    "inner/index.html#there",
    "inner/#gone",
    "lost.html",
    "#top",
    "https://example.org/lost",
  ];
  await writeFile(
    join(site, "index.html"),
    `<h1 id="top"></h1>${links.map((link) => `<a href="${link}"></a>`).join("")}<img src="lost.svg">`,
  );
  await writeFile(join(site, "inner/index.html"), '<p id="there"><a href="../index.html?q=1#top"></a></p>');
  expect(await brokenLinks(site)).toEqual([
    "index.html -> inner/#gone",
    "index.html -> lost.html",
    "index.html -> lost.svg",
  ]);
});

it("never replaces a folder that holds something else", async () => {
  const mine = join(folder, "mine");
  await mkdir(mine);
  await writeFile(join(mine, "notes.txt"), "mine");
  const { stderr } = await run(process.execPath, [...flags, script, mine]).catch((error) => error);
  expect(stderr).toContain(`${mine} holds something else; name a new or empty folder`);
  expect(await readdir(mine)).toEqual(["notes.txt"]);
});

it("is written whole: every export has a docstring, every link leads somewhere", async () => {
  const { stdout } = await run(process.execPath, [...flags, script, join(folder, "site")]);
  expect(stdout).toMatch(/: \d{3,} pages, every link leads somewhere\n$/);
  const pages = (await readdir(join(folder, "site"), { recursive: true })).filter((file) =>
    /^(?!studio\b).*\.html$/.test(file),
  );
  for (const page of pages)
    expect((await readFile(join(folder, "site", page), "utf8")).match(/<h1\b/g), page).toHaveLength(1);
}, 180_000);

it.skipIf(!chromiumPath)(
  "opens without a network, once loaded: the guide, and pages of the reference that were read",
  async () => {
    const server = await serveFolder(join(folder, "site"));
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`${server.url}index.html`);
      await page.waitForFunction("navigator.serviceWorker.controller !== null");
      await page.goto(`${server.url}functions/gyre.loopformer.html`);
      await page.context().setOffline(true);
      await server[Symbol.asyncDispose]();
      await page.reload();
      await page.getByRole("heading", { name: "loopformer" }).first().waitFor();
      await page.goto(`${server.url}documents/In_a_web_page.html`);
      await page.getByRole("heading", { name: "Without a bundler" }).first().waitFor();
      await expect(page.goto(`${server.url}functions/gyre.gpt.html`)).rejects.toThrow(/ERR_/);
    } finally {
      await browser.close();
    }
  },
);
