import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";

/** What a server does with one file instead of sending it. */
interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** End the connection after so many bytes. */
  readonly cutAt?: number;
  /** Send so many bytes, then nothing any more. */
  readonly hangAt?: number;
}

/** Files of a folder over HTTP, and what was asked for. */
export interface StaticServer extends AsyncDisposable {
  /** The URL of the folder. */
  readonly url: string;
  /** Paths that were asked for, with their queries. */
  readonly asked: string[];
  /** By path below the folder. */
  readonly faults: Map<string, Fault>;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
};

/** Serves a folder on a free port of this machine. */
export async function serveFolder(folder: string): Promise<StaticServer> {
  const asked: string[] = [];
  const faults = new Map<string, Fault>();
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const path = normalize(pathname).slice(1);
    asked.push(path + search);
    const fault = faults.get(path) ?? {};
    const file = fault.body ?? (await readFile(join(folder, path)).catch(() => undefined));
    const body = Buffer.from(file ?? "");
    const status = fault.status ?? (file === undefined ? 404 : 200);
    const type = types[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    response.writeHead(status, { "Content-Length": body.length, "Content-Type": type, ...fault.headers });
    const end = fault.cutAt ?? fault.hangAt;
    if (end === undefined) return response.end(body);
    return response.write(body.subarray(0, end), () => {
      if (fault.cutAt !== undefined) setTimeout(() => response.destroy(), 20);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    asked,
    faults,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
