import { join, relative } from "node:path";
import type { Report } from "../packages/gyre/src/report/report.ts";
import { saveReport } from "../packages/gyre/src/runs/reports.node.ts";
import { GyreError } from "../packages/gyre/src/util/errors.ts";
import { answersTable, benchAnswers } from "./answers.ts";
import { benchData, dataTable } from "./data.ts";
import { benchDecode, decodeTable } from "./decode.ts";
import { provenance, repositoryRoot, writeResult } from "./harness.ts";
import { benchIcl, iclTable } from "./icl.ts";
import { benchMemory, memoryTable } from "./memory.ts";
import { help, parseRequest, type Request } from "./options.ts";
import { benchOverlay, overlayReport, overlayTable } from "./overlay.ts";
import { benchPrepare, prepareTable } from "./prepare.ts";
import { benchProfile, profileTable } from "./profile.ts";
import { benchRanks, ranksTable } from "./ranks.ts";
import { benchServe, serveTable } from "./serve.ts";
import { benchStartup, startupTable } from "./startup.ts";
import { benchTasks, tasksTable } from "./tasks.ts";
import { benchTrain, trainTable } from "./train.ts";
import { benchWeb, webTable } from "./web.ts";

const print = (text: string) => console.error(text);

interface Measured {
  readonly name: string;
  readonly result: object;
  readonly text: string;
  /** Also written to docs/results, with its drawings. */
  readonly report?: Report;
}

type Bench = Exclude<Request["bench"], "help">;
type Asked<Name extends Bench> = Extract<Request, { readonly bench: Name }>;
type Common = { readonly provenance: ReturnType<typeof provenance>; readonly print: typeof print };

const named = <Result extends object>(
  name: string,
  result: Result,
  tableOf: (result: Result) => string,
): Measured => ({ name, result, text: tableOf(result) });

const measures: {
  readonly [Name in Bench]: (request: Asked<Name>, common: Common) => Promise<Measured>;
} = {
  train: async (request, common) => {
    const { config, recompute } = request;
    const result = await benchTrain({ ...common, ...request });
    return named(`train-${config}${recompute ? "-recompute" : ""}`, result, trainTable);
  },
  profile: async (request, common) =>
    named(`profile-${request.config}`, await benchProfile({ ...common, ...request }), profileTable),
  decode: async (request, common) =>
    named(`decode-${request.config}`, await benchDecode({ ...common, ...request }), decodeTable),
  startup: async (request, common) =>
    named(`startup-${request.config}`, await benchStartup({ ...common, ...request }), startupTable),
  serve: async (request, common) =>
    named(`serve-${request.config}`, await benchServe({ ...common, ...request }), serveTable),
  icl: async (request, common) =>
    named(`icl-${request.config}`, await benchIcl({ ...common, ...request }), iclTable),
  tasks: async (request, common) => named("tasks", await benchTasks({ ...common, ...request }), tasksTable),
  data: async (request, common) => named("data", await benchData({ ...common, ...request }), dataTable),
  prepare: async (request, common) =>
    named("prepare", await benchPrepare({ ...common, ...request }), prepareTable),
  memory: async (request, common) => named("memory", benchMemory({ ...common, ...request }), memoryTable),
  ranks: async (request, common) => named("ranks", await benchRanks({ ...common, ...request }), ranksTable),
  web: async (request, common) =>
    named(`web-${request.config}`, await benchWeb({ ...common, ...request }), webTable),
  overlay: async (request, common) => {
    const result = await benchOverlay({ ...common, ...request });
    return { ...named("overlay", result, overlayTable), report: overlayReport(result) };
  },
  answers: async (request, common) =>
    named(`answers-${request.config}`, await benchAnswers({ ...common, ...request }), answersTable),
};

const measure = (request: Asked<Bench>, words: readonly string[]): Promise<Measured> =>
  (measures[request.bench] as (request: Asked<Bench>, common: Common) => Promise<Measured>)(request, {
    provenance: provenance(words),
    print,
  });

async function main(words: readonly string[]): Promise<void> {
  const request = parseRequest(words);
  if (request.bench === "help") return console.log(help);
  const { name, result, text, report } = await measure(request, words);
  console.log(text);
  console.log(`written: ${writeResult(name, result)}`);
  const folder = join(repositoryRoot, "docs/results", name);
  if (report)
    for (const path of await saveReport(report, { folder, name }))
      console.log(relative(repositoryRoot, path));
  if (request.json) console.log(JSON.stringify(result));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GyreError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
