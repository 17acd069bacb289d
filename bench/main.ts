import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { GyreError } from "../packages/gyre/src/util/errors.ts";
import { benchData, dataTable } from "./data.ts";
import { benchDecode, decodeTable } from "./decode.ts";
import { provenance, repositoryRoot, writeResult } from "./harness.ts";
import { benchIcl, iclTable } from "./icl.ts";
import { help, parseRequest, type Request } from "./options.ts";
import { benchOverlay, overlayCharts, overlayTable } from "./overlay.ts";
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
  /** Where the result and its drawings go; bench/results unless told. */
  readonly directory?: string;
  readonly drawings?: Readonly<Record<string, string>>;
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
    const directory = join(repositoryRoot, "docs/results/overlay");
    return {
      name: "overlay",
      result,
      text: overlayTable(result),
      directory,
      drawings: overlayCharts(result),
    };
  }
  if (request.bench === "icl") {
    const result = await benchIcl({ ...common, ...request });
    return { name: `icl-${request.config}`, result, text: iclTable(result) };
  }
  const { config, rounds, threads, recompute, peer, peerDtype } = request;
  const result = await benchTrain({ ...common, config, rounds, threads, recompute, peer, peerDtype });
  const suffix = (recompute ? "-recompute" : "") + (peerDtype === "float32" ? "" : `-${peerDtype}`);
  return { name: `train-${config}${suffix}`, result, text: trainTable(result) };
}

async function main(words: readonly string[]): Promise<void> {
  const request = parseRequest(words);
  if (request.bench === "help") return console.log(help);
  const { name, result, text, directory, drawings = {} } = await measure(request, words);
  console.log(text);
  const written = writeResult(name, result, directory);
  console.log(`written: ${directory ? relative(repositoryRoot, join(directory, `${name}.json`)) : written}`);
  for (const [file, drawing] of Object.entries(drawings))
    writeFileSync(join(directory ?? ".", file), drawing);
  if (request.json) console.log(JSON.stringify(result));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GyreError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
