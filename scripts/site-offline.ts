// The guide without a network: a service worker keeps it, the one that the studio has, with a list of its own.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

const script = "service-worker.js";

/** Files of a site that are kept when any page of it was opened: the guide, and what its pages look like. The reference is kept page by page. */
const isOfGuide = (file: string): boolean => /^(index\.html|(documents|assets|media)\/.+)$/.test(file);

/** Gives every page of the site beside the studio a service worker, which keeps the guide and each page that was read. */
export async function keepGuide(out: string): Promise<void> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const all = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(out, join(entry.parentPath, entry.name)).replaceAll(sep, "/"));
  for (const file of all.filter((one) => one.endsWith(".html") && !one.startsWith("studio/"))) {
    const up = "../".repeat(file.split("/").length - 1);
    const call = `addEventListener("load",()=>navigator.serviceWorker?.register("${up}${script}").catch(()=>{}))`;
    const text = await readFile(join(out, file), "utf8");
    await writeFile(join(out, file), text.replace("</head>", `<script>${call}</script></head>`));
  }
  const files = all.filter(isOfGuide).sort();
  const [, code] = (await readFile(join(out, "studio", script), "utf8")).split(/^globalThis\.BUILD = .*;\n/);
  if (code === undefined) throw new Error(`studio/${script} has no build to put the guide's in the place of`);
  const hash = createHash("sha256").update(code);
  for (const file of files) hash.update(file).update(await readFile(join(out, file)));
  const build = { version: hash.digest("hex").slice(0, 16), files, runtime: [] };
  await writeFile(join(out, script), `globalThis.BUILD = ${JSON.stringify(build)};\n${code}`);
}
