import { disconnected, shuttingDown, tooLate } from "./errors.ts";

/** Node's longest timer; a longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Seconds as a timer takes them. */
export const timerMs = (seconds: number): number => Math.min(1000 * seconds, LONGEST_TIMER_MS);

/** The requests that are being answered: each has a time limit, and all of them can be waited for. */
export class Lifecycle {
  /** No new request is taken. */
  isDraining = false;
  readonly #open = new Set<AbortController>();
  #onIdle = () => {};

  /** Requests that are being answered. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * Yields what `answer` yields. The signal that it gets aborts, with the refusal as its reason, when the client
   * disconnects, the time is over or the server wants to end. Throws SHUTTING_DOWN.
   */
  async *track<T>(
    client: AbortSignal,
    seconds: number,
    answer: (signal: AbortSignal) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    if (this.isDraining) throw shuttingDown();
    const controller = new AbortController();
    const leave = () => controller.abort(disconnected());
    const timer = setTimeout(() => controller.abort(tooLate(seconds)), timerMs(seconds));
    // At once when it aborts, not when the reader asks for more: it may never do so.
    const close = () => {
      clearTimeout(timer);
      client.removeEventListener("abort", leave);
      this.#open.delete(controller);
      if (this.#open.size === 0) this.#onIdle();
    };
    this.#open.add(controller);
    controller.signal.addEventListener("abort", close);
    client.addEventListener("abort", leave);
    if (client.aborted) leave();
    try {
      yield* answer(controller.signal);
    } finally {
      close();
    }
  }

  /** Takes no more requests and waits for those that are open; after `seconds` they are refused. */
  async drain(seconds: number): Promise<void> {
    this.isDraining = true;
    if (this.#open.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const timer = setTimeout(() => {
      for (const controller of [...this.#open]) controller.abort(shuttingDown());
    }, timerMs(seconds));
    await idle;
    clearTimeout(timer);
  }
}
