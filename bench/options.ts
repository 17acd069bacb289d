import { parseArgs } from "node:util";
import { type ConfigName, configs, isConfigName } from "./configs.ts";
import { benchUnknown, configUnknown, optionInvalid } from "./errors.ts";

const benchNames = [
  "train",
  "profile",
  "decode",
  "startup",
  "serve",
  "icl",
  "tasks",
  "data",
  "prepare",
  "memory",
  "ranks",
  "web",
  "overlay",
  "answers",
] as const;
type BenchName = (typeof benchNames)[number];

export const help = `npm run bench -- BENCH [options]

  train     a LoopFormer training step against PyTorch's, in float32 and under bfloat16 autocast, in turn in three processes
    --config ${Object.keys(configs).join("|")}   the size (bench/configs.ts); default S
    --rounds N        rounds of 2 steps a side; default 10
    --threads N       threads of each side; default 2
    --recompute       gyre rebuilds each loop's activations in the backward pass (PyTorch does not)
    --no-peer         without Python: no PyTorch, no sgemm peak, no ratio

  profile   where the time of a training step goes: products of layers and of attention, the rest of both, the optimizer
    --config, --threads as for train; rounds of one step, of which the fastest is told; default 20

  decode    greedy text with a cache for every loop, against PyTorch with one and against computing it all anew
    --config, --rounds, --threads, --no-peer as for train; rounds of 128 tokens a side, default 5

  startup   gyre --help against node -e 0, and gyre train to its first step (run npm run build first)
    --config ${Object.keys(configs).join("|")}   the size of the model that is trained, on bytes; default S
    --rounds N        default 15

  serve     tokens/s of the scheduler with 1, 8 and 32 streams of mixed budgets, batched and one by one
    --config, --threads as for train; rounds of all requests a side, default 3

  icl       a Looped Transformer's training step on prompts, against PyTorch's
    --config, --rounds, --threads, --no-peer as for train; rounds of 5 steps a side, default 20

  tasks     drawing a training batch of 64 problems of every task
    --rounds N        default 30

  data      encoding against Hugging Face's tokenizers; windows a second from the files of a dataset, and from memory; training
            from a dataset twice as large as the memory that it may use (2 GiB of room; Linux, as root)
    --rounds N        rounds of all documents, of 200 batches of 8 windows, and of 4 steps of S, a side; default 5
    --threads N       threads of each side that encodes or trains; default 2
    --no-peer         without Python: no tokenizers, no ratio

  prepare   one text file as a dataset, in a process of its own: its time and peak memory
    --mebibytes N     size of the file (needs twice the room); default 5120
    --threads N       threads that encode; default 2

  memory    what training takes at six sizes, as it is estimated and as it is
    --threads N       default 2

  ranks     a training step of two ranks of one thread against one process of two threads, and against PyTorch's DDP
    --rounds N        rounds of 2 + 4 steps a side, each side in processes of its own; default 4
    --no-peer         without Python: no DDP

  web       decoding and training in a page of Chromium against Node at one thread each, and against jax-js in the page;
            what the studio weighs, and how soon it answers
    --config ${Object.keys(configs).join("|")}   default S
    --rounds N        rounds of one text and one step a side; default 3

  overlay   the same training here and in PyTorch, step by step: writes docs/results/overlay
    --steps N         default 2000
    --rounds N        seeds; default 3
    --threads N       threads of ours; default 1

  answers   1,000 questions of two choices against PyTorch in batches; a training step on answers against one on text
    --config, --rounds, --threads, --no-peer as for train; rounds of all questions and of 5 steps a side, default 2

  --json    make the last line of stdout the result as one JSON object
  --help    this text

Each run writes bench/results/BENCH-CONFIG.json (of tasks, data, prepare, memory and ranks BENCH.json). PyTorch comes from the python that GYRE_PYTHON names, else from
bench/.venv, which is made with pip when it is not there. Times are medians; on a shared machine also look at the best.
`;

interface TrainRequest {
  readonly bench: "train";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly recompute: boolean;
  readonly peer: boolean;
  readonly json: boolean;
}

interface ProfileRequest {
  readonly bench: "profile";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly json: boolean;
}

interface DecodeRequest {
  readonly bench: "decode";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly json: boolean;
}

interface StartupRequest {
  readonly bench: "startup";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly json: boolean;
}

interface ServeRequest {
  readonly bench: "serve";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly json: boolean;
}

interface IclRequest {
  readonly bench: "icl";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly json: boolean;
}

interface DataRequest {
  readonly bench: "data";
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly json: boolean;
}

interface PrepareRequest {
  readonly bench: "prepare";
  readonly mebibytes: number;
  readonly threads: number;
  readonly json: boolean;
}

interface MemoryRequest {
  readonly bench: "memory";
  readonly threads: number;
  readonly json: boolean;
}

interface RanksRequest {
  readonly bench: "ranks";
  readonly rounds: number;
  readonly peer: boolean;
  readonly json: boolean;
}

interface WebRequest {
  readonly bench: "web";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly json: boolean;
}

interface OverlayRequest {
  readonly bench: "overlay";
  readonly steps: number;
  readonly seeds: number;
  readonly threads: number;
  readonly json: boolean;
}

interface AnswersRequest {
  readonly bench: "answers";
  readonly config: ConfigName;
  readonly rounds: number;
  readonly threads: number;
  readonly peer: boolean;
  readonly json: boolean;
}

interface TasksRequest {
  readonly bench: "tasks";
  readonly rounds: number;
  readonly json: boolean;
}

export type Request =
  | TrainRequest
  | ProfileRequest
  | DecodeRequest
  | StartupRequest
  | ServeRequest
  | IclRequest
  | TasksRequest
  | DataRequest
  | PrepareRequest
  | MemoryRequest
  | RanksRequest
  | WebRequest
  | OverlayRequest
  | AnswersRequest
  | { readonly bench: "help" };

const flags = {
  config: { type: "string" },
  rounds: { type: "string" },
  threads: { type: "string" },
  recompute: { type: "boolean" },
  "no-peer": { type: "boolean" },
  mebibytes: { type: "string" },
  steps: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

type FlagName = keyof typeof flags;
const common: readonly FlagName[] = ["config", "rounds", "json"];

/** What each benchmark takes; anything else would be ignored and is refused. */
const taken: Readonly<Record<BenchName, readonly FlagName[]>> = {
  train: [...common, "threads", "no-peer", "recompute"],
  profile: [...common, "threads"],
  decode: [...common, "threads", "no-peer"],
  startup: common,
  serve: [...common, "threads"],
  icl: [...common, "threads", "no-peer"],
  tasks: ["rounds", "json"],
  data: ["rounds", "threads", "no-peer", "json"],
  prepare: ["mebibytes", "threads", "json"],
  memory: ["threads", "json"],
  ranks: ["rounds", "no-peer", "json"],
  web: common,
  overlay: ["steps", "rounds", "threads", "json"],
  answers: [...common, "threads", "no-peer"],
};

const isBenchName = (name: string | undefined): name is BenchName =>
  benchNames.some((known) => known === name);

/** The words after `npm run bench --` as a request; anything that would be ignored is refused. */
export function parseRequest(words: readonly string[]): Request {
  const { values, positionals } = parse(words);
  if (values.help === true) return { bench: "help" };
  const [bench, extra] = positionals;
  if (extra !== undefined) throw optionInvalid(`the word "${extra}" after "${bench}"`, "one benchmark");
  if (!isBenchName(bench)) throw benchUnknown(bench, benchNames);
  const misplaced = (Object.keys(values) as FlagName[]).find((name) => !taken[bench].includes(name));
  if (misplaced !== undefined) {
    const expected = taken[bench].map((name) => `--${name}`).join(", ");
    throw optionInvalid(`--${misplaced} with ${bench}`, expected);
  }
  const json = values.json === true;
  const config = values.config ?? "S";
  if (!isConfigName(config)) throw configUnknown(config, Object.keys(configs));
  const rounds = (otherwise: number) => count("rounds", values.rounds, otherwise);
  if (bench === "tasks") return { bench, rounds: rounds(30), json };
  if (bench === "startup") return { bench, config, rounds: rounds(15), json };
  if (bench === "web") return { bench, config, rounds: rounds(3), json };
  if (bench === "overlay") {
    const threads = count("threads", values.threads, 1);
    return { bench, steps: count("steps", values.steps, 2000), seeds: rounds(3), threads, json };
  }
  const threads = count("threads", values.threads, 2);
  if (bench === "profile") return { bench, config, rounds: rounds(20), threads, json };
  if (bench === "serve") return { bench, config, rounds: rounds(3), threads, json };
  if (bench === "prepare")
    return { bench, mebibytes: count("mebibytes", values.mebibytes, 5120), threads, json };
  if (bench === "memory") return { bench, threads, json };
  const peer = values["no-peer"] !== true;
  if (bench === "ranks") return { bench, rounds: rounds(4), peer, json };
  if (bench === "data") return { bench, rounds: rounds(5), threads, peer, json };
  if (bench === "icl") return { bench, config, rounds: rounds(20), threads, peer, json };
  if (bench === "answers") return { bench, config, rounds: rounds(2), threads, peer, json };
  if (bench === "decode") return { bench, config, rounds: rounds(5), threads, peer, json };
  const recompute = values.recompute === true;
  return { bench, config, rounds: rounds(10), threads, recompute, peer, json };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: flags, allowPositionals: true });
  } catch (error) {
    throw optionInvalid(error instanceof Error ? error.message : String(error), "an option of --help");
  }
}

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw optionInvalid(`--${name} ${text}`, "a whole number from 1");
  return Number(text);
}
