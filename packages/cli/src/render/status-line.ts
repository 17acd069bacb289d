import process from "node:process";

/** Where progress goes: the terminal, or a pipe that gets plain lines. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * One line that is drawn again and again on a terminal. In a pipe it becomes plain lines, at most one every
 * `everyMs`, so that a log stays readable.
 */
export class StatusLine {
  readonly #screen: Screen;
  readonly #everyMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  constructor(screen: Screen = process.stderr, everyMs = 5_000) {
    this.#screen = screen;
    this.#everyMs = everyMs;
  }

  /** Shows `text`. `isKept` prints a plain line even if one was printed a moment ago. */
  update(text: string, isKept = false): void {
    if (this.#screen.isTTY) {
      const width = (this.#screen.columns ?? 80) - 1;
      this.#screen.write(`\r\u001b[2K${[...text].slice(0, width).join("")}`);
      this.#isDrawn = true;
      return;
    }
    const nowMs = performance.now();
    if (!isKept && nowMs - this.#lastMs < this.#everyMs) return;
    this.#lastMs = nowMs;
    this.#screen.write(`${text}\n`);
  }

  /** Prints a line that stays, above the status line. */
  print(text: string): void {
    this.clear();
    this.#screen.write(`${text}\n`);
  }

  /** Takes the status line off a terminal; what was printed stays. */
  clear(): void {
    if (this.#isDrawn) this.#screen.write("\r\u001b[2K");
    this.#isDrawn = false;
  }
}
