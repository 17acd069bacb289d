import * as z from "zod";
import type { Calibration } from "./report.ts";

const { string, number, unknown, array, looseObject } = z;
const text = string();

/** Reports of version 1 had five forms; each becomes version 2. Fields that both have are checked by version 2. */
const quality = looseObject({
  kind: z.enum(["budget", "trajectories"]),
  command: text,
  createdAt: unknown(),
  provenance: looseObject({ dataset: text, split: text, machine: text, runtime: text }),
  models: unknown(),
}).transform(({ kind, command, createdAt, provenance, models }) => {
  const { commit, machine, runtime, dataset, split, ...protocol } = provenance;
  const data = { name: dataset, split };
  return {
    version: 2,
    kind: kind === "budget" ? "budgets" : kind,
    provenance: { command, commit, createdAt, machine, runtime, data },
    protocol,
    models,
  };
});

const exits = looseObject({
  kind: z.literal("exits"),
  model: text,
  dataset: text,
  command: text,
  machine: text,
}).transform(
  ({ kind, model, dataset, command, commit, createdAt, machine, cachePolicy, tokens, series }) => ({
    version: 2,
    kind,
    provenance: { command, commit, createdAt, machine, data: { name: dataset, split: "validation" } },
    model: { name: model },
    cachePolicy,
    tokens,
    series,
  }),
);

/** Each draft's speed-up was over plain decoding in turn with it, whose speed follows from both. */
const drafts = looseObject({
  machine: text,
  plainTokensPerSecond: number(),
  drafts: array(looseObject({ speedup: number().positive(), tokensPerSecond: number() })),
}).transform(({ machine, loops, tokens, drafts: timed, best }) => ({
  version: 2,
  kind: "drafts",
  provenance: { command: "gyre calibrate", machine },
  model: { name: `a model of ${loops} loops` },
  calibration: {
    loops,
    tokens,
    drafts: timed.map(({ speedup, ...draft }) => ({
      ...draft,
      plainTokensPerSecond: draft.tokensPerSecond / speedup,
    })),
    best: best as Calibration["best"],
  },
}));

const benchmarks = looseObject({
  kind: z.literal("benchmarks"),
  command: text,
  machine: text,
}).transform(({ kind, command, commit, createdAt, machine, runtime, benchmarks: asked, models }) => ({
  version: 2,
  kind,
  provenance: { command, commit, createdAt, machine, runtime },
  benchmarks: asked,
  models,
}));

const lab = looseObject({
  figure: text,
  title: text,
  series: array(looseObject({ name: text, isDashed: z.boolean().optional() })),
}).transform(({ title, subtitle, x, y, series, claims, table, settings, ...rest }) => {
  const { command, commit, createdAt, machine, seeds } = rest;
  const lines = series.map(({ isDashed, ...one }) => ({ ...one, line: isDashed ? "dashed" : "solid" }));
  const chart = { title, subtitle, x, y, series: lines };
  return {
    version: 2,
    kind: "lab",
    provenance: { command, commit, createdAt, machine, seeds },
    findings: { title, charts: [chart], claims, table, settings },
  };
});

/** A report of version 1 as one of version 2, whose fields are still to be checked. */
export const olderReport: z.ZodType<unknown> = z.union([quality, exits, drafts, benchmarks, lab]);
