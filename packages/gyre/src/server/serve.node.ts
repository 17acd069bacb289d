import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { basename, resolve } from "node:path";
import { loadCalibration } from "../runs/calibration.node.ts";
import { depthWarning } from "../runs/config.ts";
import { openRun } from "../runs/run.node.ts";
import { loadTokenizer } from "../runs/tokenizer.node.ts";
import type { WhichWeights } from "../runs/weights.node.ts";
import type { DeviceChoice } from "../runtime/devices.node.ts";
import { type App, createApp } from "./app.ts";
import { cannotListen, sameModelName } from "./errors.ts";
import type { OnFault } from "./faults.ts";
import { hostName, ownHosts } from "./hosts.ts";
import { Lifecycle, timerMs } from "./lifecycle.ts";
import type { RequestRecord } from "./log.ts";
import { prometheus } from "./metrics.node.ts";
import { ModelWorker } from "./model-worker.node.ts";
import { defaultLimits, type Limits, serveDefaults } from "./options.ts";
import { loadNodeServer, loadPrometheus } from "./packages.node.ts";
import { loadHono } from "./packages.ts";
import type { ServedModel } from "./plan.ts";
import { modelKey } from "./served-run.node.ts";

/** How `serve` listens, and for whom. */
export interface ServeOptions {
  /** What to listen on: 127.0.0.1 by default, this machine only. */
  readonly host?: string;
  /** Other names of this server, that requests without a key may be sent to beside `host` and localhost. */
  readonly hostNames?: readonly string[];
  /** 8080 by default; 0 takes any free one. */
  readonly port?: number;
  /** Streams that share a call; 16 by default. */
  readonly slots?: number;
  /** Draft with few loops where `gyre calibrate` found that it pays; off by default, for drafts share no calls. */
  readonly draft?: "auto" | "none";
  /** Moving averages where a run keeps them, by default. */
  readonly weights?: WhichWeights;
  /** Where models compute; the CPU by default. */
  readonly device?: DeviceChoice | undefined;
  /** Threads of each model; all cores by default. */
  readonly threads?: number;
  readonly limits?: Partial<Limits>;
  readonly apiKey?: string;
  readonly corsOrigin?: string;
  /** Told of every request once it has been answered: a log, with nothing of prompts and texts. */
  readonly onRequest?: (record: RequestRecord) => void;
  /** Told of faults of the server itself, and of workers that ended. */
  readonly onFault?: OnFault;
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
 * openRun, loadTokenizer and loadWeights do, SERVE_MODELS, SERVE_PACKAGES, SERVE_WORKER or SERVE_LISTEN.
 */
export async function serve(runs: readonly string[], options: ServeOptions = {}): Promise<RunningServer> {
  const { port = serveDefaults.port } = options;
  const host = (options.host ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  checkNames(runs);
  // A package that is missing is found before any model is loaded.
  await Promise.all([loadHono(), loadNodeServer(), loadPrometheus()]);
  const workers: ModelWorker[] = [];
  try {
    const models: ServedModel[] = [];
    for (const path of runs) models.push(await openModel(path, options, workers));
    const lifecycle = new Lifecycle();
    const isOwnHost = ownNames(host, options.hostNames);
    const metrics = await prometheus(models);
    const app = await createApp({ ...options, models, lifecycle, metrics, isOwnHost });
    const server = await httpServer(app, options.limits?.seconds ?? defaultLimits.seconds);
    await listen(server, host, port);
    let closing: Promise<void> | undefined;
    const close = (drainSeconds: number) => {
      closing ??= closeAll(server, lifecycle, workers, drainSeconds);
      return closing;
    };
    const { port: taken } = server.address() as AddressInfo;
    return {
      url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${taken}`,
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

/** For a request's headers, and for all of it, to arrive. */
const HEADERS_SECONDS = 10;
const ARRIVAL_SECONDS = 30;
/** Between looks for requests that take longer than that to arrive. */
const CHECK_SECONDS = 1;

async function httpServer(app: App, answerSeconds: number): Promise<Server> {
  const { createAdaptorServer } = await loadNodeServer();
  const serverOptions = {
    headersTimeout: 1000 * HEADERS_SECONDS,
    requestTimeout: 1000 * ARRIVAL_SECONDS,
    connectionsCheckingInterval: 1000 * CHECK_SECONDS,
  };
  const fetch = (request: Request) => app.fetch(request);
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false, serverOptions }) as Server;
  // A client that stops reading holds its connection no longer than a request may take.
  server.setTimeout(timerMs(ARRIVAL_SECONDS + answerSeconds));
  return server;
}

/** The names that requests may be sent to. To listen on every address means the machine's own ones too. */
function ownNames(host: string, others: readonly string[] = []): (name: string) => boolean {
  const isNamed = ownHosts([host, ...others]);
  if (host !== "0.0.0.0" && host !== "::") return isNamed;
  return (name) => isNamed(name) || ownAddresses().some((address) => hostName(address) === name);
}

/** Asked anew each time, for addresses come and go; a name is none, whatever it points to. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));
}

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
  { slots = 16, threads, device, draft, weights, onFault }: ServeOptions,
  workers: ModelWorker[],
): Promise<ServedModel> {
  const run = await openRun(path);
  const tokenizer = await loadTokenizer(run);
  const engine = await ModelWorker.open(
    { path, model: modelKey(run), slots, threads, device, weights },
    onFault,
  );
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

async function listen(server: Server, host: string, port: number): Promise<void> {
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
