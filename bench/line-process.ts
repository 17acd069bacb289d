import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { sideFailed } from "./errors.ts";

export interface LineProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A child that answers each line on its stdin with one JSON line. It ends when it is disposed of, or with us. */
export class LineProcess {
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaint = "";

  constructor(options: LineProcessOptions) {
    this.#name = options.name;
    this.#child = spawn(options.command, [...options.args], { env: options.env ?? process.env });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    this.#child.on("error", (error) => {
      this.#complaint += error.message;
    });
    this.#child.stdin.on("error", () => undefined); // a dead child is reported by `ask`
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Sends one line and returns the JSON object that answers it. */
  async ask<T extends object>(request: string): Promise<T> {
    this.#child.stdin.write(`${request}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) {
      await this.#ended();
      throw sideFailed(this.#name, this.#complaint.trim() || `it ended before it answered "${request}"`);
    }
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error !== undefined) throw sideFailed(this.#name, answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.stdin.end("quit\n");
    await this.#ended();
  }

  async #ended(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) await once(this.#child, "close");
  }
}
