// The script of a worker that computes for a page: `connectWorker` of gyre/web talks to it.
import { serveWorker, type WorkerScope } from "./serve.ts";

interface Scope extends WorkerScope {
  readonly document?: unknown;
  /** Threads of onnxruntime-web run the script that starts them again, under a name of their own. */
  readonly name?: string;
}

const scope = globalThis as unknown as Partial<Scope>;
const isWorker = "postMessage" in scope && "addEventListener" in scope && !("document" in scope);
if (isWorker && !scope.name?.startsWith("em-pthread")) serveWorker(scope as WorkerScope);
