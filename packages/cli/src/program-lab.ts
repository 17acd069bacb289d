import type { Command, Option } from "commander";
import type { LabEvalOptions } from "./commands/lab-eval.ts";
import type { LabReproduceOptions } from "./commands/lab-reproduce.ts";
import type { LabTrainOptions } from "./commands/lab-train.ts";
import {
  checkpointFlag,
  deviceFlag,
  flagsOf,
  nameFlag,
  ranksFlag,
  tensorboardFlag,
  weightsFlag,
  withHeldOutFlags,
} from "./flags.ts";
import { deviations, loopsRange, number, whole } from "./options.ts";

type Exit = (code: number) => void;

/** Adds `gyre lab` and its commands. */
export function addLab(program: Command, exit: Exit): void {
  const lab = program
    .command("lab")
    .summary("the in-context learning laboratory: tasks, algorithms, figures")
    .addHelpText("after", "\nExample:\n  $ gyre lab list\n  $ gyre lab reproduce linear-exact");
  lab
    .command("list")
    .description("Lists tasks, classical algorithms, recipes and figures.")
    .addHelpText("after", "\nExample:\n  $ gyre lab list")
    .action(async () => exit(await (await import("./commands/lab-list.ts")).labListCommand()));
  addTrain(lab, exit);
  addEval(lab, exit);
  addReproduce(lab, exit);
}

function addTrain(lab: Command, exit: Exit): void {
  const command = lab
    .command("train")
    .summary("train a recipe on fresh prompts of its task")
    .description(
      "Trains a model on prompts that are drawn anew for each step and writes a run: config, metrics.jsonl and " +
        "checkpoints. Ctrl-C saves and stops; --resume continues as if it had never stopped, bit for bit.",
    )
    .argument(
      "[recipe]",
      "a name from gyre lab list, or a .json file with name, summary, task, model and training",
    )
    .option("--out <run>", "folder of the new run")
    .option(
      "--resume <run>",
      "continue a run with its own options and number of threads; more --steps train on",
    )
    .option("--force", "replace the run that is already at --out")
    .option("--seed <n>", "seed of weights and prompts (default: the recipe's, 1)", whole(0))
    .option("--steps <n>", "optimizer steps (default: the recipe's)", whole(1, 1e9))
    .option("--learning-rate <lr>", "highest learning rate (default: the recipe's)", number(0, true))
    .addOption(flagsOf("promptTraining", { only: ["emaDecay"] })[0] as Option)
    .option("--batch <n>", "prompts a micro-batch (default: the recipe's)", whole(1))
    .option(
      "--micro-batches <n>",
      "micro-batches a step (default: the recipe's, 1); ranks share them",
      whole(1),
    )
    .option("--checkpoint-every <steps>", "optimizer steps between checkpoints", whole(1), 500)
    .addOption(tensorboardFlag())
    .addOption(deviceFlag())
    .option(
      "--threads <n>",
      "threads within one operation (default: 1, or those that the run began with); small models gain nothing from more",
      whole(1),
    )
    .addOption(ranksFlag());
  withHeldOutFlags(command)
    .addHelpText(
      "after",
      `
Examples:
  $ gyre lab train linear-looped --out runs/lab/linear-looped
  $ gyre lab train linear-looped --out runs/lab/linear-looped-seed2 --seed 2
  $ gyre lab train --resume runs/lab/linear-looped`,
    )
    .action(async (recipe: string | undefined, options: LabTrainOptions) =>
      exit(await (await import("./commands/lab-train.ts")).labTrainCommand(recipe, options)),
    );
}

function addEval(lab: Command, exit: Exit): void {
  lab
    .command("eval")
    .summary("measure runs of one task beside its classical algorithms")
    .description(
      "Measures runs of one task, and the task's classical algorithms, on the same prompts: error by examples, by loops " +
        "(also beyond the trained number) and by noise on the labels, with 90 % bands. Runs that differ only in their " +
        "seed share a line, which shows the best of them. Writes a report as gyre eval does.",
    )
    .argument("<runs...>", "runs of gyre lab train")
    .option(
      "--loops <range>",
      "numbers of loops, like 1..48 or 1,2,4 (default: up to 4 times the trained)",
      loopsRange,
    )
    .option(
      "--noise <list>",
      "standard deviations of the labels' noise, like 0,0.5",
      deviations,
      [0, 0.1, 0.2, 0.5, 1],
    )
    .option("--prompts <n>", "prompts to measure", whole(1), 1280)
    .option("--seed <n>", "seed of the prompts", whole(0), 0)
    .option("--out <dir>", "folder of the report (default: reports/ in the first run)")
    .addOption(checkpointFlag())
    .addOption(weightsFlag())
    .addOption(nameFlag())
    .addOption(deviceFlag())
    .addOption(ranksFlag())
    .addHelpText(
      "after",
      "\nExample:\n  $ gyre lab eval runs/lab/linear-looped runs/lab/linear-standard --out reports/linear",
    )
    .action(async (runs: string[], options: LabEvalOptions) =>
      exit(await (await import("./commands/lab-eval.ts")).labEvalCommand(runs, options)),
    );
}

function addReproduce(lab: Command, exit: Exit): void {
  lab
    .command("reproduce")
    .description(
      "Measures a figure again with two or three seeds, prints each claim with what was measured, and writes numbers " +
        "(JSON), a drawing (SVG) and a page (Markdown). If a claim fails, the report says so, and the exit code is 0.",
    )
    .argument("<figure>", "a name from gyre lab list, or all")
    .option("--out <dir>", "folder to write", "reports/lab")
    .option("--runs <dir>", "folder of trained models; a missing one is trained, in minutes", "runs/lab")
    .option("--seed <n>", "the first seed", whole(0), 1)
    .addHelpText("after", "\nExample:\n  $ gyre lab reproduce linear-bound --out reports/lab")
    .action(async (figure: string, options: LabReproduceOptions) =>
      exit(await (await import("./commands/lab-reproduce.ts")).labReproduceCommand(figure, options)),
    );
}
