import { once } from "node:events";
import { interruptSignal } from "../interrupt.ts";
import { serveStudio } from "../studio-server.ts";

export interface StudioCommandOptions {
  readonly port: number;
}

/** `gyre studio [RUN...]`: serves the studio until Ctrl-C. */
export async function studioCommand(
  runs: readonly string[],
  { port }: StudioCommandOptions,
): Promise<number> {
  const signal = interruptSignal();
  await using studio = await serveStudio({ runs, port });
  console.log(`the studio is at ${studio.url} (Ctrl-C ends it)`);
  if (!signal.aborted) await once(signal, "abort");
  return 0;
}
