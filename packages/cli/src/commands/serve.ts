import { once } from "node:events";
import { serve } from "gyre/server";
import { interruptSignal } from "../interrupt.ts";

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly apiKey?: string;
  readonly cors?: string;
  readonly slots: number;
  readonly draft: "auto" | "none";
  readonly queue: number;
  readonly timeLimit: number;
  readonly maxBody: number;
  readonly maxPrompt?: number;
  readonly maxChoices: number;
  readonly maxLoops?: number;
  readonly drain: number;
  readonly threads?: number;
}

/** Serves runs until Ctrl-C or SIGTERM, then finishes what runs. */
export async function serveCommand(runs: readonly string[], options: ServeOptions): Promise<number> {
  const { host, port, apiKey, cors, slots, draft, threads, drain } = options;
  const signal = interruptSignal();
  await using server = await serve(runs, {
    host,
    port,
    slots,
    draft,
    ...(threads === undefined ? {} : { threads }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(cors === undefined ? {} : { corsOrigin: cors }),
    limits: {
      queue: options.queue,
      seconds: options.timeLimit,
      bodyBytes: options.maxBody,
      choices: options.maxChoices,
      ...(options.maxPrompt === undefined ? {} : { promptTokens: options.maxPrompt }),
      ...(options.maxLoops === undefined ? {} : { loops: options.maxLoops }),
    },
    onFault: (error) => console.error(error),
  });
  for (const warning of server.warnings) console.error(`warning: ${warning}`);
  const models = server.models.map(({ id, spec }) => `${id} (${spec.family}, ${spec.loops} loops)`);
  console.log(`${server.url} serves ${models.join(", ")}`);
  if (!signal.aborted) await once(signal, "abort");
  await server.close(drain);
  return 0;
}
