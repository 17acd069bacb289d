import { hasVectors, type Spec } from "./spec.ts";

const embedders = {
  "loop.0": "time_embedder.mlp.0",
  "loop.1": "time_embedder.mlp.2",
  "time.0": "time_embedder.mlp.0",
  "time.1": "time_embedder.mlp.2",
  "step.0": "dt_embedder.mlp.0",
  "step.1": "dt_embedder.mlp.2",
};

const blockNames = (norm: string) => ({
  "attention.norm": `${norm}_1`,
  "attention.qkv": "attn.c_attn",
  "attention.output": "attn.c_proj",
  "mlp.norm": `${norm}_2`,
  "mlp.up": "mlp.c_fc",
  "mlp.down": "mlp.c_proj",
  modulation: "adaLN_modulation.1",
});

interface Names {
  readonly stages: Readonly<Record<string, string>>;
  readonly finalNorm: string;
  readonly inBlock: Readonly<Record<string, string>>;
  readonly outside: Readonly<Record<string, string>>;
}

/** LoopFormer's code, models/*.py; it has no prelude and no coda. */
const ofTokens: Names = {
  stages: { prelude: "transformer.prelude", core: "transformer", coda: "transformer.coda" },
  finalNorm: "norm_f",
  inBlock: blockNames("norm"),
  outside: {
    ...embedders,
    "embed.tokens": "transformer.wte",
    "embed.positions": "transformer.wpe",
    "readout.norm": "transformer.norm_f",
  },
};

/** The Looped Transformer's code, nano_gpt.py and models.py; it has no prelude and no coda. */
const ofVectors: Names = {
  stages: { prelude: "_prelude.transformer", core: "_backbone.transformer", coda: "_coda.transformer" },
  finalNorm: "ln_f",
  inBlock: blockNames("ln"),
  outside: {
    ...embedders,
    "embed.vectors": "_read_in",
    "embed.positions": "_backbone.transformer.wpe",
    "readout.norm": "_backbone.transformer.ln_f",
    readout: "_read_out",
  },
};

/**
 * The name that a parameter had first: that of the papers' own code, or one in its manner; its own where it came
 * later. A seed draws initial weights by this name, so that it gives the weights that it always gave; official files
 * and runs of the first format hold tensors by it.
 */
export function firstName(spec: Spec, name: string): string {
  const at = name.lastIndexOf(".");
  const path = firstPath(spec, name.slice(0, at));
  return path === undefined ? name : `${path}${name.slice(at)}`;
}

function firstPath(spec: Spec, path: string): string | undefined {
  const { stages, finalNorm, inBlock, outside } = hasVectors(spec) ? ofVectors : ofTokens;
  const [, stage = "", block, rest = ""] = /^(prelude|core|coda)\.(?:(\d+)\.)?(.+)$/.exec(path) ?? [];
  const root = stages[stage];
  if (root === undefined) return outside[path];
  if (block === undefined) return `${root}.${rest === "positions" ? "wpe" : finalNorm}`;
  // the code of the looped language models holds the blocks of a loop one level deeper
  const hasLoop = stage === "core" && !hasVectors(spec) && spec.family !== "gpt";
  return inBlock[rest] && `${root}.h.${hasLoop ? "blocks." : ""}${block}.${inBlock[rest]}`;
}
