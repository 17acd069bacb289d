import { join } from "node:path";
import type { Page } from "playwright-core";
import { openBrowser, serveSite } from "../test/web/browser.ts";
import { type BenchConfig, type ConfigName, configs } from "./configs.ts";
import { alternate, type Provenance, repositoryRoot, round, table } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { compileSide } from "./ours/compile.ts";
import type { PageBench } from "./ours/page.ts";
import { measureStudio, type StudioResult } from "./web-studio.ts";

export interface WebOptions {
  readonly config: ConfigName;
  readonly rounds: number;
  readonly provenance: Provenance;
  readonly print: (text: string) => void;
}

/** Training as the quickstart does it. */
const quickstart: BenchConfig = {
  ...{ width: 192, heads: 6, mlp: 768, layers: 1, vocab: 2048, context: 64, batch: 8 },
  ...{ loops: 4, shortLoops: 2 },
};
const [PROMPT, NEW_TOKENS] = [16, 64];

interface Pair {
  readonly page: number;
  readonly node: number;
}

/** Medians, with one thread on each side. */
export interface WebResult {
  readonly bench: "web";
  readonly config: ConfigName;
  readonly trainMsPerStep: Pair & { readonly jaxJs: number };
  readonly decodeTokensPerSecond: Pair;
  readonly quickstartStepsPerSecond: Pair;
  /** Losses after as many steps from the same weights: what says that all three compute the same. */
  readonly firstLoss: Pair & { readonly jaxJs: number };
  readonly studio: StudioResult;
  readonly rounds: number;
  readonly provenance: Provenance;
  /** Our tokens/s in the page over Node's; our step in the page over Node's; jax-js's step over ours in the page. */
  readonly ratios: { readonly decodeNative: number; readonly trainNative: number; readonly jaxJs: number };
}

type Ask = <Name extends keyof PageBench>(
  name: Name,
  ...given: Parameters<PageBench[Name]>
) => Promise<Awaited<ReturnType<PageBench[Name]>>>;

/** Times a page of Chromium in turn with Node at one thread each, and jax-js in the same page; then the studio. */
export async function benchWeb({ config, rounds, provenance, print }: WebOptions): Promise<WebResult> {
  const size = configs[config];
  const site = await serveSite({ isIsolated: false, entry: join(repositoryRoot, "bench/ours/page.ts") });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction("globalThis.bench !== undefined");
    const times = await timeSides(askOf(page), { size, rounds, print });
    await page.close();
    print("the studio");
    const studio = await measureStudio(browser, rounds);
    const { train, decode } = times;
    const ratios = {
      decodeNative: round(decode.page / decode.node, 3),
      trainNative: round(train.page / train.node, 3),
      jaxJs: round(train.jaxJs / train.page, 3),
    };
    const { quick, firstLoss } = times;
    return {
      ...{ bench: "web", config, trainMsPerStep: train, decodeTokensPerSecond: decode },
      ...{ quickstartStepsPerSecond: quick, firstLoss, studio, rounds, provenance, ratios },
    };
  } finally {
    await browser.close();
    await site.close();
  }
}

const askOf =
  (page: Page): Ask =>
  (name, ...given) =>
    page.evaluate(
      ([which, words]) => {
        const { bench } = globalThis as unknown as {
          bench: Record<string, (...all: unknown[]) => unknown>;
        };
        return bench[which as string]?.(...(words as unknown[]));
      },
      [name, given] as const,
    ) as never;

interface Timing {
  readonly size: BenchConfig;
  readonly rounds: number;
  readonly print: (text: string) => void;
}

async function timeSides(ask: Ask, { size, rounds, print }: Timing) {
  await using node = stepProcess(size);
  await using small = stepProcess(quickstart);
  await using decoder = new LineProcess({
    name: "gyre",
    command: process.execPath,
    args: [await compileSide("decode"), "--config", JSON.stringify(size), "--threads", "1"],
  });
  print("one step of each side, to compile");
  const firstLoss = {
    page: round((await ask("train", "ours", size, 1)).loss, 5),
    node: round((await stepsOf(node, 1)).loss, 5),
    jaxJs: round((await ask("train", "jaxJs", size, 1)).loss, 5),
  };
  const nodeText = async () => [
    (await decoder.ask<{ msPerToken: number }>(`decode ${PROMPT} ${NEW_TOKENS}`)).msPerToken,
  ];
  const pageText = async () => [(await ask("decode", size, PROMPT, NEW_TOKENS)).msPerToken];
  const texts = { page: pageText, node: nodeText };
  await alternate(texts, 2);
  print(`${rounds} rounds`);
  const decode = await alternate(texts, rounds);
  const train = await alternate(
    {
      page: async () => (await ask("train", "ours", size, 1)).ms,
      node: async () => (await stepsOf(node, 2)).ms,
      jaxJs: async () => (await ask("train", "jaxJs", size, 1)).ms,
    },
    rounds,
  );
  const quick = await alternate(
    {
      page: async () => (await ask("train", "ours", quickstart, 5)).ms,
      node: async () => (await stepsOf(small, 5)).ms,
    },
    rounds,
  );
  const perSecond = ({ page, node: own }: typeof quick): Pair => ({
    page: round(1000 / page.median),
    node: round(1000 / own.median),
  });
  return {
    firstLoss,
    train: {
      page: round(train.page.median),
      node: round(train.node.median),
      jaxJs: round(train.jaxJs.median),
    },
    decode: perSecond(decode),
    quick: perSecond(quick),
  };
}

function stepProcess(size: BenchConfig): LineProcess {
  const script = join(repositoryRoot, "bench/ours/train-step.ts");
  const words = ["--config", JSON.stringify(size), "--threads", "1"];
  const args = ["--import", "tsx", "--conditions", "@gyre/source", script, ...words];
  return new LineProcess({ name: "gyre", command: process.execPath, args });
}

const stepsOf = (side: LineProcess, count: number) =>
  side.ask<{ ms: number[]; loss: number }>(`step ${count}`);

/** The result as a table for people. */
export function webTable(result: WebResult): string {
  const { trainMsPerStep, decodeTokensPerSecond, quickstartStepsPerSecond, firstLoss, ratios, studio } =
    result;
  return [
    table([
      [`web ${result.config}, one thread`, "page", "Node", "jax-js in the page"],
      ["training step, ms", trainMsPerStep.page, trainMsPerStep.node, trainMsPerStep.jaxJs],
      ["loss of the first step", firstLoss.page, firstLoss.node, firstLoss.jaxJs],
      ["decoding, tokens/s", decodeTokensPerSecond.page, decodeTokensPerSecond.node, "-"],
      ["quickstart, steps/s", quickstartStepsPerSecond.page, quickstartStepsPerSecond.node, "-"],
    ]),
    table(Object.entries(studio).map(([name, value]) => [name, value])),
    `decoding: ${ratios.decodeNative} of Node's speed; a step takes ${ratios.trainNative} times Node's; jax-js's ${ratios.jaxJs} times ours`,
  ].join("\n");
}
