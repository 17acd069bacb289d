import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { listRuns, type RunSummary, type UnreadableRun } from "gyre/node";
import { noStudio, studioPort } from "./errors.ts";

/** The studio as it is built: it comes with the package. */
const builtSite = fileURLToPath(new URL("../site/", import.meta.url));

export interface StudioOptions {
  /** The built site; the package's own by default. */
  readonly site?: string;
  /** Runs, or folders of runs. */
  readonly runs: readonly string[];
  /** 0 for a free one. */
  readonly port: number;
}

export interface Studio extends AsyncDisposable {
  readonly url: string;
}

/** A run as the page knows it: its files are at `url`, seen from the page. */
type ListedRun = (RunSummary | UnreadableRun) & {
  readonly name: string;
  readonly url: string;
  /** Names of its reports, without `.json`. */
  readonly reports: readonly string[];
};

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** A page may have threads only when it is cross-origin isolated. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Serves the studio to this machine: the site, the list of runs at runs.json, and their files below runs/. Throws
 * STUDIO_BUILD where the site was not built, STUDIO_PORT where the port is taken, and CHECKPOINT_READ for a folder that is not there.
 */
export async function serveStudio({ site = builtSite, runs, port }: StudioOptions): Promise<Studio> {
  if (!(await stat(join(site, "index.html")).catch(() => undefined))) throw noStudio(site);
  const listed = async () => named((await Promise.all(runs.map((run) => listRuns(run)))).flat());
  await listed();
  const server = createServer((request, response) => {
    answer(request, response, { site, listed }).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise<void>((done, fail) => {
    server.once("error", (cause) => fail(studioPort(port, cause)));
    server.listen(port, "127.0.0.1", done);
  });
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${own}/`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Served {
  readonly site: string;
  readonly listed: () => Promise<readonly ListedRun[]>;
}

async function answer(
  { method, headers, url = "/" }: IncomingMessage,
  response: ServerResponse,
  { site, listed }: Served,
): Promise<void> {
  // a page elsewhere may have a name that leads here
  const isOwn = /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(headers.host ?? "");
  if (!isOwn || !["GET", "HEAD"].includes(method ?? "")) return refuse(response, isOwn ? 405 : 403);
  const path = pathOf(url);
  if (path === undefined) return refuse(response, 404);
  if (path === "runs.json") {
    const body = JSON.stringify(await listed());
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      ...isolation,
    });
    response.end(body);
    return;
  }
  const [first, name, ...rest] = path.split("/");
  const run = first === "runs" ? (await listed()).find((one) => one.name === name) : undefined;
  const file =
    first === "runs" ? run && within(run.path, rest.join("/")) : within(site, path || "index.html");
  if (file === undefined) return refuse(response, 404);
  await sendFile(file, response);
}

/** The path of a request without its first slash, or undefined where it is none. */
function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url, "http://localhost").pathname).slice(1);
  } catch {
    return undefined;
  }
}

/** A file of a folder; undefined for what is hidden or outside of it. */
function within(folder: string, path: string): string | undefined {
  const file = resolve(folder, path);
  const isHidden = path.split(/[/\\]/).some((part) => part.startsWith("."));
  return file.startsWith(resolve(folder) + sep) && !isHidden ? file : undefined;
}

async function sendFile(file: string, response: ServerResponse): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return refuse(response, 404);
  // names with a checksum or a version never change
  const isFixed = /-[\w-]{8}\.(js|css)$|\/ort-[\d.]+\/[^/]+$/.test(file.replaceAll(sep, "/"));
  response.writeHead(200, {
    "Content-Type": types[extname(file)] ?? "application/octet-stream",
    "Content-Length": found.size,
    "Cache-Control": isFixed ? "max-age=31536000, immutable" : "no-cache",
    ...isolation,
  });
  await pipeline(createReadStream(file), response);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, isolation);
  response.end();
}

/** Runs by the names of their folders; where two have one name, by their place in the list as well. */
async function named(runs: readonly (RunSummary | UnreadableRun)[]): Promise<ListedRun[]> {
  const names = runs.map(({ path }) => basename(resolve(path)));
  return await Promise.all(
    runs.map(async (run, index) => {
      const own = names[index] as string;
      const name = names.indexOf(own) === index ? own : `${own}-${index + 1}`;
      const reports = await reportsOf(run.path);
      return { ...run, name, url: `runs/${encodeURIComponent(name)}/`, reports };
    }),
  );
}

async function reportsOf(run: string): Promise<string[]> {
  const files = await readdir(join(run, "reports")).catch(() => []);
  const names = files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
  return names.filter((name) => name !== "latest").sort();
}
