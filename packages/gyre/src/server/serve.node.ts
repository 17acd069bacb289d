import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, resolve } from "node:path";
import { createAdaptorServer, type ServerType } from "@hono/node-server";
import { depthWarning, loadCalibration, loadTokenizer, openRun } from "../runs/run.node.ts";
import { createApp, defaultLimits, type Limits } from "./app.ts";
import { cannotListen, sameModelName } from "./errors.ts";
import { Lifecycle } from "./lifecycle.ts";
import { prometheus } from "./metrics.node.ts";
import { ModelWorker } from "./model-worker.node.ts";
import type { ServedModel } from "./plan.ts";

export interface ServeOptions {
  /** 127.0.0.1 by default: this machine only. */
  readonly host?: string;
  /** 8080 by default; 0 takes any free one. */
  readonly port?: number;
  /** Streams that share a call; 16 by default. */
  readonly slots?: number;
  /** Draft with few loops where `gyre calibrate` found that it pays; off by default, for drafts share no calls. */
  readonly draft?: "auto" | "none";
  /** Threads of each model; all cores by default. */
  readonly threads?: number;
  readonly limits?: Partial<Limits>;
  readonly apiKey?: string;
  readonly corsOrigin?: string;
  readonly onFault?: (error: unknown) => void;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly models: readonly ServedModel[];
  /** What was found damaged on the way to the weights. */
  readonly warnings: readonly string[];
  /** Takes no more requests, finishes those it has (or refuses them after `drainSeconds`), and lets go of all. */
  close(drainSeconds: number): Promise<void>;
}

/**
 * Serves runs over HTTP, each computed in a thread of its own; a model's id is its folder's name. Throws what
 * openRun, loadTokenizer and loadWeights do, SERVE_MODELS, SERVE_WORKER or SERVE_LISTEN.
 */
export async function serve(runs: readonly string[], options: ServeOptions = {}): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 8080 } = options;
  checkNames(runs);
  const workers: ModelWorker[] = [];
  try {
    const models: ServedModel[] = [];
    for (const path of runs) models.push(await openModel(path, options, workers));
    const lifecycle = new Lifecycle();
    const app = createApp({ ...options, models, lifecycle, metrics: prometheus(models) });
    const serverOptions = { headersTimeout: 10_000, requestTimeout: 1000 * ARRIVAL_SECONDS };
    const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false, serverOptions });
    // A client that stops reading holds its connection no longer than a request may take.
    (server as Server).setTimeout(
      1000 * (ARRIVAL_SECONDS + (options.limits?.seconds ?? defaultLimits.seconds)),
    );
    await listen(server, host, port);
    let closing: Promise<void> | undefined;
    const close = (drainSeconds: number) => {
      closing ??= closeAll(server as Server, lifecycle, workers, drainSeconds);
      return closing;
    };
    const { port: taken } = server.address() as AddressInfo;
    return {
      url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
      models,
      warnings: workers.flatMap(({ warnings }) => warnings),
      close,
      [Symbol.asyncDispose]: () => close(0),
    };
  } catch (error) {
    await dispose(workers);
    throw error;
  }
}

/** For a request's body to arrive. */
const ARRIVAL_SECONDS = 30;

function checkNames(runs: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const path of runs) {
    const name = basename(resolve(path));
    const other = seen.get(name);
    if (other !== undefined) throw sameModelName(name, [other, path]);
    seen.set(name, path);
  }
}

async function openModel(
  path: string,
  { slots = 16, threads, draft }: ServeOptions,
  workers: ModelWorker[],
): Promise<ServedModel> {
  const run = await openRun(path);
  const tokenizer = await loadTokenizer(run);
  const engine = await ModelWorker.open({ path, slots, threads });
  workers.push(engine);
  const created = Math.floor(Date.now() / 1000);
  const calibration = draft === "auto" ? await loadCalibration(run) : undefined;
  const best = calibration?.best;
  const warning = depthWarning(run.config, false);
  return {
    id: basename(resolve(path)),
    spec: run.config.spec,
    tokenizer,
    engine,
    created,
    slots,
    ...(warning === undefined ? {} : { depthWarning: warning }),
    ...(calibration && best ? { drafting: { loops: calibration.loops, draft: best } } : {}),
  };
}

async function listen(server: ServerType, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    throw cannotListen(`${host}:${port}`, cause);
  }
}

/** Between looks for connections that are idle by now. */
const LOOK_MS = 20;
/** For answers that are done to reach slow clients. */
const LAST_BYTES_MS = 2000;

async function closeAll(
  server: Server,
  lifecycle: Lifecycle,
  workers: readonly ModelWorker[],
  drainSeconds: number,
): Promise<void> {
  const closed = once(server, "close");
  server.close();
  await lifecycle.drain(drainSeconds);
  const look = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  const end = setTimeout(() => server.closeAllConnections(), LAST_BYTES_MS);
  await closed;
  clearInterval(look);
  clearTimeout(end);
  await dispose(workers);
}

async function dispose(workers: readonly ModelWorker[]): Promise<void> {
  for (const worker of workers) await worker[Symbol.asyncDispose]();
}
