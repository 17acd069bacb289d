// `npm run site [-- FOLDER]`: the guide (docs/), the reference (docstrings) and the studio as one static site, with every
// link checked.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Application, Converter, type DocumentReflection } from "typedoc";
import { keepGuide } from "./site-offline.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Names a page of the guide after its first heading, and writes the site. Warnings count as errors. */
async function writeSite(out: string): Promise<void> {
  const app = await Application.bootstrapWithPlugins({ options: join(root, "typedoc.json"), out });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context: unknown, page: DocumentReflection) => {
    const heading = page.content
      .map(({ text }) => text)
      .join("")
      .match(/^# (.*)\n+/);
    if (!heading)
      throw new Error(`${page.name} has no heading; every page of the guide begins with "# Title"`);
    page.name = heading[1] as string;
    // the site writes the title itself
    const [first] = page.content;
    if (first) first.text = first.text.replace(/^# .*\n+/, "");
  });
  const project = await app.convert();
  if (!project) throw new Error("the reference could not be read");
  for (const entry of project.children ?? [])
    entry.name = entry.name === "index" ? "gyre" : `gyre/${entry.name}`;
  app.validate(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error("see the warnings above");
  await app.generateDocs(project, out);
}

const decoded = (text: string) => decodeURIComponent(text.replaceAll("&amp;", "&"));

/** Links of pages under `site` that lead nowhere within it, as `page -> link`. */
export async function brokenLinks(site: string): Promise<string[]> {
  const entries = await readdir(site, { recursive: true, withFileTypes: true });
  const files = new Set(
    entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)),
  );
  const pages = [...files].filter((file) => file.endsWith(".html"));
  const texts = new Map(
    await Promise.all(pages.map(async (page) => [page, await readFile(page, "utf8")] as const)),
  );
  const anchors = new Map(
    [...texts].map(([page, text]) => [
      page,
      new Set([...text.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => id)),
    ]),
  );
  return pages.flatMap((page) => {
    const links = (texts.get(page) ?? "").matchAll(/\s(?:href|src)="([^"]*)"/g);
    return [...new Set([...links].map(([, link]) => link as string))]
      .filter((link) => !/^([a-z]+:|\/\/)/.test(link) && !leads(page, decoded(link)))
      .map((link) => `${relative(site, page)} -> ${link}`);
  });

  function leads(page: string, link: string): boolean {
    const [path = "", anchor] = link.replace(/\?.*$/, "").split("#");
    const file = path === "" ? page : resolve(dirname(page), path);
    const target = [file, join(file, "index.html")].find((candidate) => files.has(candidate));
    if (!target) return false;
    return !anchor || !anchors.has(target) || (anchors.get(target)?.has(anchor) ?? false);
  }
}

/** Puts the studio beside the title of every page. */
async function linkStudio(out: string): Promise<void> {
  for (const file of await readdir(out, { recursive: true })) {
    if (!file.endsWith(".html") || file.startsWith("studio")) continue;
    const text = await readFile(join(out, file), "utf8");
    const linked = text.replace(/<a href="([./]*)index\.html" class="title">gyre<\/a>/, (title, up) => {
      return `${title}<a href="${up}studio/index.html" class="title">studio</a>`;
    });
    if (linked === text) throw new Error(`${file} has no title to put the studio beside`);
    await writeFile(join(out, file), linked);
  }
}

/** Says that a folder is a site that may be written anew. */
const marker = ".gyre-site";

async function main(): Promise<void> {
  const out = resolve(process.argv[2] ?? join(root, "site"));
  const there = await readdir(out).catch((): string[] => []);
  if (there.length > 0 && !there.includes(marker))
    throw new Error(`${out} holds something else; name a new or empty folder`);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await writeFile(join(out, marker), "");
  await writeSite(out);
  const studio = [
    "build",
    join(root, "packages/studio"),
    "--outDir",
    join(out, "studio"),
    "--logLevel",
    "warn",
  ];
  execFileSync(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), ...studio], {
    stdio: "inherit",
    // whatever the caller's says: another would build for development
    env: { ...process.env, NODE_ENV: "production" },
  });
  await linkStudio(out);
  await keepGuide(out);
  const broken = await brokenLinks(out);
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n  ${broken.join("\n  ")}`);
  const pages = (await readdir(out, { recursive: true })).filter((file) => file.endsWith(".html"));
  console.log(`${join(out, "index.html")}: ${pages.length} pages, every link leads somewhere`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
  });
}
