import type { Command } from "commander";
import type { CleanFlags } from "./commands/clean.ts";
import type { CompareFlags } from "./commands/compare.ts";
import type { PlotFlags } from "./commands/plot.ts";
import type { RunsOptions } from "./commands/runs.ts";
import { nameFlag } from "./flags.ts";
import { whole } from "./options.ts";

type Exit = (code: number) => void;

/** The commands about runs that are there: list, plot, compare, clean. */
export function addRuns(program: Command, exit: Exit): void {
  addList(program, exit);
  addPlot(program, exit);
  addCompare(program, exit);
  addClean(program, exit);
}

function addList(program: Command, exit: Exit): void {
  program
    .command("runs")
    .summary("list runs with what they learned")
    .description(
      "Lists the runs in a folder and in the folders inside it: model, size, steps, last loss, disk space and age. A run " +
        "that cannot be opened is listed with its problem.",
    )
    .argument("[folder]", "where to look", "runs")
    .option("--json", "print everything as JSON")
    .addHelpText("after", "\nExample:\n  $ gyre runs runs")
    .action(async (folder: string, options: RunsOptions) =>
      exit(await (await import("./commands/runs.ts")).runsCommand(folder, options)),
    );
}

function addClean(program: Command, exit: Exit): void {
  program
    .command("clean")
    .summary("delete checkpoints that are not the newest")
    .description(
      "Training keeps the two newest checkpoints of a run, so that one is complete at any moment. This command keeps " +
        "only the newest good one of a finished run, and deletes what dead processes left behind. If all checkpoints " +
        "of a run are damaged, it deletes none.",
    )
    .argument("<run...>", "runs to clean")
    .option("--keep <n>", "good checkpoints to keep", whole(1), 1)
    .option("--dry-run", "print what would be deleted, and delete nothing")
    .addHelpText("after", "\nExample:\n  $ gyre clean runs/first --dry-run")
    .action(async (runs: string[], options: CleanFlags) =>
      exit(await (await import("./commands/clean.ts")).cleanCommand(runs, options)),
    );
}

function addPlot(program: Command, exit: Exit): void {
  program
    .command("plot")
    .summary("draw how runs learned")
    .description(
      "Draws how runs learned, from what they recorded: the loss of training, and quality on held-out data (of one run " +
        "at every number of loops, of several at full depth). Marks where the loss or the gradient norm jumped, and " +
        "prints the newest samples. Draws in the terminal, and as SVG with --out.",
    )
    .argument("<runs...>", "runs of any kind, finished or not")
    .option("--out <dir>", "folder of the drawings (default: none are written)")
    .option(
      "--tensorboard <dir>",
      "also write all numbers as event files of TensorBoard, a folder for each run",
    )
    .option("--samples", "print all samples of --sample-every, not only the newest")
    .addHelpText(
      "after",
      "\nExamples:\n  $ gyre plot runs/first runs/second --out figures\n  $ gyre plot runs/first --tensorboard runs/tensorboard",
    )
    .action(async (runs: string[], options: PlotFlags) =>
      exit(await (await import("./commands/plot.ts")).plotCommand(runs, options)),
    );
}

function addCompare(program: Command, exit: Exit): void {
  program
    .command("compare")
    .summary("compare runs that were measured")
    .description(
      "Collects what gyre eval measured for each run into one table, one figure and one report: the newest measurements " +
        "on the same data with the same protocol. Nothing is measured again.",
    )
    .argument("<runs...>", "runs that were measured with gyre eval")
    .option("--out <dir>", "folder of the report (default: reports/ in the first run)")
    .addOption(nameFlag())
    .addHelpText("after", "\nExample:\n  $ gyre compare runs/loopformer runs/gpt --out reports/both")
    .action(async (runs: string[], options: CompareFlags) =>
      exit(await (await import("./commands/compare.ts")).compareCommand(runs, options)),
    );
}
