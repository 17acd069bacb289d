import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { officialConfigInvalid } from "./errors.ts";

const upTo = (limit: number) => z.int().positive().max(limit);
const tokenId = z.int().nonnegative().nullable().optional();

/** What Hugging Face libraries write beside a model's own settings: kept as it is, without effect on the model. */
const bookkeeping = [
  "_attn_implementation_autoset",
  "_commit_hash",
  "_name_or_path",
  "attn_implementation",
  "auto_map",
  "chunk_size_feed_forward",
  "dtype",
  "id2label",
  "initializer_range",
  "is_decoder",
  "is_encoder_decoder",
  "label2id",
  "output_attentions",
  "output_hidden_states",
  "problem_type",
  "return_dict",
  "torch_dtype",
  "torchscript",
  "transformers_version",
  "use_bfloat16",
  "use_cache",
] as const;

type Bookkeeping = { readonly [Key in (typeof bookkeeping)[number]]: z.ZodOptional<z.ZodUnknown> };

const bookkeepingFields = Object.fromEntries(
  bookkeeping.map((key) => [key, z.unknown().optional()]),
) as Bookkeeping;

/** Lets a rule about several fields run beside other problems, as soon as its own fields are valid. */
function areValid(...fields: readonly string[]) {
  return ({ value, issues }: z.core.ParsePayload): boolean => {
    const isObject = typeof value === "object" && value !== null;
    return isObject && !issues.some((issue) => fields.includes(String(issue.path?.[0])));
  };
}

type TokenIdField = "bos_token_id" | "eos_token_id" | "pad_token_id";
type Vocabulary = { vocab_size: number } & { [Field in TokenIdField]?: number | null | undefined };

function idInVocabulary(field: TokenIdField) {
  const isInside = (config: Vocabulary) => (config[field] ?? 0) < config.vocab_size;
  const path: PropertyKey[] = [field];
  const problem = { path, error: "must be smaller than vocab_size", when: areValid(field, "vocab_size") };
  return [isInside, problem] as const;
}

/** The task that a model learned, in one of its forms, and the difficulties that it was trained on. */
export const learnedTaskSchema = z.strictObject({
  name: z.string(),
  variant: z.string().optional(),
  easiest: z.int().nonnegative(),
  hardest: z.int().nonnegative(),
});
/** The task that a model learned, in one of its forms, and the difficulties that it was trained on. */
export type LearnedTask = z.infer<typeof learnedTaskSchema>;

/**
 * config.json of LoopFormer and its baselines as on the Hugging Face hub. Any field that is neither one of
 * theirs nor known bookkeeping is refused. `max_loops` (our addition, optional) is the number of loops that
 * the model was trained for: 8 when absent; a `base` model does not loop and has 1. `task` (ours too) is what it learned, where
 * that was no text.
 */
export const officialConfig = z
  .strictObject({
    model_type: z.enum(["loopformer", "base", "base_loop", "tmlt"]),
    architectures: z.array(z.string()).nullable().optional(),
    block_size: upTo(most.context),
    vocab_size: upTo(most.vocab),
    n_layer: upTo(most.layers),
    n_head: upTo(most.heads),
    n_embd: upTo(most.width),
    intermediate_dim: upTo(most.mlp),
    bias: z.boolean(),
    dropout: z.literal(0, { error: "only 0 is supported: gyre has no dropout" }).default(0),
    bos_token_id: tokenId,
    eos_token_id: tokenId,
    pad_token_id: tokenId,
    /** The official code knows true alone; a head of its own is our addition. */
    tie_word_embeddings: z.boolean().optional(),
    max_loops: upTo(most.loops).optional(),
    task: learnedTaskSchema.optional(),
    ...bookkeepingFields,
  })
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, {
    path: ["n_head"],
    error: "must divide n_embd",
    when: areValid("n_embd", "n_head"),
  })
  .refine(({ model_type, max_loops }) => model_type !== "base" || (max_loops ?? 1) === 1, {
    path: ["max_loops"],
    error: "must be 1: a base model runs its layers once",
    when: areValid("model_type", "max_loops"),
  })
  .refine(...idInVocabulary("bos_token_id"))
  .refine(...idInVocabulary("eos_token_id"))
  .refine(...idInVocabulary("pad_token_id"))
  .transform((config) => ({ ...config, max_loops: config.max_loops ?? usualLoops(config.model_type) }));

/** A validated config.json; `max_loops` is filled in. */
export type OfficialConfig = z.output<typeof officialConfig>;

/** Reads config.json, as text or as parsed JSON. Throws CHECKPOINT_CONFIG with every problem listed. */
export function parseOfficialConfig(json: unknown, source = "config.json"): OfficialConfig {
  const result = officialConfig.safeParse(typeof json === "string" ? parseJson(json, source) : json, {
    error: inWords,
  });
  if (result.success) return result.data;
  throw officialConfigInvalid(source, problemsOf(result.error, "config"));
}

/**
 * The text of config.json as transformers writes it: sorted keys, two spaces, `0.0` for no dropout.
 * `max_loops` is left out where it is the one that a reader assumes. Throws CHECKPOINT_CONFIG.
 */
export function printOfficialConfig(config: z.input<typeof officialConfig>): string {
  const valid = parseOfficialConfig(config);
  const entries = Object.entries(valid).filter(([key, value]) => {
    return key !== "max_loops" || value !== usualLoops(valid.model_type);
  });
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(Object.fromEntries(entries), null, 2);
  return `${text.replace(/^ {2}"dropout": 0(?=,?$)/m, '  "dropout": 0.0')}\n`;
}

function usualLoops(modelType: string): number {
  return modelType === "base" ? 1 : 8;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw officialConfigInvalid(source, [`not JSON: ${cause instanceof Error ? cause.message : cause}`]);
  }
}
