import type { Command } from "commander";
import type { StudioCommandOptions } from "./commands/studio.ts";
import { whole } from "./options.ts";

/** `gyre studio`. */
export function addStudio(program: Command, exit: (code: number) => void): void {
  program
    .command("studio")
    .summary("train and use models in a browser")
    .description(
      "Serves the studio to this machine: a site on which the browser itself trains models and uses them at any depth. " +
        "It can open the runs named here. Ctrl-C ends it.",
    )
    .argument("[runs...]", "runs, or folders of runs")
    .option("--port <n>", "port to listen on; 0 takes a free one", whole(0, 65_535), 8090)
    .addHelpText("after", "\nExample:\n  $ gyre studio runs")
    .action(async (runs: string[], options: StudioCommandOptions) =>
      exit(await (await import("./commands/studio.ts")).studioCommand(runs, options)),
    );
}
