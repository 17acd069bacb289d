import { once } from "node:events";
import { counted } from "gyre";
import type { Device, WhichWeights } from "gyre/node";
import { type LogFormat, logLine, serve } from "gyre/server";
import { interruptSignal } from "../interrupt.ts";

export interface ServeOptions {
  /** The first is listened on; requests may be sent to all of them. */
  readonly host?: readonly string[];
  readonly port?: number;
  readonly apiKey?: string;
  readonly cors?: string;
  readonly slots?: number;
  readonly draft?: "auto" | "none";
  readonly weights?: WhichWeights;
  readonly queue?: number;
  readonly timeLimit?: number;
  readonly maxBody?: number;
  readonly maxPrompt?: number;
  readonly maxChoices?: number;
  readonly maxLoops?: number;
  readonly drain: number;
  readonly log?: LogFormat | true;
  readonly device?: Device | undefined;
  readonly threads?: number;
}

/** Serves runs until Ctrl-C or SIGTERM, then finishes what runs. */
export async function serveCommand(runs: readonly string[], options: ServeOptions): Promise<number> {
  const { apiKey, cors: corsOrigin, port, slots, draft, weights, device, threads, drain, log } = options;
  const [host, ...hostNames] = options.host ?? [];
  const format = log === true ? "text" : log;
  const signal = interruptSignal();
  const limits = {
    queue: options.queue,
    seconds: options.timeLimit,
    bodyBytes: options.maxBody,
    choices: options.maxChoices,
    promptTokens: options.maxPrompt,
    loops: options.maxLoops,
  };
  await using server = await serve(runs, {
    ...given({ host, port, slots, draft, weights, device, threads, apiKey, corsOrigin }),
    hostNames,
    limits: given(limits),
    ...(format ? { onRequest: (record) => console.error(logLine(record, format)) } : {}),
    onFault: (error) => console.error(error),
  });
  for (const warning of server.warnings) console.error(`warning: ${warning}`);
  const models = server.models.map(
    ({ id, spec }) => `${id} (${spec.family}, ${counted(spec.loops, "loop")})`,
  );
  console.log(`${server.url} serves ${models.join(", ")}`);
  if (!signal.aborted) await once(signal, "abort");
  await server.close(drain);
  return 0;
}

/** The options that were given; the library's defaults hold for the others. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Options]?: Exclude<Options[Name], undefined> };
}
