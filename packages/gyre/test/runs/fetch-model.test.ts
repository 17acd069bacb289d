import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { Tokenizer as Native } from "tokenizers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { trainBpe } from "../../src/data/bpe.node.ts";
import { bytesTokenizer } from "../../src/data/tokenizer.ts";
import { generate } from "../../src/decode/generate.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { loopformer } from "../../src/models/presets.ts";
import type { FetchProgress, FileStore } from "../../src/runs/downloads.ts";
import { type FetchModelOptions, fetchModel } from "../../src/runs/fetch-model.ts";
import { exportOfficial } from "../../src/runs/official.node.ts";
import { createRun, openRun } from "../../src/runs/run.node.ts";
import { loadWeights } from "../../src/runs/weights.node.ts";
import { interpreterRuntime } from "../../src/runtime/interpreter.ts";
import { initialState } from "../../src/train/initial-state.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";
import { tinyRun } from "./helpers.ts";
import { type StaticServer, serveFolder } from "./static-server.ts";

const fixtures = fileURLToPath(new URL("../fixtures/format-1/", import.meta.url));
const modelPath = "run/checkpoints/step-000000/model.safetensors";
let folder = "";
let server: StaticServer;
const at = (...names: string[]) => join(folder, ...names);
const url = (path: string) => `${server.url}${path}`;
const fetchIt = (path: string, options: FetchModelOptions = {}) => fetchModel(url(path), options);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-fetch-"));
  await tinyRun(at("run"));
  await exportOfficial(await openRun(at("run")), at("hub"));
  const tokenizer = await trainBpe({
    texts: ["the people of the nation, aren't they? ".repeat(40)],
    vocab: 280,
  });
  const spec = loopformer({ vocab: 280, context: 16, width: 8, heads: 2, mlp: 16, layers: 1, loops: 2 });
  await using run = await createRun(at("bpe"), { kind: "imported", spec, tokenizer });
  await run.save(initialState(spec, 1));
  await exportOfficial(run, at("bpe-hub"));
  server = await serveFolder(folder);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  server.faults.clear();
  server.asked.length = 0;
});

/** A store like the page's, in memory. */
class MemoryStore implements FileStore {
  readonly files = new Map<string, Uint8Array>();
  async match(file: string) {
    const bytes = this.files.get(file);
    return bytes && new Response(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  }
  async put(file: string, response: Response) {
    this.files.set(file, new Uint8Array(await response.arrayBuffer()));
  }
}

/**
 * Letters and digits that Unicode 17 added. Engines know them since then, the native package knows Unicode 16: to it they are signs, which
 * take an apostrophe to themselves (found by comparing every code point before "'s").
 */
const lettersOfUnicode17 =
  /[\u088f\u0c5c\u0cdc\ua7ce\ua7cf\ua7d2\ua7d4\ua7f1\u{10940}-\u{10959}\u{10ec5}-\u{10ec7}\u{11db0}-\u{11ddb}\u{11de0}-\u{11de9}\u{16ea0}-\u{16eb8}\u{16ebb}-\u{16ed3}\u{16ff2}-\u{16ff6}\u{187f8}-\u{187ff}\u{18d09}-\u{18d1e}\u{18d80}-\u{18df2}\u{1e6c0}-\u{1e6ff}\u{2b73a}-\u{2b73f}\u{2cea2}-\u{2cead}\u{323b0}-\u{33479}]/gu;

describe("a run", () => {
  it("comes with its weights, tokenizer, config and step, without and with a slash", async () => {
    const { weights } = await loadWeights(await openRun(at("run")));
    for (const path of ["run", "run/"]) {
      const model = await fetchIt(path);
      expect(model.weights).toEqual(weights);
      expect(model.url).toBe(url("run/"));
      expect(model.run).toMatchObject({ step: 0, config: { kind: "imported" } });
      expect(model.tokenizer.kind).toBe("bytes");
      expect(model.warnings).toEqual([]);
    }
  });

  it("writes the same greedy text as from the disk", async () => {
    const model = await fetchIt("run");
    const onDisk = await openRun(at("run"));
    const { weights } = await loadWeights(onDisk);
    const runtime = interpreterRuntime();
    const textOf = async (given: Pick<typeof model, "spec" | "weights">) => {
      const tokens: number[] = [];
      const options = { loops: 2, temperature: 0, maxTokens: 8 };
      for await (const { token } of generate({ ...given, runtime }, [1, 2], options)) tokens.push(token);
      return tokens;
    };
    expect(await textOf(model)).toEqual(await textOf({ spec: onDisk.config.spec, weights }));
  });

  it("of the first format is read too", async () => {
    await using old = await serveFolder(fixtures);
    const { run, weights } = await fetchModel(`${old.url}text`);
    expect(run).toMatchObject({ step: 4, config: { version: 2, kind: "text" } });
    expect(weights).toEqual((await loadWeights(await openRun(join(fixtures, "text")))).weights);
    expect((await rejectionOf(fetchModel(`${old.url}looped-transformer`))).message).toMatch(
      /^RUN_KIND: http:.*\/looped-transformer\/, a run of kind prompts/,
    );
  });

  it("with a learned vocabulary tokenizes as the native package does, on any text", async () => {
    const { tokenizer } = await fetchIt("bpe");
    const native = Native.fromString(await readFile(at("bpe", "extra", "tokenizer.json"), "utf8"));
    const parts = fc.constantFrom(
      " the",
      "nation",
      "'t",
      "\n\n",
      "  ",
      "é",
      "中",
      "🙂",
      "\u0085",
      "<|endoftext|>",
    );
    const anything = fc.string({ unit: "binary" }).map((all) => all.replaceAll(lettersOfUnicode17, ""));
    const text = fc.array(fc.oneof(parts, anything)).map((all) => all.join(""));
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const ids = (await native.encode(given)).getIds();
        expect([...tokenizer.encode(given)]).toEqual(ids);
        expect(tokenizer.decode(ids)).toBe(given);
      }),
    );
  });

  it("sends a query with every file", async () => {
    await fetchIt("run?key=7");
    expect(server.asked).toEqual([
      "run/config.json?key=7",
      "run/latest?key=7",
      "run/checkpoints/step-000000/state.json?key=7",
      `${modelPath}?key=7`,
    ]);
  });

  it("tells how far every file has come", async () => {
    const seen: FetchProgress[] = [];
    await fetchIt("run", { onProgress: (progress) => seen.push(progress) });
    const ofModel = seen.filter((one) => one.url === url(modelPath));
    const bytes = (await readFile(at(modelPath))).length;
    expect(ofModel.at(-1)).toEqual({
      url: url(modelPath),
      loadedBytes: bytes,
      totalBytes: bytes,
      isCached: false,
    });
    expect(new Set(seen.map((one) => one.url)).size).toBe(4);
  });
});

describe("an exported folder", () => {
  it.each(["hub", "bpe-hub"])("%s comes with its weights and its tokenizer", async (name) => {
    const { weights } = await loadWeights(await openRun(at(name === "hub" ? "run" : "bpe")));
    const model = await fetchIt(name);
    expect(new Map([...model.weights].sort())).toEqual(new Map([...weights].sort()));
    expect([model.tokenizer.kind, model.run]).toEqual([name === "hub" ? "bytes" : "bpe", undefined]);
  });

  it("without checksums is read, at the depth that is asked for where config.json has none", async () => {
    await mkdir(at("plain"));
    const { max_loops: _, ...config } = JSON.parse(await readFile(at("hub", "config.json"), "utf8"));
    await writeFile(at("plain", "config.json"), JSON.stringify(config));
    await writeFile(at("plain", "model.safetensors"), await readFile(at("hub", "model.safetensors")));
    expect((await fetchIt("plain", { loops: 5 })).spec.loops).toBe(5);
    expect((await fetchIt("plain")).spec.loops).toBe(8);
    // a host that answers every address with its page
    server.faults.set("plain/SHA256SUMS", {
      body: "<!doctype html>",
      headers: { "Content-Type": "text/html" },
    });
    expect((await fetchIt("plain")).spec.loops).toBe(8);
  });
});

describe("what is wrong is said, with the URL", () => {
  const problem = async (path: string, options?: FetchModelOptions) =>
    (await rejectionOf(fetchIt(path, options))).message;
  const flipped = async (path: string, byte: number) => {
    const bytes = await readFile(at(path));
    bytes[byte < 0 ? bytes.length + byte : byte]! ^= 1;
    return { body: bytes };
  };

  it.each(["nothing a URL", "file:///models/run"])("%s is no address", async (address) => {
    expect((await rejectionOf(fetchModel(address))).message).toMatch(
      /^FETCH_URL: the URL ".*"\n {2}expected: the http/,
    );
  });

  it("a server that is gone", async () => {
    const gone = await serveFolder(folder);
    await gone[Symbol.asyncDispose]();
    expect((await rejectionOf(fetchModel(`${gone.url}run`))).message).toMatch(
      /^FETCH_UNREACHABLE: http:\S+\/run\/config.json: no answer \(.*ECONNREFUSED/,
    );
  });

  it("files that are missing or refused, and a server with a fault of its own", async () => {
    expect(await problem("none")).toMatch(/^FETCH_STATUS: http:\S+\/none\/config.json: status 404 Not Found/);
    server.faults.set(modelPath, { status: 500 });
    expect(await problem("run")).toMatch(/^FETCH_STATUS: http:\S+model.safetensors: status 500/);
    server.faults.set("run/config.json", {
      body: "<p>",
      headers: { "Content-Type": "text/html; charset=utf-8" },
    });
    expect(await problem("run")).toMatch(/config.json: a page of HTML instead of a file/);
  });

  it("a connection that ends midway", async () => {
    server.faults.set(modelPath, { cutAt: 1000 });
    expect(await problem("run")).toMatch(
      /^FETCH_BROKEN: http:\S+model.safetensors: the connection ended after 1000 bytes\n {2}expected: \d+ bytes/,
    );
  });

  it.each([9, -1])("a flipped bit in byte %i of a run's or an exported model", async (byte) => {
    for (const path of [
      modelPath,
      "hub/model.safetensors",
      "bpe-hub/tokenizer.json",
      "bpe/extra/tokenizer.json",
    ]) {
      server.faults.set(path, await flipped(path, byte));
      expect(await problem(path.split("/")[0]!)).toMatch(
        new RegExp(`^FETCH_CHECKSUM: ${url(path)}: the checksum [0-9a-f]{64}\\n  expected: [0-9a-f]{64}\\n`),
      );
    }
    server.faults.set("hub/config.json", { body: `${await readFile(at("hub", "config.json"), "utf8")} ` });
    expect(await problem("hub")).toMatch(/^FETCH_CHECKSUM: http:\S+hub\/config.json/);
  });

  it("texts that are none, and JSON that is none", async () => {
    server.faults.set("run/config.json", { body: Uint8Array.of(0xff, 0xfe) });
    expect(await problem("run")).toMatch(/^FETCH_FORMAT: http:\S+config.json: bytes that are not UTF-8/);
    server.faults.set("run/config.json", { body: "{" });
    expect(await problem("run")).toMatch(/^FETCH_FORMAT: http:\S+config.json: no JSON/);
    server.faults.clear();
    server.faults.set("run/latest", { body: "../../secret" });
    expect(await problem("run")).toMatch(/^FETCH_FORMAT: http:\S+latest: no name of a checkpoint/);
    server.faults.set("hub/SHA256SUMS", { body: "nonsense" });
    expect(await problem("hub")).toMatch(/^OFFICIAL_SUMS: http:\S+SHA256SUMS: the line "nonsense"/);
  });

  it("a model of an unknown family, a config of a later version, and tensors of another model", async () => {
    server.faults.set("hub/config.json", { body: '{"model_type":"llama"}' });
    expect(await problem("hub")).toMatch(
      /^CHECKPOINT_CONFIG: http:\S+hub\/config.json:\n {4}model_type: must be/,
    );
    server.faults.set("run/config.json", { body: '{"version":3,"spec":{}}' });
    expect(await problem("run")).toMatch(/^RUN_CONFIG: http:\S+run\/+config.json of version 3/);
    server.faults.clear();
    server.faults.set("hub/SHA256SUMS", { status: 404 });
    server.faults.set("hub/model.safetensors", { body: await readFile(at("bpe-hub", "model.safetensors")) });
    expect(await problem("hub")).toMatch(
      /^CHECKPOINT_MISMATCH: http:\S+hub\/model.safetensors: tensors that/,
    );
  });

  it("a model too large for the page, before its weights are fetched", async () => {
    expect(await problem("run", { mostBytes: 1000 })).toMatch(
      /^FETCH_TOO_LARGE: http:\S+\/run\/: 1 MiB of weights in float32\n {2}expected: at most 1 MiB; nothing/,
    );
    expect(server.asked).toEqual(["run/config.json"]);
  });

  it("a tokenizer that is missing, too large, of another run, or of a kind that is not read", async () => {
    server.faults.set("bpe-hub/tokenizer.json", { status: 404 });
    expect(await problem("bpe-hub")).toMatch(
      /^FETCH_TOKENIZER: http:\S+tokenizer.json: status 404 .*, for a vocabulary of 280/,
    );
    const { tokenizer } = await fetchIt("bpe-hub", { tokenizer: bytesTokenizer() });
    expect(tokenizer.kind).toBe("bytes");
    expect(await problem("bpe", { tokenizer })).toMatch(/^FETCH_OPTION: tokenizer: bytes, 257 entries/);
    // without its checksums: else these would be what is wrong
    server.faults.set("hub/SHA256SUMS", { status: 404 });
    server.faults.set("hub/tokenizer.json", { body: await readFile(at("bpe-hub", "tokenizer.json")) });
    expect(await problem("hub")).toMatch(/^FETCH_FORMAT: http:\S+tokenizer.json: 280 entries/);
    server.faults.set("hub/tokenizer.json", { body: '{"model":{"type":"Unigram"}}' });
    expect(await problem("hub")).toMatch(/^DATA_TOKENIZER: http:\S+tokenizer.json: /);
  });

  it("another depth for a run, which says its own", async () => {
    expect(await problem("run", { loops: 4 })).toMatch(
      /^FETCH_OPTION: loops: 4\n {2}expected: nothing: http:/,
    );
  });

  it.each(["config.json", "checkpoints/step-000000/model.safetensors"])(
    "an abort during %s",
    async (file) => {
      server.faults.set(`run/${file}`, { hangAt: 100 });
      const controller = new AbortController();
      const onProgress = (progress: FetchProgress) => {
        if (progress.url.endsWith(file)) controller.abort(new Error("enough"));
      };
      await expect(fetchIt("run", { signal: controller.signal, onProgress })).rejects.toThrow("enough");
      await expect(fetchIt("run", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow(
        "before",
      );
    },
  );
});

describe("the cache", () => {
  it("has the model without a network, and saves fetching weights whose checksum is known", async () => {
    const cache = new MemoryStore();
    const own = await serveFolder(folder);
    const first = await fetchModel(`${own.url}run`, { cache });
    own.asked.length = 0;
    expect(await fetchModel(`${own.url}run`, { cache })).toMatchObject({ weights: first.weights });
    expect(own.asked).not.toContain(modelPath);
    const hub = await fetchModel(`${own.url}bpe-hub`, { cache });
    await own[Symbol.asyncDispose]();
    const seen: FetchProgress[] = [];
    const again = await fetchModel(`${own.url}run`, { cache, onProgress: (one) => seen.push(one) });
    expect(again.weights).toEqual(first.weights);
    expect(seen.every(({ isCached }) => isCached)).toBe(true);
    expect((await fetchModel(`${own.url}bpe-hub`, { cache })).weights).toEqual(hub.weights);
    expect((await rejectionOf(fetchModel(`${own.url}bpe`, { cache }))).code).toBe("FETCH_UNREACHABLE");
  });

  it("keeps what it had when a download fails, and heals what was damaged in it", async () => {
    const cache = new MemoryStore();
    await fetchIt("hub", { cache });
    const before = new Map(cache.files);
    cache.files.set(url("hub/model.safetensors"), Uint8Array.of(1, 2, 3));
    server.faults.set("hub/model.safetensors", { cutAt: 100 });
    expect((await rejectionOf(fetchIt("hub", { cache }))).code).toBe("FETCH_BROKEN");
    server.faults.clear();
    await fetchIt("hub", { cache });
    expect(cache.files).toEqual(before);
  });

  it("that is full is told, and the model is there all the same", async () => {
    const cache = new MemoryStore();
    cache.put = () => Promise.reject(new DOMException("no space is left", "QuotaExceededError"));
    const { weights, warnings } = await fetchIt("hub", { cache });
    expect(weights.size).toBeGreaterThan(3);
    expect(warnings).toEqual(["not kept for offline use: no space is left"]);
  });
});

it("a model in half precision arrives as float32", async () => {
  const spec = loopformer({ vocab: 257, context: 8, width: 8, heads: 1, mlp: 8, layers: 1, loops: 2 });
  await using run = await createRun(at("half"), { kind: "imported", spec, tokenizer: bytesTokenizer() });
  await run.save(initialState(spec, 2));
  await exportOfficial(run, at("half-hub"), { dtype: "F16" });
  const { weights } = await fetchIt("half-hub");
  const name = "embed.tokens.weight";
  const exact = initialWeights(spec, 2);
  expect([...weights.keys()].sort()).toEqual([...exact.keys()].sort());
  for (const [key, { data }] of weights)
    for (const [index, value] of data.entries()) {
      const own = exact.get(key)?.data[index] ?? Number.NaN;
      expect(Math.abs(value - own), name).toBeLessThanOrEqual(Math.abs(own) * 2 ** -11 + 2 ** -25);
    }
});
