import { createHash } from "node:crypto";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { SplitManifest } from "./manifest.ts";

/** Tokens that are gathered before they are written. */
const BUFFER = 2 ** 20;

/** Writes the tokens of a split to files of at most `shardTokens` each, and holds no more than a buffer of them. */
export class TokenWriter {
  readonly #folder: string;
  readonly #name: string;
  readonly #buffer: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly #shardTokens: number;
  readonly #files: SplitManifest["files"] = [];
  #filled = 0;
  #file: FileHandle | undefined;
  #hash = createHash("sha256");
  #tokens = 0;

  constructor(
    folder: string,
    name: "train" | "validation",
    { dtype, shardBytes }: { readonly dtype: "uint16" | "uint32"; readonly shardBytes: number },
  ) {
    this.#folder = folder;
    this.#name = name;
    this.#buffer = dtype === "uint16" ? new Uint16Array(BUFFER) : new Uint32Array(BUFFER);
    this.#shardTokens = Math.floor(shardBytes / this.#buffer.BYTES_PER_ELEMENT);
  }

  async append(tokens: Uint32Array): Promise<void> {
    for (let at = 0; at < tokens.length; ) {
      const room = Math.min(BUFFER - this.#filled, this.#shardTokens - this.#tokens - this.#filled);
      const part = tokens.subarray(at, at + room);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (part.length === room) await this.#flush();
    }
  }

  /** Writes what is left, and returns the files; one alone has no number in its name. Call it once. */
  async finish(): Promise<SplitManifest["files"]> {
    if (this.#filled > 0) await this.#flush();
    await this.#endShard();
    const [only, ...others] = this.#files;
    if (only === undefined || others.length > 0) return this.#files;
    const name = `${this.#name}.bin`;
    await rename(join(this.#folder, only.name), join(this.#folder, name));
    return [{ ...only, name }];
  }

  /** Closes the file that is open, where `finish` was never reached. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    this.#file ??= await open(join(this.#folder, this.#nextName()), "wx");
    const bytes = new Uint8Array(this.#buffer.buffer, 0, this.#filled * this.#buffer.BYTES_PER_ELEMENT);
    await this.#file.writeFile(bytes);
    this.#hash.update(bytes);
    this.#tokens += this.#filled;
    this.#filled = 0;
    if (this.#tokens === this.#shardTokens) await this.#endShard();
  }

  async #endShard(): Promise<void> {
    if (this.#file === undefined) return;
    await this.close();
    this.#files.push({ name: this.#nextName(), tokens: this.#tokens, sha256: this.#hash.digest("hex") });
    this.#hash = createHash("sha256");
    this.#tokens = 0;
  }

  #nextName(): string {
    return `${this.#name}-${String(this.#files.length).padStart(4, "0")}.bin`;
  }
}
