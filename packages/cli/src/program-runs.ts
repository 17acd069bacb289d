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
    .summary("list runs, and what is known of each")
    .description(
      "Lists the runs in a folder and in folders of it: model, size, steps, the last loss, disk and age. What looks " +
        "like a run and cannot be opened is named with its problem.",
    )
    .argument("[folder]", "where to look", "runs")
    .option("--json", "everything as JSON")
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
      "Training keeps the two newest checkpoints of a run, so that one is whole at every moment. Of a run that is " +
        "done, this keeps the newest good one, and deletes what dead processes left. A run whose checkpoints are all " +
        "damaged loses nothing.",
    )
    .argument("<run...>", "runs to clean")
    .option("--keep <n>", "good checkpoints to keep", whole(1), 1)
    .option("--dry-run", "say what would go, and delete nothing")
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
      "Draws what runs wrote down while they trained: the loss of training, and what was measured on held-out data, of " +
        "one run at every number of loops, of several at full depth; where the loss or the gradient norm jumped, and the newest " +
        "samples. In the terminal, and as SVG with --out.",
    )
    .argument("<runs...>", "one run or several, of any kind, finished or not")
    .option("--out <dir>", "folder of the drawings (default: none are written)")
    .option(
      "--tensorboard <dir>",
      "also write all numbers as event files of TensorBoard, a folder for each run",
    )
    .option("--samples", "all samples that were written with --sample-every, and not the newest alone")
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
    .summary("lay measured runs beside each other")
    .description(
      "Gathers what gyre eval found of each run, alone or with others, into one table, one figure and one report: the " +
        "newest measurements on the same data under the same protocol. Nothing is measured again.",
    )
    .argument("<runs...>", "runs that were measured with gyre eval")
    .option("--out <dir>", "folder of the report (default: reports/ in the first run)")
    .addOption(nameFlag())
    .addHelpText("after", "\nExample:\n  $ gyre compare runs/loopformer runs/gpt --out reports/both")
    .action(async (runs: string[], options: CompareFlags) =>
      exit(await (await import("./commands/compare.ts")).compareCommand(runs, options)),
    );
}
