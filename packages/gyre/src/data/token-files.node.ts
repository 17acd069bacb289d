import { createHash } from "node:crypto";
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { badManifest, corruptFile } from "./errors.ts";
import { type DatasetManifest, MANIFEST, promptBitOf, type SplitManifest } from "./manifest.ts";
import type { TokenSplit } from "./windows.ts";

/** Where a file's tokens stand among those of its split. */
interface Shard {
  readonly descriptor: number;
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** Closes the files of a split that nobody can read from any more. */
const abandoned = new FinalizationRegistry((descriptors: readonly number[]) =>
  descriptors.forEach(closeSync),
);

/**
 * The tokens of a split, read from its files as they are asked for: none stay in memory, so a dataset may be larger.
 * The files stay open, so that a dataset that is replaced meanwhile reads as it was.
 */
export class TokenFiles implements TokenSplit {
  readonly length: number;
  readonly bytes: number;
  readonly vocab: number;
  readonly scored?: TokenSplit["scored"];
  readonly #width: 2 | 4;
  readonly #shards: readonly Shard[];

  /** Opens the files of a split and checks their sizes and checksums. Throws DATA_CORRUPT, DATA_MANIFEST. */
  static async open(folder: string, manifest: DatasetManifest, split: SplitManifest): Promise<TokenFiles> {
    const width = manifest.dtype === "uint16" ? 2 : 4;
    const shards: Shard[] = [];
    try {
      const total = split.files.reduce((sum, { tokens }) => sum + tokens, 0);
      if (total !== split.tokens)
        throw badManifest(join(folder, MANIFEST), "its files do not add up to its tokens");
      // every size before any checksum: a manifest may claim what is not there
      let start = 0;
      for (const { name, tokens } of split.files) {
        const path = join(folder, name);
        const descriptor = openChecked(path, tokens * width);
        shards.push({ descriptor, path, start, end: start + tokens });
        start += tokens;
      }
      for (const [at, { descriptor, path }] of shards.entries()) {
        if ((await checksumOf(descriptor)) !== split.files[at]?.sha256)
          throw corruptFile(path, "its checksum differs");
      }
    } catch (error) {
      for (const { descriptor } of shards) closeSync(descriptor);
      throw error;
    }
    return new TokenFiles(manifest, split, width, shards);
  }

  private constructor(
    { tokenizer, dtype, hasPrompts }: DatasetManifest,
    split: SplitManifest,
    width: 2 | 4,
    shards: readonly Shard[],
  ) {
    this.length = split.tokens;
    this.bytes = split.bytes;
    this.vocab = tokenizer.vocab;
    this.#width = width;
    this.#shards = shards;
    if (hasPrompts) {
      const bit = promptBitOf(dtype);
      this.read = (start, end) =>
        this.#stored(start, end).map((token) => (token < bit ? token : token - bit));
      this.scored = (start, end) => Uint8Array.from(this.#stored(start, end), (token) => Number(token < bit));
    }
    abandoned.register(
      this,
      shards.map(({ descriptor }) => descriptor),
    );
  }

  read: TokenSplit["read"] = (start, end) => this.#stored(start, end);

  /** As they are in the files. */
  #stored(start: number, end: number): Uint16Array | Uint32Array {
    const count = Math.max(0, end - start);
    const tokens = this.#width === 2 ? new Uint16Array(count) : new Uint32Array(count);
    const bytes = new Uint8Array(tokens.buffer);
    for (const shard of this.#shards) {
      const from = Math.max(start, shard.start);
      const to = Math.min(end, shard.end);
      if (from < to)
        readWhole(shard, bytes.subarray((from - start) * this.#width, (to - start) * this.#width), {
          position: (from - shard.start) * this.#width,
        });
    }
    return tokens;
  }
}

function openChecked(path: string, size: number): number {
  let descriptor: number;
  try {
    // without O_NONBLOCK, opening a pipe would wait for a writer
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch {
    throw corruptFile(path, "the file cannot be read");
  }
  const found = fstatSync(descriptor);
  if (found.isFile() && found.size === size) return descriptor;
  closeSync(descriptor);
  throw corruptFile(path, found.isFile() ? `${found.size} bytes, not ${size}` : "the file cannot be read");
}

function readWhole({ descriptor, path }: Shard, into: Uint8Array, { position }: { position: number }): void {
  for (let done = 0; done < into.length; ) {
    const count = readSync(descriptor, into, done, into.length - done, position + done);
    if (count === 0) throw corruptFile(path, "the file was cut short while it was in use");
    done += count;
  }
}

async function checksumOf(descriptor: number): Promise<string> {
  const hash = createHash("sha256");
  const chunks = createReadStream("", { fd: descriptor, autoClose: false, start: 0, highWaterMark: 2 ** 20 });
  for await (const chunk of chunks) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
