// Keeps the files of the studio, or of the guide, in the browser: once loaded, it works without a network. Models keep themselves (`fetchModel`).

/** What the build says of itself, in the first line of this file as it is written. */
interface Build {
  /** Of the files below: another build is another service worker. */
  readonly version: string;
  /** Files that every page needs. */
  readonly files: readonly string[];
  /** onnxruntime's, whose names say their version. */
  readonly runtime: readonly string[];
}

/** The side of a service worker that is used. */
interface Scope {
  readonly BUILD: Build;
  readonly location: { readonly origin: string };
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  readonly caches: CacheStorage;
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Asked) => void): void;
}
interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const worker = globalThis as unknown as Scope;
const { version, files, runtime } = worker.BUILD;
const { scope } = worker.registration;
const prefix = `gyre-site ${scope} `;
/** Files of this build. */
const own = `${prefix}${version}`;
/** Files whose names say their version, and that outlast a build. */
const lasting = `${prefix}lasting`;

worker.addEventListener("install", (event) => {
  event.waitUntil(Promise.all([keepFiles(), keepRuntime().catch(() => undefined)]));
});

async function keepFiles(): Promise<void> {
  const cache = await worker.caches.open(own);
  await cache.addAll(files.map((file) => new Request(file, { cache: "no-cache" })));
}

/** As the page has just fetched it; storage that is full keeps the rest of the site. */
async function keepRuntime(): Promise<void> {
  const cache = await worker.caches.open(lasting);
  for (const file of runtime) if (!(await cache.match(file))) await cache.add(file);
}

// A page of an older build goes on with that build's files: this one waits until the last such page is closed.
worker.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = request.url.startsWith(scope) ? request.url.slice(scope.length) : undefined;
  if (request.method !== "GET" || path === undefined || isOfOthers(path)) return;
  event.respondWith(isFixed(path) ? keptFirst(request, path) : networkFirst(request));
});

/** Models, runs, and the studio beside the guide, have caches of their own, or are of the server that is asked now. */
function isOfOthers(path: string): boolean {
  return /^(runs[./]|studio\/)/.test(path) || (path.startsWith("models/") && !path.endsWith("/report.json"));
}

/** Whether a file under this name never changes: its name has a checksum, or a version. */
const isFixed = (path: string) => path.startsWith("ort-") || /-[\w-]{8}\.(js|css)$/.test(path);

async function keptFirst(request: Request, path: string): Promise<Response> {
  const kept = await worker.caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  await keep(path.startsWith("ort-") ? lasting : own, request, response);
  return response;
}

/** A new build is seen as soon as the network has it. */
async function networkFirst(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    await keep(own, request, response);
    return response;
  } catch (error) {
    const isPage = request.mode === "navigate" && request.url.split(/[?#]/)[0] === scope;
    const asked = isPage ? `${scope}index.html` : request;
    const kept = await worker.caches.match(asked, { ignoreSearch: true, ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

/** Puts a copy aside; storage that is full takes nothing from the page. */
async function keep(cache: string, request: Request, response: Response): Promise<void> {
  if (!response.ok) return;
  const copy = response.clone();
  await worker.caches
    .open(cache)
    .then((open) => open.put(request, copy))
    .catch(() => undefined);
}

async function forgetOthers(): Promise<void> {
  const names = await worker.caches.keys();
  const others = names.filter((name) => name.startsWith(prefix) && name !== own && name !== lasting);
  await Promise.all(others.map((name) => worker.caches.delete(name)));
}
