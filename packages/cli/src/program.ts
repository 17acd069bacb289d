import { Command, Option } from "commander";
import type { CalibrateOptions } from "./commands/calibrate.ts";
import type { EvalOptions } from "./commands/eval.ts";
import type { ExitsOptions } from "./commands/exits.ts";
import type { ExportOptions } from "./commands/export.ts";
import type { GenerateOptions } from "./commands/generate.ts";
import type { ImportOptions } from "./commands/import.ts";
import type { InspectOptions } from "./commands/inspect.ts";
import type { PrepareOptions } from "./commands/prepare.ts";
import type { ServeOptions } from "./commands/serve.ts";
import {
  checkpointFlag,
  deviceFlag,
  flagsOf,
  nameFlag,
  ranksFlag,
  threadsFlag,
  weightsFlag,
} from "./flags.ts";
import {
  difficultyRange,
  draft,
  loopsRange,
  mostLoops,
  number,
  repeated,
  trajectory,
  whole,
  wholes,
  word,
} from "./options.ts";
import { addAnalyze, addCard } from "./program-analyze.ts";
import { addLab } from "./program-lab.ts";
import { addRuns } from "./program-runs.ts";
import { addStudio } from "./program-studio.ts";
import { addTasks, withFormFlags } from "./program-tasks.ts";
import { addSweep, addTrain } from "./program-train.ts";
import { version } from "./version.ts";

/** The command line as a description; a command's own code is loaded when it runs. */
export function createProgram(exit: (code: number) => void): Command {
  const program = new Command("gyre")
    .description("Looped transformers: language models whose depth is a dial.")
    .version(version)
    .showHelpAfterError("(add --help for the options)")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .hook("preAction", checkMachine)
    .addHelpText(
      "after",
      `
A first run:
  $ gyre prepare sotu data/sotu --vocab 2048
  $ gyre train data/sotu --out runs/first --steps 500
  $ gyre eval runs/first
  $ gyre generate runs/first --prompt "My fellow citizens" --loops 2`,
    );
  addPrepare(program, exit);
  addTrain(program, exit);
  addSweep(program, exit);
  addEval(program, exit);
  addGenerate(program, exit);
  addExits(program, exit);
  addAnalyze(program, exit);
  addCalibrate(program, exit);
  addCard(program, exit);
  addServe(program, exit);
  addStudio(program, exit);
  addRuns(program, exit);
  addInspect(program, exit);
  addLab(program, exit);
  addTasks(program, exit);
  addImport(program, exit);
  addExport(program, exit);
  return program;
}

/** Before a command does anything, and in one place for all: whether ranks can share it, so many cores, and the device. */
async function checkMachine(_program: Command, command: Command): Promise<void> {
  const { threads, device } = command.opts<{ threads?: number; device?: string }>();
  (await import("./ranks.ts")).requireRanksOf(command);
  if (threads !== undefined) (await import("gyre/node")).threadCount(threads);
  if (device !== undefined) await (await import("./devices.ts")).openCommandDevice(command);
}

const exitForms = "kl<0.01, entropy<1, probability>0.9, margin>0.5, change<0.1 or second-difference<0.1";

type Exit = (code: number) => void;

function addPrepare(program: Command, exit: Exit): void {
  program
    .command("prepare")
    .summary("turn text into tokens")
    .description(
      "Splits text into training and validation (the newest or last tenth, never trained on), learns a tokenizer " +
        "from the training part, and writes both parts as tokens.",
    )
    .argument(
      "[paths...]",
      "what to read, then the folder to write. To read: sotu (State of the Union addresses); a .txt, .md, " +
        ".jsonl, .csv or .parquet file, also as .gz or .zst; a folder; a pattern in quotes. If there is one source, " +
        "the folder may be left out and is data/ and the source's name",
    )
    .option(
      "--tokenizer <which>",
      "bpe, gpt2, bytes or characters; or an existing tokenizer.json, or a dataset, run or exported model that has one",
      "bpe",
    )
    .option(
      "--vocab <n>",
      "entries of a bpe vocabulary (default: 4096, or what the text yields)",
      whole(257, 2 ** 22),
    )
    .option("--validation <fraction>", "share held out for validation", number(0, true), 0.1)
    .option("--text-key <name>", "field or column that holds the text of a row (default: text)")
    .option(
      "--prompt-key <name>",
      "field or column of a prompt before the text, which is read but not learned",
    )
    .option(
      "--seed <n>",
      "with a mixture: seed that draws documents from the sources that are not used whole",
      whole(0),
    )
    .addOption(new Option("--threads <n>", "threads that encode (default: all cores)").argParser(whole(1)))
    .option("--overwrite", "replace an existing dataset")
    .addHelpText(
      "after",
      `
Sources with weights are mixed: each gets that share of the tokens, and no document occurs twice.

Examples:
  $ gyre prepare notes/ data/notes --vocab 2048
  $ gyre prepare "corpus/**/*.jsonl.gz" data/corpus --text-key body
  $ gyre prepare wiki.parquet@0.7 code/@0.3 data/mixture`,
    )
    .action(async (paths: readonly string[], options: PrepareOptions) =>
      exit(await (await import("./commands/prepare.ts")).prepareCommand(paths, options)),
    );
}

function addEval(program: Command, exit: Exit): void {
  program
    .command("eval")
    .summary("measure runs at every budget")
    .description(
      "Measures loss, perplexity and bits per byte on the validation part at each budget. Prints a table and a " +
        "plot, and writes a report: numbers (JSON), drawings (SVG) and a page (Markdown), named by what was measured; " +
        "latest.md is the newest. With --tasks it asks questions instead, and prints a table of tasks by budgets. For a " +
        "run on a task, it measures right answers to held-out problems, by difficulty and budget.",
    )
    .argument("[runs...]", "runs to measure in one report, all on text or all on one task")
    .addOption(checkpointFlag())
    .addOption(weightsFlag())
    .option("--loops <range>", "numbers of loops, like 1..8 or 1,2,4 (default: 1..L)", loopsRange)
    .option("--trajectories <which>", "uniform, all (every trajectory on the 1/L grid), or a file", "uniform")
    .option(
      "--tasks <path>",
      "a task file, questions like piqa.jsonl, or a folder of them; may be repeated",
      repeated,
    )
    .option("--limit <n>", "with --tasks: the first n questions of each", whole(1))
    .option(
      "--server <url>",
      "with --tasks, instead of a run: a server of completions that echoes log-probabilities",
    )
    .option("--model <name>", "with --server: the model's name there (default: the first that it lists)")
    .option("--data <dir>", "dataset, if not the one that the run was trained on")
    .option("--stride <tokens>", "tokens between the starts of windows (default: the context)", whole(1))
    .option("--max-tokens <n>", "score the first n tokens only", whole(1))
    .option("--batch <n>", "windows at a time; with --tasks, continuations", whole(1, 65_536))
    .option("--out <dir>", "folder of the report (default: reports/ in the first run)")
    .addOption(nameFlag())
    .option(
      "--difficulty <list>",
      "with a task, like 8, 8,16,32 or 1..8 (default: what the run was trained on)",
      wholes,
    )
    .option("--count <n>", "held-out problems of a task (default: 1000)", whole(1, 2 ** 20))
    .option("--seed <n>", "seed of these problems (default: 1)", whole(0))
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(ranksFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  $ gyre eval runs/loopformer runs/gpt --loops 1..L --out reports/both\n" +
        "  $ gyre eval runs/loopformer --tasks tasks --loops 1,2,4\n" +
        "  $ gyre eval runs/loopformer --ranks 2",
    )
    .action(async (runs: string[], options: EvalOptions) =>
      exit(await (await import("./commands/eval.ts")).evalCommand(runs, options)),
    );
}

function addGenerate(program: Command, exit: Exit): void {
  const command = program
    .command("generate")
    .summary("continue a text at any depth")
    .description(
      "Continues a prompt token by token. The text goes to standard output, everything else to standard error. Each " +
        "token runs --loops loops of the core, the steps of a --trajectory, or as many loops as an --exit rule takes.",
    )
    .argument("<run>", "the run whose model writes")
    .addOption(checkpointFlag())
    .addOption(weightsFlag())
    .option(
      "--prompt <text>",
      "text to continue; - reads standard input, as does a pipe without --prompt (default: a new document)",
    )
    .option("--loops <n>", "loops of the core (default: the model's full depth)", whole(1, mostLoops))
    .option("--trajectory <steps>", "step sizes that sum to 1, like 0.5,0.25,0.25", trajectory)
    .option("--exit <rule>", `end a token's loops early: ${exitForms}`)
    .option(
      "--draft <draft>",
      "draft with few loops and verify with all, for the same text: prefix:LOOPS:TOKENS, coarse:LOOPS:TOKENS, none, or auto (what gyre " +
        "calibrate found)",
      draft,
      "auto",
    );
  for (const option of flagsOf("generation")) command.addOption(option);
  command
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText(
      "after",
      '\nExample:\n  $ gyre generate runs/first --prompt "The state of our union" --loops 3',
    )
    .action(async (run: string, options: GenerateOptions) =>
      exit(await (await import("./commands/generate.ts")).generateCommand(run, options)),
    );
}

function addExits(program: Command, exit: Exit): void {
  program
    .command("exits")
    .summary("measure what leaving loops early costs")
    .description(
      "Reads the validation part token by token, as text is written, under every exit rule at several limits, and " +
        "compares it with fixed depths and with a random exit at the same mean number of loops. For a run on a task, " +
        "each answer to a held-out problem leaves by itself: do harder ones take more loops? Writes a report as gyre " +
        "eval does.",
    )
    .argument("<run>", "the run to measure")
    .option("--max-tokens <n>", "tokens to predict for each limit of each rule (default: 4096)", whole(1))
    .option(
      "--cache-policy <policy>",
      "what later tokens see in loops that an earlier one never ran: recompute or share-last (default: recompute)",
      word("recompute", "share-last"),
    )
    .option("--data <dir>", "dataset, if not the one that the run was trained on")
    .option("--count <n>", "held-out problems of a task (default: 500)", whole(1, 2 ** 20))
    .option("--seed <n>", "seed of these problems (default: 1)", whole(0))
    .option("--out <dir>", "folder of the report (default: reports/ in the run)")
    .addOption(nameFlag())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText("after", "\nExample:\n  $ gyre exits runs/first --max-tokens 2048")
    .action(async (run: string, options: ExitsOptions) =>
      exit(await (await import("./commands/exits.ts")).exitsCommand(run, options)),
    );
}

function addCalibrate(program: Command, exit: Exit): void {
  program
    .command("calibrate")
    .summary("find out whether drafting with few loops pays")
    .description(
      "Times plain decoding and drafts of few loops in turn, on beginnings from the validation part. The fastest draft " +
        "is kept with the run, and gyre generate uses it; if none pays on this machine, none is used.",
    )
    .argument("<run>", "the run to calibrate")
    .option("--max-tokens <n>", "tokens to write after each of four beginnings (default: 48)", whole(8))
    .option("--data <dir>", "dataset of the beginnings, if not the one that the run was trained on")
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText("after", "\nExample:\n  $ gyre calibrate runs/first")
    .action(async (run: string, options: CalibrateOptions) =>
      exit(await (await import("./commands/calibrate.ts")).calibrateCommand(run, options)),
    );
}

function addServe(program: Command, exit: Exit): void {
  const command = program
    .command("serve")
    .summary("answer OpenAI's API over HTTP, at any depth")
    .description(
      "Serves /v1/completions, /v1/chat/completions and /v1/models; /docs lists every field, /metrics is for " +
        "Prometheus. Texts at different depths share calls of the core. A model's id is its folder's name; a depth " +
        "may follow it, as in first@2. Ctrl-C finishes the requests in progress and stops.",
    )
    .argument("<runs...>", "the runs whose models write")
    .option(
      "--host <address>",
      "address to listen on, 0.0.0.0 for all; if repeated, other names that requests without a key may use " +
        "(default: 127.0.0.1, this machine only)",
      (host: string, others: readonly string[] = []) => [...others, host],
    )
    .addOption(new Option("--api-key <key>", "key that clients must send").env("GYRE_API_KEY"))
    .option("--cors <origin>", "site whose pages may call, like https://example.org (default: none)");
  const called = {
    seconds: "timeLimit",
    bodyBytes: "maxBody",
    choices: "maxChoices",
    promptTokens: "maxPrompt",
    loops: "maxLoops",
  };
  for (const option of [...flagsOf("serve"), ...flagsOf("limits", { called })]) command.addOption(option);
  command
    .option(
      "--drain <seconds>",
      "time for requests in progress to finish when the server stops",
      number(0),
      30,
    )
    .option(
      "--log [format]",
      "write a line for each request to standard error, as text (default) or json, without its prompt",
      word("text", "json"),
    )
    .addOption(weightsFlag())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText(
      "after",
      `
Example:
  $ gyre serve runs/first
  $ curl http://127.0.0.1:8080/v1/completions -H "Content-Type: application/json" \\
      -d '{"model": "first", "prompt": "My fellow citizens", "max_tokens": 40, "loops": 2}'`,
    )
    .action(async (runs: string[], options: ServeOptions) =>
      exit(await (await import("./commands/serve.ts")).serveCommand(runs, options)),
    );
}

function addInspect(program: Command, exit: Exit): void {
  const command = program
    .command("inspect")
    .summary("show a model's parameters, costs and graphs")
    .description(
      "Prints the spec of a run, or of the model that the flags describe, with its parameters and what each number of " +
        "loops costs; or one of its graphs. No weight is read.",
    )
    .argument("[run]", "a run; without one, the model that the flags describe")
    .option(
      "--graph <which>",
      "print a graph: forward, backward (before passes) or step (as it runs)",
      word("forward", "backward", "step"),
    )
    .option("--batch <n>", "sequences in the printed graph", whole(1, 65_536), 1);
  for (const option of flagsOf("model")) command.addOption(option);
  command
    .option("--vocab <n>", "entries of the vocabulary, without a run", whole(1, 2 ** 22), 4096)
    .addHelpText("after", "\nExample:\n  $ gyre inspect --family loopformer --loops 4 --graph step")
    .action(async (run: string | undefined, options: InspectOptions) =>
      exit(await (await import("./commands/inspect.ts")).inspectCommand(run, options)),
    );
}

function addImport(program: Command, exit: Exit): void {
  const command = program
    .command("import")
    .summary("make a run from an official checkpoint")
    .description(
      "Reads a folder with config.json and model.safetensors, as on the Hugging Face hub: loopformer, tmlt, " +
        "base_loop or base; names with the prefix `gpt.` or without; float32, float16 or bfloat16. An error lists " +
        "all tensors that are missing, unknown or of a wrong shape.",
    )
    .argument("<dir>", "folder with config.json and model.safetensors")
    .requiredOption("--out <run>", "folder of the new run")
    .option(
      "--tokenizer <which>",
      "gpt2, bytes, or a tokenizer.json (default: by the vocabulary, or the tokenizer.json of the folder)",
    )
    .option("--loops <n>", "full depth, if config.json has no max_loops (default: 8)", whole(1, mostLoops))
    .option("--task <name>", "the task that it learned (default: what config.json says, if anything)")
    .option("--difficulty <range>", "the difficulties of --task, like 2..12", difficultyRange);
  withFormFlags(command)
    .option("--force", "replace the run that is already at --out")
    .addHelpText("after", "\nExample:\n  $ gyre import LoopFormer-3block-8iterations --out runs/loopformer")
    .action(async (dir: string, options: ImportOptions) =>
      exit(await (await import("./commands/import.ts")).importCommand(dir, options)),
    );
}

function addExport(program: Command, exit: Exit): void {
  program
    .command("export")
    .summary("write a run as an official checkpoint")
    .description(
      "Writes config.json and model.safetensors with the official tensor names, and the files in which Hugging Face's " +
        "libraries find the tokenizer. An imported model is exported byte for byte, unless you ask for another type or prefix.",
    )
    .argument("<run>", "the run")
    .argument("<dir>", "folder to write to")
    .addOption(checkpointFlag())
    .addOption(weightsFlag())
    .option(
      "--dtype <type>",
      "float32, float16 or bfloat16 (default: as imported, or float32)",
      word("float32", "float16", "bfloat16"),
    )
    .option(
      "--prefix <prefix>",
      "prefix of the names: gpt, as on the hub, or none, as in the author's files (default: as imported, or gpt)",
      word("gpt", "none"),
    )
    .option("--force", "replace an existing model")
    .addHelpText("after", "\nExample:\n  $ gyre export runs/first exported --dtype bfloat16")
    .action(async (run: string, dir: string, options: ExportOptions) =>
      exit(await (await import("./commands/export.ts")).exportCommand(run, dir, options)),
    );
}
