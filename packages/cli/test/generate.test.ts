import { join } from "node:path";
import { bytesTokenizer, generate, initialState, interpreterRuntime } from "gyre";
import { createRun, loadWeights, type Run } from "gyre/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, gyre } from "./cli.ts";
import { loopformer, temporaryFolder, tinyRun } from "./tiny.ts";

let folder: string;
let remove: () => Promise<void>;
let looped: Run;
const run = (...words: string[]): Promise<Finished> => gyre(["generate", ...words], { cwd: folder });

beforeAll(async () => {
  const temporary = await temporaryFolder();
  ({ path: folder, remove } = { path: temporary.path, remove: temporary.remove });
  looped = await tinyRun(join(folder, "looped"));
  await endless(join(folder, "endless"), "A".charCodeAt(0));
  await endless(join(folder, "silent"), bytesTokenizer().endOfText);
});
afterAll(() => remove());

/** A run whose model says one token for ever: its embedding alone points along the final norm of any state. */
async function endless(path: string, token: number): Promise<void> {
  const state = initialState(loopformer, 1);
  const { width } = loopformer;
  for (const [name, { data }] of state.weights) if (name !== "readout.norm.weight") data.fill(0);
  const set = (name: string, fill: (data: Float32Array) => void) =>
    fill(state.weights.get(name)?.data ?? new Float32Array());
  set("embed.positions.weight", (data) => data.fill(1));
  set("embed.tokens.weight", (data) => data.fill(100, token * width, (token + 1) * width));
  await using run = await createRun(path, {
    kind: "imported",
    spec: loopformer,
    tokenizer: bytesTokenizer(),
  });
  await run.save(state);
}

/** What the library generates with the float64 interpreter. */
async function expected(prompt: string, options: Partial<Parameters<typeof generate>[2]>): Promise<string> {
  const tokenizer = bytesTokenizer();
  const { weights } = await loadWeights(looped);
  const model = { spec: loopformer, weights, runtime: interpreterRuntime() };
  const ids = prompt === "" ? [tokenizer.endOfText] : tokenizer.encode(prompt);
  const tokens: number[] = [];
  const stop = tokenizer.endOfText;
  for await (const { token } of generate(model, ids, { maxTokens: 12, stop, ...options })) tokens.push(token);
  return `${prompt}${tokenizer.decode(tokens.filter((token) => token !== stop))}\n`;
}

describe("gyre generate", () => {
  it("continues a prompt at a number of loops", async () => {
    const words = [
      "looped",
      "--prompt",
      "We the",
      "--loops",
      "2",
      "--temperature",
      "0",
      "--max-tokens",
      "10",
    ];
    const { code, stdout, stderr } = await run(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(await expected("We the", { loops: 2, temperature: 0, maxTokens: 10 }));
  });

  it("honours a trajectory, the seed and what limits the choice", async () => {
    const words = [
      "--trajectory",
      "0.5,0.25,0.25",
      "--temperature",
      "1.5",
      "--top-k",
      "20",
      "--top-p",
      "0.9",
    ];
    const { stdout } = await run(
      "looped",
      "--prompt",
      "é",
      ...words,
      "--seed",
      "7",
      "--max-tokens",
      "12",
      "--threads",
      "1",
    );
    const options = { loops: [0.5, 0.25, 0.25], temperature: 1.5, topK: 20, topP: 0.9, seed: 7 };
    expect(stdout).toBe(await expected("é", options));
    expect(await expected("é", { ...options, seed: 8 })).not.toBe(stdout);
  });

  it("reads a prompt from standard input, in full and as it is", async () => {
    const piped = (input: string, ...words: string[]) =>
      gyre(["generate", "looped", "--temperature", "0", "--max-tokens", "12", ...words], {
        cwd: folder,
        input,
      });
    const text = await expected("We the", { temperature: 0 });
    expect((await piped("We the\n")).stdout).toBe(text);
    expect((await piped("We the", "--prompt", "-")).stdout).toBe(text);
    expect((await piped("other", "--prompt", "We the")).stdout).toBe(text);
    expect((await piped("")).stdout).toBe(await expected("", { temperature: 0 }));
  });

  it("says once when the text goes past the context, and not before", async () => {
    const words = ["looped", "--prompt", "We the", "--temperature", "0", "--max-tokens"];
    expect((await run(...words, "11")).stderr).toBe("");
    const { stdout, stderr } = await run(...words, "14");
    expect(stdout).toHaveLength("We the".length + 14 + 1);
    expect(stderr).toBe(
      "note: past the context of 16 tokens each further token reads the last 16 again, which is slow; " +
        "--window stop ends there\n",
    );
    expect((await run("looped", "--prompt", "We the People of the", "--max-tokens", "2")).stderr).toBe(
      stderr,
    );
    const stopped = await run(...words, "14", "--window", "stop");
    expect(stopped.stderr).toBe("stopped: the context of 16 tokens is full; --window slide continues\n");
  });

  it("warns once of more loops than the model was trained for", async () => {
    const { code, stderr } = await run("looped", "--prompt", "We", "--loops", "9", "--max-tokens", "4");
    expect(code).toBe(0);
    expect(stderr).toBe(
      "warning: 9 loops are more than the 4 that this loopformer was trained for at most: " +
        "the text may be gibberish\n",
    );
  });

  it("starts a new text without a prompt, at full depth", async () => {
    const { stdout } = await run("looped", "--temperature", "0", "--max-tokens", "12");
    expect(stdout).toBe(await expected("", { temperature: 0 }));
  });

  it("stops at the end of the text, which it does not print", async () => {
    const { code, stdout } = await run("silent", "--prompt", "Amen", "--temperature", "0");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Amen\n" });
  });

  it("streams, and ends quietly at Ctrl-C", async () => {
    const { signal, stdout, stderr } = await gyre(
      ["generate", "endless", "--temperature", "0", "--max-tokens", "1000000"],
      {
        cwd: folder,
        interruptAt: (stdout) => stdout.length > 20,
      },
    );
    expect(signal).toBe("SIGINT");
    expect(stderr).toMatch(/^(note: past the context [^\n]*\n)?$/);
    expect(stdout).toMatch(/^A{21,}$/);
  });

  it("ends without a word when nobody reads on", async () => {
    const words = ["generate", "endless", "--temperature", "0", "--max-tokens", "1000000"];
    const { code, stderr } = await gyre(words, { cwd: folder, closeAfter: 5 });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(note: past the context [^\n]*\n)?$/);
  });

  it.each([
    [["looped", "--loops", "2", "--trajectory", "0.5,0.5"], 2, /--loops with --trajectory/],
    [["looped", "--trajectory", "0.5,0.4"], 1, /TRAJECTORY.*sum to 1/s],
    [["looped", "--prompt", "We", "--trajectory", "0.5,0.25"], 1, /TRAJECTORY.*sum to 1/s],
    [["looped", "--prompt", "We", "--top-p", "1.5"], 2, /--top-p <x>/],
    [["looped", "--top-p", "1.5"], 2, /--top-p <x>.* above 0 and at most 1/s],
    [["looped", "--temperature", "warm"], 2, /--temperature/],
  ] as const)("refuses %j", async (words, expectedCode, message) => {
    const { code, stdout, stderr } = await run(...words);
    expect({ code, stdout }).toEqual({ code: expectedCode, stdout: "" });
    expect(stderr).toMatch(message);
  });
});
