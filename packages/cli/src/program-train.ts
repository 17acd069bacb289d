import type { Command } from "commander";
import type { SweepFlags } from "./commands/sweep.ts";
import {
  checkpointFlag,
  deviceFlag,
  flagsOf,
  ranksFlag,
  tensorboardFlag,
  threadsFlag,
  weightsFlag,
  withHeldOutFlags,
} from "./flags.ts";
import { difficultyRange, number, whole } from "./options.ts";
import { withFormFlags } from "./program-tasks.ts";
import type { TrainOptions } from "./train-options.ts";

/** What a flag of training means where it is a task that is trained on. */
const aboutTasks = {
  model: { context: "longest text in tokens; for a task, what its hardest problem needs" },
  training: { batch: "sequences a micro-batch; for a task, 64 problems" },
} as const;

/** Adds `gyre train`. */
export function addTrain(program: Command, exit: (code: number) => void): void {
  const command = program
    .command("train")
    .summary("train a model")
    .description(
      "Trains a model on prepared data and writes a run: config, metrics.jsonl and checkpoints. Ctrl-C saves and " +
        "stops; --resume continues as if it had never stopped, bit for bit.",
    )
    .argument(
      "[data]",
      "folder of gyre prepare, or the name of a task (gyre tasks list); a folder with that name comes first",
    )
    .option("--out <run>", "folder of the new run")
    .option(
      "--resume <run>",
      "continue a run with its own options and threads; more --steps train for longer",
    )
    .option(
      "--from <run>",
      "start with the model and the weights of another run on text, or of the folder of a checkpoint: fine-tuning",
    )
    .addOption(checkpointFlag())
    .addOption(weightsFlag())
    .option("--dry-run", "print what training would take, and write nothing")
    .option("--data <dir>", "with --resume: where the run's dataset is now")
    .option("--recipe <file>", 'JSON file {"model": {...}, "training": {...}}; flags override it')
    .option("--force", "replace the run that is already at --out")
    .option("--checkpoint-every <steps>", "optimizer steps between checkpoints", whole(1), 100)
    .option(
      "--sample-every <steps>",
      "for text: steps between samples at three depths, shown and kept",
      whole(1),
    )
    .addOption(tensorboardFlag())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(ranksFlag());
  withHeldOutFlags(withFormFlags(command))
    .option(
      "--difficulty <range>",
      "for a task, like 24 or 2..24 (default: its usual range)",
      difficultyRange,
    )
    .option(
      "--curriculum <share>",
      "for a task: let its hardest difficulty grow over this share of the steps",
      number(0, true, 1),
    );
  for (const option of flagsOf("model", { about: aboutTasks.model })) command.addOption(option);
  for (const option of flagsOf("training", { about: aboutTasks.training })) command.addOption(option);
  command
    .addHelpText(
      "after",
      `
Examples:
  $ gyre train data/sotu --out runs/first --loops 6 --steps 1000
  $ gyre train data/sotu --out runs/gpt --family gpt --layers 6
  $ gyre train words --group S3 --out runs/words --layers 1 --loops 8 --width 64 --heads 4 --mlp 256
  $ gyre train data/sotu --out runs/both --micro-batches 2 --ranks 2
  $ gyre train data/sotu --out runs/careful --eval-every 50 --patience 3
  $ gyre train data/mine --out runs/mine --from runs/first --checkpoint best --steps 200
  $ gyre train --resume runs/first`,
    )
    .action(async (data: string | undefined, options: TrainOptions) =>
      exit(await (await import("./commands/train.ts")).trainCommand(data, options)),
    );
}

/** Adds `gyre sweep`. */
export function addSweep(program: Command, exit: (code: number) => void): void {
  program
    .command("sweep")
    .summary("train a recipe many times and find the best options")
    .description(
      "Trains one recipe with many values of its fields: every combination of lists, or random draws, with several seeds " +
        "and, if the file says so, successive halving. Each run is a process of gyre train. The same command continues a " +
        "sweep that was stopped. Ends with a table, a figure, report.json and best.json, the best recipe.",
    )
    .argument("<file>", "sweep as JSON; recipes/sweeps has examples")
    .requiredOption("--out <folder>", "folder of the runs and of the report")
    .option(
      "--jobs <n>",
      "processes at a time (default: 1; with --slurm, as many as it grants)",
      whole(1, 1024),
    )
    .addOption(deviceFlag())
    .option(
      "--threads <n>",
      "threads of each process (default: the cores divided among them; with --slurm, 1)",
      whole(1),
    )
    .option("--slurm", "submit the runs as one array of jobs; repeat the command when they have ended")
    .option("--dry-run", "print what would be trained (with --slurm, the job script), and write nothing")
    .addHelpText(
      "after",
      `
Examples:
  $ gyre sweep recipes/sweeps/tiny.json --out runs/tiny-sweep --jobs 2
  $ gyre sweep recipes/sweeps/tiny.json --out runs/tiny-sweep --slurm --dry-run`,
    )
    .action(async (file: string, options: SweepFlags) =>
      exit(await (await import("./commands/sweep.ts")).sweepCommand(file, options)),
    );
}
