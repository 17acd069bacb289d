import type { Command } from "commander";
import type { AnalyzeCommandOptions } from "./commands/analyze.ts";
import type { CardOptions } from "./commands/card.ts";
import { deviceFlag, nameFlag, threadsFlag } from "./flags.ts";
import { fileName, loopsRange, repeated, whole } from "./options.ts";

/** `gyre analyze`, as a description. */
export function addAnalyze(program: Command, exit: (code: number) => void): void {
  program
    .command("analyze")
    .summary("look inside the loops")
    .description(
      "Looks at what each loop does to the states of tokens, on the validation part or on held-out problems of a task: " +
        "how far it moves them, what the head would read there, how alike the loops are, and whether small disturbances " +
        "grow. Says whether the states settle, and how many loops are safe. Several runs are analysed on the same texts: " +
        "a chart of each quantity with a line for each run at full depth, and whether early exits stagnate while " +
        "LoopFormer's states keep moving. Writes a report as gyre eval does.",
    )
    .argument("<runs...>", "the run to analyse, or several of one dataset or task")
    .option(
      "--loops <range>",
      "numbers of loops to analyse, like 4,8 or L,16; losses are measured from 1 to the largest (default: L and 2 L)",
      loopsRange,
    )
    .option("--tokens <n>", "tokens to look at, in whole texts from all over the data", whole(1), 512)
    .option(
      "--traced <n>",
      "tokens of the first text that are shown one by one (default: 16, of several runs none)",
      whole(1),
    )
    .option("--data <dir>", "dataset, if not the one that the run was trained on")
    .option("--out <dir>", "folder of the report (default: reports/ in the first run)")
    .addOption(nameFlag())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  $ gyre analyze runs/first --loops 4,8,16\n" +
        "  $ gyre analyze runs/loopformer runs/early-exit runs/tmlt --out reports/inside",
    )
    .action(async (runs: string[], options: AnalyzeCommandOptions) =>
      exit(await (await import("./commands/analyze.ts")).analyzeCommand(runs, options)),
    );
}

/** `gyre card`, as a description. */
export function addCard(program: Command, exit: (code: number) => void): void {
  program
    .command("card")
    .summary("write one page about one checkpoint")
    .description(
      "Gathers what has been measured of a run's newest checkpoint, and measures what has not: quality at every number of " +
        "loops beside baselines, trajectories, exits under each cache policy, drafts, the verdict of gyre analyze, speed and " +
        "memory on this machine, and how it was trained. Writes card.json, card.md, card.html and drawings, and says what " +
        "was not measured.",
    )
    .argument("<run>", "the run to describe, on text or on a task")
    .option("--baseline <run>", "a run to compare with, on the same data; may be repeated", repeated)
    .option("--no-measure", "use only the reports in the runs' folders")
    .option("--max-tokens <n>", "tokens that quality is measured on", whole(1), 16_384)
    .option("--data <dir>", "dataset, if not the one that the run was trained on")
    .option("--out <dir>", "folder of the card (default: reports/ in the run)")
    .option("--name <name>", "name of its files", fileName, "card")
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addHelpText("after", "\nExample:\n  $ gyre card runs/first --baseline runs/gpt --baseline runs/gpt-deep")
    .action(async (run: string, options: CardOptions) =>
      exit(await (await import("./commands/card.ts")).cardCommand(run, options)),
    );
}
