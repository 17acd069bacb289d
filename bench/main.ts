import { join, relative } from "node:path";
import type { Report } from "../packages/gyre/src/report/report.ts";
import { saveReport } from "../packages/gyre/src/runs/reports.node.ts";
import { GyreError } from "../packages/gyre/src/util/errors.ts";
import { answersTable, benchAnswers } from "./answers.ts";
import { benchData, dataTable } from "./data.ts";
import { benchDecode, decodeTable } from "./decode.ts";
import { provenance, repositoryRoot, writeResult } from "./harness.ts";
import { benchIcl, iclTable } from "./icl.ts";
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

async function measure(
  request: Exclude<Request, { bench: "help" }>,
  words: readonly string[],
): Promise<Measured> {
  const common = { provenance: provenance(words), print };
  if (request.bench === "startup") {
    const result = await benchStartup({ ...common, config: request.config, rounds: request.rounds });
    return { name: `startup-${request.config}`, result, text: startupTable(result) };
  }
  if (request.bench === "decode") {
    const result = await benchDecode({ ...common, ...request });
    return { name: `decode-${request.config}`, result, text: decodeTable(result) };
  }
  if (request.bench === "serve") {
    const { config, rounds, threads } = request;
    const result = await benchServe({ ...common, config, rounds, threads });
    return { name: `serve-${config}`, result, text: serveTable(result) };
  }
  if (request.bench === "tasks") {
    const result = await benchTasks({ ...common, rounds: request.rounds });
    return { name: "tasks", result, text: tasksTable(result) };
  }
  if (request.bench === "data") {
    const result = await benchData({ ...common, ...request });
    return { name: "data", result, text: dataTable(result) };
  }
  if (request.bench === "prepare") {
    const result = await benchPrepare({ ...common, ...request });
    return { name: "prepare", result, text: prepareTable(result) };
  }
  if (request.bench === "ranks") {
    const result = await benchRanks({ ...common, ...request });
    return { name: "ranks", result, text: ranksTable(result) };
  }
  if (request.bench === "web") {
    const result = await benchWeb({ ...common, ...request });
    return { name: `web-${request.config}`, result, text: webTable(result) };
  }
  if (request.bench === "overlay") {
    const result = await benchOverlay({ ...common, ...request });
    return { name: "overlay", result, text: overlayTable(result), report: overlayReport(result) };
  }
  if (request.bench === "icl") {
    const result = await benchIcl({ ...common, ...request });
    return { name: `icl-${request.config}`, result, text: iclTable(result) };
  }
  if (request.bench === "answers") {
    const result = await benchAnswers({ ...common, ...request });
    return { name: `answers-${request.config}`, result, text: answersTable(result) };
  }
  if (request.bench === "profile") {
    const { config, rounds, threads } = request;
    const result = await benchProfile({ ...common, config, rounds, threads });
    return { name: `profile-${config}`, result, text: profileTable(result) };
  }
  const { config, rounds, threads, recompute, peer } = request;
  const result = await benchTrain({ ...common, config, rounds, threads, recompute, peer });
  return { name: `train-${config}${recompute ? "-recompute" : ""}`, result, text: trainTable(result) };
}

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
