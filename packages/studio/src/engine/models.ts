import type { ServedRun } from "../runs/served-run.ts";

/** The folders of models/ that the site was built with. */
declare const STUDIO_MODELS: readonly string[];

/** The model that follows shuffled cups. */
export const shuffleModel = "shuffle";
/** The model that writes, where one is shipped. */
export const textModel = "dial";

/** Where a shipped model lies; undefined where this site was built without it. */
export function modelUrl(name: string): string | undefined {
  return STUDIO_MODELS.includes(name) ? new URL(`models/${name}/`, document.baseURI).href : undefined;
}

/** The runs that `gyre studio RUN...` was started with; none on another server. */
export async function servedRuns(): Promise<readonly ServedRun[]> {
  const response = await fetch(new URL("runs.json", document.baseURI));
  return response.ok ? ((await response.json()) as ServedRun[]) : [];
}
