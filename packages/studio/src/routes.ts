import type { Component } from "svelte";

/** A page of the studio; its code is loaded when it is opened. */
export interface Route {
  readonly path: string;
  readonly title: string;
  /** Whether a worker computes for it. */
  readonly hasWorker?: true;
  readonly load: () => Promise<{ readonly default: Component }>;
}

export const routes: readonly Route[] = [
  { path: "shuffle", title: "Shuffle", hasWorker: true, load: () => import("./pages/shuffle.svelte") },
  { path: "dial", title: "Dial", hasWorker: true, load: () => import("./pages/dial.svelte") },
  { path: "in-context", title: "In context", load: () => import("./pages/in-context.svelte") },
  { path: "train", title: "Train", hasWorker: true, load: () => import("./pages/train.svelte") },
  { path: "runs", title: "Runs", load: () => import("./pages/runs.svelte") },
];

/** The route of a hash like `#/train`; the first one where there is none. */
export function routeOf(hash: string, all: readonly Route[] = routes): Route {
  const [path] = hash.replace(/^#\/?/, "").split("?");
  return all.find((route) => route.path === path) ?? (all[0] as Route);
}
