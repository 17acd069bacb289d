import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SplitManifest } from "./manifest.ts";

/** Tokens that are gathered before they are written. */
const BUFFER = 2 ** 20;

/** What of a split is written: whole files, and the beginning of the one after them. */
export interface Written {
  readonly files: SplitManifest["files"];
  readonly open?: { readonly tokens: number; readonly sha256: string } | undefined;
}

/** Writes the tokens of a split to files of at most `shardTokens` each, and holds no more than a buffer of them. */
export class TokenWriter {
  readonly #folder: string;
  readonly #name: string;
  readonly #buffer: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly #shardTokens: number;
  readonly #files: SplitManifest["files"] = [];
  /** Bytes of a token. */
  readonly #width: number;
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
    this.#width = this.#buffer.BYTES_PER_ELEMENT;
    this.#shardTokens = Math.floor(shardBytes / this.#width);
  }

  /** Goes on from what `progress` said; false where the files are not what they were then. Call it first, if at all. */
  async restore({ files, open: last }: Written): Promise<boolean> {
    for (const { name, tokens, sha256 } of files) {
      const hash = await hashOf(join(this.#folder, name), tokens * this.#width);
      if (hash?.digest("hex") !== sha256) return false;
    }
    this.#files.push(...files);
    const next = join(this.#folder, this.#nextName());
    if (last === undefined) {
      await rm(next, { force: true });
      return true;
    }
    const hash = await hashOf(next, last.tokens * this.#width);
    if (hash?.copy().digest("hex") !== last.sha256 || hash === undefined) return false;
    this.#file = await open(next, "r+");
    await this.#file.truncate(last.tokens * this.#width);
    this.#hash = hash;
    this.#tokens = last.tokens;
    return true;
  }

  /** Writes all tokens so far, and says what is written. */
  async progress(): Promise<Written> {
    if (this.#filled > 0) await this.#flush();
    const sha256 = this.#hash.copy().digest("hex");
    return {
      files: [...this.#files],
      ...(this.#file === undefined ? {} : { open: { tokens: this.#tokens, sha256 } }),
    };
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
    const bytes = new Uint8Array(this.#buffer.buffer, 0, this.#filled * this.#width);
    await writeAt(this.#file, bytes, this.#tokens * this.#width);
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

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** The hash of the first bytes of a file; nothing where it has not as many. */
async function hashOf(path: string, bytes: number): Promise<Hash | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const hash = createHash("sha256");
    const chunk = new Uint8Array(BUFFER);
    for (let at = 0; at < bytes; ) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, bytes - at), at);
      if (bytesRead === 0) return undefined;
      hash.update(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash;
  } finally {
    await file.close();
  }
}
