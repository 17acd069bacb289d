import { setTimeout } from "node:timers/promises";
import { type BenchConfig, type ConfigName, configs } from "./configs.ts";
import { alternate, type Provenance, round, table } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { compileSide } from "./ours/compile.ts";
import { openPeer } from "./peers/python.ts";

export interface DecodeOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** Greedy decoding of `newTokens` tokens after a prompt at batch 1; times are medians. */
interface DecodeCase {
  readonly prompt: number;
  readonly newTokens: number;
  readonly ours: { readonly tokensPerSecond: number; readonly msPerToken: number };
  /** Every token from its whole text: padded to a power of two (few programs), and exact (one for each length). */
  readonly recompute: { readonly msPerToken: number; readonly exactMsPerToken: number };
  readonly pytorchCached: { readonly msPerToken: number } | null;
  /** Reading every weight and the cache once, at the measured rate; and our time over it. */
  readonly bound: { readonly msPerToken: number; readonly times: number };
  readonly ratios: { readonly recompute: number; readonly pytorchCached: number | null };
}

/** The figures at the top are those of the case after the short prompt. */
export interface DecodeResult {
  readonly bench: "decode";
  readonly config: ConfigName;
  readonly ours: { readonly tokensPerSecond: number };
  readonly peers: { readonly pytorch: { readonly version: string; readonly tokensPerSecond: number } | null };
  readonly ratios: { readonly recompute: number; readonly pytorchCached: number | null };
  readonly cases: readonly DecodeCase[];
  /** From weights in memory to the first token (programs are compiled), the same again, and MiB of cache. */
  readonly open: { firstTokenMs: number; warmFirstTokenMs: number; mibPerThousand: number };
  /** Milliseconds of choosing one token among so many. */
  readonly sampling: {
    readonly vocab: number;
    readonly settings: readonly { readonly setting: string; readonly ms: number; readonly msBest: number }[];
  };
  readonly readGigabytesPerSecond: number;
  readonly size: BenchConfig;
  readonly threads: number;
  readonly rounds: number;
  readonly provenance: Provenance;
}

const PROMPTS = [16, 128];
const NEW_TOKENS = 128;
const SAMPLING_TURNS = 200;
/** V8 takes about a thousand tokens until it has compiled what runs between two calls. */
const WARMUP_ROUNDS = 12;
/** OpenMP's threads spin for 200 ms after their last work; the other side's turn begins when they sleep. */
const SETTLE_MS = 400;

/** Times gyre's cached decoding in turn with PyTorch's, and with computing the whole text for every token. */
export async function benchDecode(options: DecodeOptions): Promise<DecodeResult> {
  const size = configs[options.config];
  await using ours = new LineProcess({
    name: "gyre",
    command: process.execPath,
    args: [await compileSide("decode"), ...flags(options)],
  });
  await using peer = openPeer({ script: "decode", flags: flags(options), ...options });
  const { gigabytesPerSecond } = await ours.ask<{ gigabytesPerSecond: number }>("read");
  const open = await ours.ask<DecodeResult["open"]>(`open ${PROMPTS[0]}`);
  const { vocab, sampling } = await ours.ask<{
    vocab: number;
    sampling: DecodeResult["sampling"]["settings"];
  }>(`sample ${SAMPLING_TURNS}`);
  const cases: DecodeCase[] = [];
  for (const prompt of PROMPTS.filter((length) => length < size.context / 2 + 1))
    cases.push(await timeCase(prompt, { ...options, size, gigabytesPerSecond }, ours, peer));
  const [first] = cases as [DecodeCase];
  const version = peer === null ? "" : (await peer.ask<{ version: string }>("version")).version;
  const theirs = first.pytorchCached;
  return {
    bench: "decode",
    config: options.config,
    ours: { tokensPerSecond: first.ours.tokensPerSecond },
    peers: {
      pytorch: theirs === null ? null : { version, tokensPerSecond: round(1000 / theirs.msPerToken) },
    },
    ratios: first.ratios,
    cases,
    open: {
      firstTokenMs: round(open.firstTokenMs),
      warmFirstTokenMs: round(open.warmFirstTokenMs),
      mibPerThousand: round(open.mibPerThousand, 2),
    },
    sampling: {
      vocab,
      settings: sampling.map(({ setting, ms, msBest }) => ({
        setting,
        ms: round(ms, 3),
        msBest: round(msBest, 3),
      })),
    },
    readGigabytesPerSecond: round(gigabytesPerSecond),
    size,
    threads: options.threads,
    rounds: options.rounds,
    provenance: options.provenance,
  };
}

const flags = ({ config, threads }: DecodeOptions) => [
  "--config",
  JSON.stringify(configs[config]),
  "--threads",
  String(threads),
];

interface CaseSetting extends DecodeOptions {
  readonly size: BenchConfig;
  readonly gigabytesPerSecond: number;
}

async function timeCase(
  prompt: number,
  { size, rounds, gigabytesPerSecond, print }: CaseSetting,
  ours: LineProcess,
  peer: LineProcess | null,
): Promise<DecodeCase> {
  const newTokens = Math.min(NEW_TOKENS, size.context - prompt);
  print(`${newTokens} tokens after ${prompt}: ${rounds} rounds`);
  const ask = (side: LineProcess, what: string) => async () => {
    await setTimeout(SETTLE_MS);
    return [(await side.ask<{ msPerToken: number }>(`${what} ${prompt} ${newTokens}`)).msPerToken];
  };
  const cached = { ours: ask(ours, "decode"), pytorch: peer ? ask(peer, "decode") : async () => [] };
  await alternate(cached, WARMUP_ROUNDS);
  const anew = { padded: ask(ours, "recompute"), exact: ask(ours, "exact") };
  const samples = await alternate({ ...cached, ...anew }, rounds);
  const [mine, again] = [samples.ours.median, samples.padded.median];
  const theirs = peer ? samples.pytorch.median : undefined;
  const bound = bytesPerToken(size, prompt + newTokens / 2) / gigabytesPerSecond / 1e6;
  return {
    prompt,
    newTokens,
    ours: { tokensPerSecond: round(1000 / mine), msPerToken: round(mine, 3) },
    recompute: { msPerToken: round(again, 2), exactMsPerToken: round(samples.exact.median, 2) },
    pytorchCached: theirs === undefined ? null : { msPerToken: round(theirs, 3) },
    bound: { msPerToken: round(bound, 3), times: round(mine / bound, 2) },
    ratios: {
      recompute: round(again / mine, 2),
      pytorchCached: theirs === undefined ? null : round(theirs / mine, 3),
    },
  };
}

/** The core's and the head's weights once, and the keys and values of `length` positions in every loop. */
function bytesPerToken({ width, mlp, layers, vocab, loops }: BenchConfig, length: number): number {
  const weights = layers * (4 * width * width + 2 * width * mlp) + vocab * width;
  return 4 * (weights + 2 * loops * layers * length * width);
}

/** The result as a table for people. */
export function decodeTable(result: DecodeResult): string {
  const rows = result.cases.map(({ prompt, newTokens, ours, recompute, pytorchCached, bound, ratios }) => [
    `${newTokens} after ${prompt}`,
    ours.tokensPerSecond,
    ours.msPerToken,
    pytorchCached?.msPerToken ?? "-",
    recompute.msPerToken,
    recompute.exactMsPerToken,
    bound.msPerToken,
    ratios.pytorchCached ?? "-",
    ratios.recompute,
  ]);
  const head = [
    "tokens/s",
    "ms/token",
    "PyTorch",
    "recompute",
    "exact",
    "bound",
    "PyTorch / ours",
    "recompute / ours",
  ];
  const { firstTokenMs, warmFirstTokenMs, mibPerThousand } = result.open;
  const { vocab, settings } = result.sampling;
  return [
    table([[`decode ${result.config}`, ...head], ...rows]),
    table([
      [`a token of ${vocab}`, "ms", "best"],
      ...settings.map(({ setting, ms, msBest }) => [setting, ms, msBest]),
    ]),
    `first token: ${firstTokenMs} ms with compiling, ${warmFirstTokenMs} ms without`,
    `cache: ${mibPerThousand} MiB for 1,000 tokens; weights are read at ${result.readGigabytesPerSecond} GB/s`,
  ].join("\n");
}
