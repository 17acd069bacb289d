import process from "node:process";

/** What a user or the machine ends a program with; SIGHUP comes when its terminal closes. */
export const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What Open MPI passes on to its ranks, and gives them time for. */
const passedOn = "SIGUSR2";

/** A stop that a user asks for with Ctrl-C or a signal. */
export class Interrupt {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops as a signal would. */
  stop(): void {
    this.#controller.abort();
  }

  /**
   * From now on the first signal aborts, so that work is saved, and a second one ends the process at once. Until then any
   * signal does: it is the machine that ends the process, also in the middle of a long compilation.
   */
  listen(): void {
    const stop = () => {
      if (this.signal.aborted) process.exit(130);
      this.#controller.abort();
    };
    for (const name of [...signals, passedOn]) process.on(name, stop);
  }
}

/**
 * Aborts at the first signal from now on; a second one ends the process at once. For commands that have something to
 * save: all others let a signal end them, which it does in the middle of a compilation too.
 */
export function interruptSignal(): AbortSignal {
  const interrupt = new Interrupt();
  interrupt.listen();
  return interrupt.signal;
}
