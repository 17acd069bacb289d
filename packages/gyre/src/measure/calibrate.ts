import { generate } from "../decode/generate.ts";
import { type Draft, draftKinds } from "../decode/speculate.ts";
import type { Model } from "../models/model.ts";
import { speedup, WORTHWHILE } from "../report/drafts-page.ts";
import type { Calibration } from "../report/report.ts";
import { median } from "../util/statistics.ts";

/** What `calibrate` tries: prompts and numbers of drafted tokens. */
export interface CalibrateOptions {
  /** Texts to continue. */
  readonly prompts: readonly (readonly number[])[];
  /** Tokens to write after each prompt; 48 by default. */
  readonly maxTokens?: number;
  /** Called after every prompt. */
  readonly onProgress?: (progress: {
    readonly done: number;
    readonly total: number;
    readonly draft: Draft;
  }) => void;
  readonly signal?: AbortSignal;
}

interface Measured {
  readonly seconds: number;
  readonly tokens: number;
  readonly blockPasses: number;
  readonly proposed: number;
  readonly kept: number;
}

const draftLengths = [1, 2, 3, 4, 6, 8];

/** Times plain decoding and every kind of draft in turn on the same prompts. */
export async function calibrate(model: Model, options: CalibrateOptions): Promise<Calibration> {
  const { loops } = model.spec;
  const candidates: Draft[] = draftKinds.flatMap((kind) =>
    Array.from({ length: loops - 1 }, (_, index) => index + 1).flatMap((count) =>
      draftLengths.map((tokens) => ({ kind, loops: count, tokens })),
    ),
  );
  const { tokens } = await time(model, options, undefined);
  const drafts: Calibration["drafts"] = [];
  for (const [done, draft] of candidates.entries()) {
    options.onProgress?.({ done, total: candidates.length, draft });
    await time(model, { ...options, prompts: options.prompts.slice(0, 1) }, draft);
    drafts.push(await inTurn(model, options, draft));
  }
  const fastest = drafts.toSorted((a, b) => speedup(b) - speedup(a))[0];
  // the fastest of many is partly luck: it has to be so once more
  const isWorthwhile = fastest && speedup(await inTurn(model, options, fastest.draft)) >= WORTHWHILE;
  return { loops, tokens, drafts, best: isWorthwhile ? fastest.draft : null };
}

/** Plain decoding and a draft, one after the other, three times: medians, so that a busy moment decides nothing. */
async function inTurn(model: Model, options: CalibrateOptions, draft: Draft) {
  const [plain, drafted]: [Measured[], Measured[]] = [[], []];
  for (let turn = 0; turn < 3; turn++) {
    plain.push(await time(model, options, undefined));
    drafted.push(await time(model, options, draft));
  }
  const perSecond = (all: readonly Measured[]) => median(all.map(({ tokens, seconds }) => tokens / seconds));
  const { kept, proposed, blockPasses, tokens } = drafted[0] as Measured;
  return {
    draft,
    tokensPerSecond: perSecond(drafted),
    plainTokensPerSecond: perSecond(plain),
    acceptance: kept / Math.max(1, proposed),
    blockPassesPerToken: blockPasses / tokens,
  };
}

/** Writes after every prompt; the prompts' time counts, their blocks do not. */
async function time(model: Model, options: CalibrateOptions, draft: Draft | undefined): Promise<Measured> {
  const { prompts, maxTokens = 48, signal } = options;
  const { loops, layers } = model.spec;
  const sums = { seconds: 0, tokens: 0, blockPasses: 0, proposed: 0, kept: 0 };
  const request = { temperature: 0, maxTokens, window: "stop" as const, ...(draft ? { draft } : {}) };
  for (const prompt of prompts) {
    const started = performance.now();
    for await (const token of generate(model, prompt, { ...request, ...(signal ? { signal } : {}) })) {
      sums.proposed += token.drafts?.proposed ?? 0;
      sums.kept += token.drafts?.kept ?? 0;
      sums.tokens++;
      sums.blockPasses += token.blockPasses;
    }
    sums.seconds += (performance.now() - started) / 1000;
    sums.blockPasses -= (prompt.length - 1) * loops * layers.core;
  }
  return sums;
}
