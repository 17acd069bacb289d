import { GyreError, reasonOf } from "../util/errors.ts";
import type { Request, Response, SentError } from "./protocol.ts";
import { type Doing, Session } from "./session.ts";

/** The side of a worker that its script sees. */
export interface WorkerScope {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: Request }) => void): void;
}

/** The longest that the page's messages wait, in milliseconds. */
const LONGEST_WAIT = 16;

/** Answers a page's calls, one after another. */
export function serveWorker(scope: WorkerScope): void {
  const session = new Session();
  const signals = new Map<number, AbortController>();
  let last: Promise<void> = Promise.resolve();
  const answer = (response: Response) => scope.postMessage(response);
  scope.addEventListener("message", ({ data: request }) => {
    const { id } = request;
    if ("abort" in request) return signals.get(id)?.abort();
    const controller = new AbortController();
    signals.set(id, controller);
    last = last.then(async () => {
      try {
        controller.signal.throwIfAborted();
        const breathe = breather();
        const tell = async (event: unknown) => {
          if (event !== undefined) answer({ id, event } as Response);
          await breathe();
        };
        answer({
          id,
          value: await perform(session, request, { signal: controller.signal, tell }),
        } as Response);
      } catch (error) {
        answer({ id, error: sent(error) });
      } finally {
        signals.delete(id);
      }
    });
  });
}

/** Calls the session's method of that name. */
function perform(session: Session, request: Extract<Request, { call: unknown }>, doing: Doing<unknown>) {
  const { call, given } = request;
  const method = session[call] as (given: unknown, doing: Doing<unknown>) => Promise<unknown>;
  return method.call(session, given, doing);
}

/** Lets messages in once in a while: promises that are awaited never do. */
function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < LONGEST_WAIT) return;
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      (port1 as { onmessage?: unknown }).onmessage = resolve;
      port2.postMessage(0);
    });
    port1.close();
    since = performance.now();
  };
}

function sent(error: unknown): SentError {
  if (!(error instanceof GyreError)) return { message: reasonOf(error) };
  const { message, code, detail } = error;
  return { message, code, detail };
}
