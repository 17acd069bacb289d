import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { sha256Soon } from "../util/checksum.ts";
import { GyreError, reasonOf } from "../util/errors.ts";
import { brokenDownload, fetchedOther, fetchMemory, fetchStatus, fetchUnreachable } from "./errors.ts";

/** Where fetched files are kept: the part of the browser's `Cache` that is used. */
export interface FileStore {
  /** What is kept under an address. */
  match(url: string): Promise<Response | undefined>;
  /** Keeps a response under an address. */
  put(url: string, response: Response): Promise<unknown>;
}

/** How far a file has come. */
export interface FetchProgress {
  readonly url: string;
  readonly loadedBytes: number;
  /** Undefined where the server does not say it, or compresses the file. */
  readonly totalBytes: number | undefined;
  /** Whether the file comes from the cache. */
  readonly isCached: boolean;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly store?: FileStore | undefined;
}

type Tell = (loadedBytes: number, totalBytes: number | undefined) => void;

/**
 * The files of one folder behind a URL. The first file decides where they come from: all from the network or, where that
 * cannot be reached, all from the store. A file of a known checksum always comes from the store when it is there.
 */
export class Downloads {
  readonly #folder: URL;
  readonly #options: DownloadOptions;
  #source: "network" | "store" | undefined;
  /** What came over the network, to be kept. */
  readonly #fresh = new Map<string, Uint8Array>();

  constructor(folder: URL, options: DownloadOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** The URL of a file; a query of the folder's, such as a signature, goes with each. */
  urlOf(path: string): string {
    const url = new URL(path, this.#folder);
    url.search = this.#folder.search;
    return url.href;
  }

  /** The bytes of a file. Throws as `find`, and FETCH_STATUS when it is not there. */
  async read(path: string, checksum?: string): Promise<Uint8Array> {
    const found = await this.find(path, checksum);
    if (typeof found === "string") throw fetchStatus(this.urlOf(path), found);
    return found;
  }

  /**
   * The bytes of a file or, where there is none, the server's answer in words. Throws FETCH_UNREACHABLE, FETCH_STATUS,
   * FETCH_BROKEN, FETCH_CHECKSUM, FETCH_MEMORY, and the signal's reason once it is aborted.
   */
  async find(path: string, checksum?: string): Promise<Uint8Array | string> {
    const url = this.urlOf(path);
    this.#options.signal?.throwIfAborted();
    if (checksum !== undefined || this.#source === "store") {
      const stored = await this.#stored(url, checksum);
      if (stored) return stored;
      if (this.#source === "store") return "not in the cache, and the network cannot be reached";
    }
    const response = await this.#ask(url);
    if (response === undefined) {
      this.#source = "store";
      return this.find(path, checksum);
    }
    this.#source = "network";
    const problem = await problemOf(response, url);
    if (problem !== undefined) return problem;
    const bytes = await this.#body(response, url);
    const actual = checksum === undefined ? undefined : await sha256Soon(bytes);
    if (actual !== checksum) throw fetchedOther(url, String(actual), String(checksum));
    this.#fresh.set(url, bytes);
    return bytes;
  }

  /** Puts what was downloaded into the store, and returns what went wrong with that, in words. */
  async keep(): Promise<readonly string[]> {
    const { store } = this.#options;
    if (!store) return [];
    try {
      for (const [url, bytes] of this.#fresh)
        await store.put(url, new Response(new Blob([bytes as Uint8Array<ArrayBuffer>])));
      return [];
    } catch (cause) {
      return [`not kept for offline use: ${reasonOf(cause)}`];
    }
  }

  /** The server's answer; undefined when there was none and the store can step in. */
  async #ask(url: string): Promise<Response | undefined> {
    const { signal, store } = this.#options;
    try {
      return await fetch(url, signal ? { signal } : {});
    } catch (cause) {
      signal?.throwIfAborted();
      if (store && this.#source === undefined && (await store.match(url))) return undefined;
      throw fetchUnreachable(url, cause);
    }
  }

  async #stored(url: string, checksum: string | undefined): Promise<Uint8Array | undefined> {
    const response = await this.#options.store?.match(url);
    if (!response) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    // another version, or damaged on the disk
    if (checksum !== undefined && (await sha256Soon(bytes)) !== checksum) return undefined;
    this.#tell(url, true)(bytes.length, bytes.length);
    return bytes;
  }

  async #body(response: Response, url: string): Promise<Uint8Array> {
    const { signal } = this.#options;
    const body = new GrowingBytes(sizeOf(response), url);
    const tell = this.#tell(url, false);
    const reader = response.body?.getReader();
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) break;
        body.add(value);
        tell(body.length, body.expected);
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause instanceof GyreError ? cause : brokenDownload(url, body.length, body.expected, cause);
    }
    signal?.throwIfAborted();
    return body.bytes();
  }

  #tell(url: string, isCached: boolean): Tell {
    const { onProgress } = this.#options;
    return (loadedBytes, totalBytes) => onProgress?.({ url, loadedBytes, totalBytes, isCached });
  }
}

/** SHA-256 in hexadecimal; of a library, since a page without HTTPS has no `crypto.subtle`. */
export const checksumOf = (bytes: Uint8Array): string => bytesToHex(sha256(bytes));

/** Why an answer is no file, where it is none. Throws FETCH_STATUS for what a server should not say of a file. */
async function problemOf(response: Response, url: string): Promise<string | undefined> {
  const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
  if (response.ok && !isPage) return undefined;
  await response.body?.cancel();
  if (isPage && response.ok) return "a page of HTML instead of a file";
  const words = `status ${response.status} ${response.statusText}`.trim();
  if ([403, 404, 410].includes(response.status)) return words;
  throw fetchStatus(url, words);
}

/** The size that a file will have; undefined where the server compresses it. */
function sizeOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}

/** Bytes that arrive piece by piece, in one place from the beginning where their number is known. */
class GrowingBytes {
  readonly #url: string;
  #bytes: Uint8Array;
  #length = 0;
  #expected: number | undefined;

  constructor(expected: number | undefined, url: string) {
    this.#url = url;
    this.#expected = expected;
    this.#bytes = this.#allocate(expected ?? 1 << 16);
  }

  get length(): number {
    return this.#length;
  }

  /** The announced size, as long as it can be true: across origins, compression is not announced. */
  get expected(): number | undefined {
    return this.#expected;
  }

  add(piece: Uint8Array): void {
    const end = this.#length + piece.length;
    if (end > this.#bytes.length) {
      this.#expected = undefined;
      const larger = this.#allocate(Math.max(end, Math.ceil(this.#bytes.length * 1.5)));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = end;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #allocate(size: number): Uint8Array {
    try {
      return new Uint8Array(size);
    } catch (cause) {
      throw fetchMemory(this.#url, size, cause);
    }
  }
}
