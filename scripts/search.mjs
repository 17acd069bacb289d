import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Runs every sweep of a folder, or those that are named, through `gyre sweep`: its trainings into `runs`/NAME, its report to
 * `results`/NAME.json. `gyre` starts the command line with words, and throws or ends the process where it fails.
 */
export function searchAll({ folder, names, runs, results, words, gyre }) {
  for (const name of names ?? sweepsIn(folder)) {
    const out = join(runs, name);
    gyre("sweep", join(folder, `${name}.json`), "--out", out, ...words);
    mkdirSync(results, { recursive: true });
    copyFileSync(join(out, "report.json"), join(results, `${name}.json`));
  }
}

/** The sweeps of a folder by name. */
export const sweepsIn = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => basename(file, ".json"))
    .sort();
