import type { Command } from "commander";
import type { StudioCommandOptions } from "./commands/studio.ts";
import { whole } from "./options.ts";

/** `gyre studio`. */
export function addStudio(program: Command, exit: (code: number) => void): void {
  program
    .command("studio")
    .summary("train, play and look inside, in a browser")
    .description(
      "Serves the studio to this machine: a site in which models are trained and used at any depth, by the browser " +
        "itself. Runs that are named here can be opened in it. Ctrl-C ends it.",
    )
    .argument("[runs...]", "runs, or folders of runs")
    .option("--port <n>", "port to listen on, 0 for any that is free", whole(0, 65_535), 8090)
    .addHelpText("after", "\nExample:\n  $ gyre studio runs")
    .action(async (runs: string[], options: StudioCommandOptions) =>
      exit(await (await import("./commands/studio.ts")).studioCommand(runs, options)),
    );
}
