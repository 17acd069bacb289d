import { unzipSync, zipSync } from "fflate";
import { PlainError } from "../engine/plain-words.ts";

/** A run's files as a ZIP with one folder, to be unpacked and continued with `gyre train --resume`. */
export function packRun(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const entries = [...files].map(([path, bytes]) => [`${name}/${path}`, bytes] as const);
  // weights do not compress
  return zipSync(Object.fromEntries(entries), { level: 0 });
}

/** The files of a run that was packed, here or elsewhere, by their paths in it. Throws where there is none. */
export function unpackRun(zip: Uint8Array): ReadonlyMap<string, Uint8Array> {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(zip);
  } catch (cause) {
    throw new PlainError("This file is no ZIP, or it is damaged.", "Download the run again.", { cause });
  }
  return filesOfRun(new Map(Object.entries(entries)));
}

/** The files below the folder that holds a run's config.json. Throws where there is none. */
export function filesOfRun(all: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const configs = [...all.keys()].filter((path) => /(^|\/)config\.json$/.test(path));
  const config = configs.sort((a, b) => a.length - b.length)[0];
  if (config === undefined)
    throw new PlainError("There is no run in it.", "A run is a folder with a config.json.");
  const folder = config.slice(0, -"config.json".length);
  const own = [...all].filter(([path]) => path.startsWith(folder) && !path.endsWith("/"));
  return new Map(own.map(([path, bytes]) => [path.slice(folder.length), bytes]));
}

/** Where the text of a run lies that did not come with it; undefined where nothing is missing. */
export function missingText(run: ReadonlyMap<string, Uint8Array>): string | undefined {
  if (run.has("data/manifest.json")) return undefined;
  try {
    const config = JSON.parse(new TextDecoder().decode(run.get("config.json"))) as {
      kind?: unknown;
      data?: { path?: unknown };
    };
    return config.kind === "text" ? String(config.data?.path ?? "data") : undefined;
  } catch {
    // whoever opens the run says what is wrong with it
    return undefined;
  }
}

/** A run with the dataset that it was trained on, from its own folder. Throws where that is none. */
export function withText(
  run: ReadonlyMap<string, Uint8Array>,
  all: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  const manifest = [...all.keys()].find((path) => /(^|\/)manifest\.json$/.test(path));
  if (manifest === undefined)
    throw new PlainError("There is no dataset in it.", "Choose the folder that gyre prepare wrote.");
  const folder = manifest.slice(0, -"manifest.json".length);
  const own = [...all].filter(([path]) => path.startsWith(folder));
  return new Map([
    ...run,
    ...own.map(([path, bytes]) => [`data/${path.slice(folder.length)}`, bytes] as const),
  ]);
}
