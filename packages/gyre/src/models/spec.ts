import * as z from "zod";
import { inWords, problemsOf } from "../util/issues.ts";
import { most } from "../util/limits.ts";
import { badLoops, badSpec, badTrajectory } from "./errors.ts";
import { fromFlatSpec, isFlatSpec } from "./flat-spec.ts";

const upTo = (limit: number) => z.int().positive().max(limit);
const layerCount = z.int().min(0).max(most.layers);

const families = [
  "gpt",
  "baseLoop",
  "tmlt",
  "loopformer",
  "transformer",
  "tiedTransformer",
  "loopedTransformer",
  "algoformer",
] as const;

const layers = z.strictObject({
  prelude: layerCount.default(0).describe("layers that run once, before the core"),
  core: upTo(most.layers).describe("layers that loop, k"),
  coda: layerCount.default(0).describe("layers that run once, after the core"),
});

const attention = z.strictObject({
  heads: upTo(most.heads).describe("attention heads"),
  keyValueHeads: upTo(most.heads).describe(
    "heads of keys and values, shared by equal groups of heads; by default `heads`",
  ),
  bias: z.boolean().default(false).describe("biases in the projections of attention"),
});

const mlp = z.strictObject({
  width: upTo(most.mlp).describe("hidden width of the feed-forward network"),
  activation: z.enum(["gelu", "relu", "silu", "geluTanh"]).default("gelu").describe("its nonlinearity"),
  gated: z.boolean().default(false).describe("a second projection that multiplies the activation"),
  bias: z.boolean().default(false).describe("biases in the feed-forward network"),
});

const norm = z.strictObject({
  kind: z.enum(["rms", "layer"]).default("rms").describe("RMSNorm, or LayerNorm"),
  gain: z
    .boolean()
    .default(true)
    .describe("a learned gain in the norms of the blocks; the final norm has one"),
  bias: z.boolean().default(false).describe("a learned bias in LayerNorm"),
  epsilon: z.number().positive().describe("added to the mean square; what torch adds, by `kind`"),
  placement: z
    .enum(["pre", "post", "branch", "sum"])
    .default("pre")
    .describe("of a block's norms n: x + f(n x), x + n(f x), x + n'(f(n x)) or n'(x + f(n x))"),
});

const positions = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("learned") }).describe("a learned vector for each position"),
  z
    .strictObject({
      kind: z.literal("rotary"),
      base: z
        .number()
        .min(1)
        .default(1e4)
        .describe("theta: pair i of w / 2 turns by theta^(-2 i / w) a position"),
    })
    .describe("queries and keys turned by their position, halves of a head together"),
  z.strictObject({ kind: z.literal("none") }).describe("the model does not know positions"),
]);

const conditioning = z.strictObject({
  kind: z
    .enum(["none", "loop", "time"])
    .default("none")
    .describe("what each loop is told: nothing, its index, or time and step"),
  init: z
    .enum(["official", "zero"])
    .default("official")
    .describe("initial modulation weights: N(0, 0.02) as in the official code, or zero"),
});

const readout = z.discriminatedUnion("kind", [
  z
    .strictObject({
      kind: z.literal("tokens"),
      tied: z.boolean().default(true).describe("the head is the embedding"),
    })
    .describe("tokens of a vocabulary go in, logits come out"),
  z
    .strictObject({
      kind: z.literal("vectors"),
      inputs: upTo(most.width).describe("width of the vectors that go in"),
      outputs: upTo(most.width).describe("width of the vectors that come out"),
    })
    .describe("vectors go in and come out"),
]);

/** A model as plain data: everything that decides its computation, and no weights. */
export const specSchema = z.strictObject({
  family: z.enum(families).describe("the preset's name"),
  vocab: z
    .int()
    .min(0)
    .max(most.vocab)
    .default(0)
    .describe("entries of the vocabulary; 0 for a model of vectors"),
  context: upTo(most.context).describe("longest text or prompt in tokens"),
  width: upTo(most.width).describe("width d of the residual stream"),
  loops: upTo(most.loops).describe("how often the core runs at full depth, L"),
  layers,
  attention,
  mlp,
  norm: norm.describe("the norms of the blocks, and the final one"),
  positions: positions.default({ kind: "learned" }).describe("how the model knows a token's position"),
  conditioning: conditioning.prefault({}).describe("what tells loops apart"),
  inject: z
    .enum(["none", "add", "multiply", "everyLayer"])
    .default("none")
    .describe("how the embedding enters every loop again; everyLayer adds it before each layer"),
  start: z
    .enum(["embedding", "zeros", "ones"])
    .default("embedding")
    .describe("the state before the first loop"),
  frame: z
    .enum(["run", "loop"])
    .default("run")
    .describe("what positions and final norm are put around: the whole run, or every loop"),
  readout: readout.default({ kind: "tokens", tied: true }).describe("what goes in and comes out"),
});

/** A model without its weights, as plain JSON: everything that decides what it computes. */
export interface Spec extends z.infer<typeof specSchema> {}

/** What torch's norms add when they are told nothing: float32's machine epsilon, and a constant. */
const epsilons = { rms: 2 ** -23, layer: 1e-5 } as const;

/**
 * Checks a spec, and fills in what it leaves out; reads the first, flat form as well.
 * Throws SPEC_INVALID listing every problem.
 */
export function parseSpec(json: unknown): Spec {
  const { spec, problems } = checked(json);
  if (!spec) throw badSpec(problems);
  return spec;
}

/** A spec inside other JSON, in today's form or the first one. */
export const storedSpecSchema = z.unknown().transform((json, context): Spec => {
  const { spec, problems } = checked(json);
  for (const message of problems) context.addIssue({ code: "custom", message });
  return spec ?? z.NEVER;
});

function checked(given: unknown): { readonly spec?: Spec; readonly problems: readonly string[] } {
  const flat = isFlatSpec(given) ? fromFlatSpec.safeParse(given, { error: inWords }) : undefined;
  if (flat?.success === false) return { problems: problemsOf(flat.error, "spec") };
  const json = completed(flat?.data ?? given);
  const parsed = specSchema.safeParse(json, { error: inWords });
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error, "spec")),
    ...contradictions(validFields(json)),
  ];
  return parsed.success && problems.length === 0 ? { spec: parsed.data, problems } : { problems };
}

/** JSON with the fields that follow from others, where it leaves them out. */
function completed(json: unknown): unknown {
  if (!isRecord(json)) return json;
  const { attention = {}, norm = {} } = json;
  const kind = isRecord(norm) && norm["kind"] === "layer" ? "layer" : "rms";
  return {
    ...json,
    attention: isRecord(attention) ? { keyValueHeads: attention["heads"], ...attention } : attention,
    norm: isRecord(norm) ? { epsilon: epsilons[kind], ...norm } : norm,
  };
}

const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** The fields that are valid by themselves. */
function validFields(json: unknown): Partial<Spec> {
  const given = isRecord(json) ? json : {};
  const fields = Object.entries(specSchema.shape).map(([name, schema]) => {
    const parsed: z.ZodSafeParseResult<unknown> = schema.safeParse(given[name]);
    return [name, parsed.success ? parsed.data : undefined] as const;
  });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/** A rule about several fields: what is wrong between them. */
interface Rule {
  readonly fields: readonly (keyof Spec)[];
  readonly problem: (spec: Spec) => string | false;
}

const rule = <Field extends keyof Spec>(
  fields: readonly Field[],
  problem: (spec: Pick<Spec, Field>) => string | false,
): Rule => ({ fields, problem });

const tooLarge = (field: string, part: string, values: number): string | false =>
  values > most.values && `${field}: ${part} of ${values} values; a tensor has at most ${most.values}`;

const rules: readonly Rule[] = [
  rule(
    ["width", "attention"],
    ({ width, attention: { heads } }) =>
      width % heads !== 0 && `attention.heads: ${heads} does not divide width ${width}`,
  ),
  rule(
    ["family", "loops"],
    ({ family, loops }) =>
      runsOnce(family) && loops !== 1 && `loops: a ${family} runs its layers once; use layers`,
  ),
  rule(
    ["vocab", "readout"],
    ({ vocab, readout }) =>
      readout.kind === "tokens" && vocab === 0 && "vocab: must be above 0 where tokens come from one",
  ),
  rule(
    ["vocab", "readout"],
    ({ vocab, readout }) =>
      readout.kind === "vectors" && vocab > 0 && `vocab: ${vocab}, where tokens are vectors`,
  ),
  rule(
    ["start", "inject"],
    ({ start, inject }) =>
      start === "zeros" &&
      inject !== "add" &&
      "start: from zeros the embedding must be injected by add, or it never enters",
  ),
  rule(
    ["start", "inject"],
    ({ start, inject }) =>
      start === "ones" &&
      inject !== "add" &&
      inject !== "multiply" &&
      "start: from ones the embedding must be injected by add or multiply",
  ),
  rule(
    ["conditioning"],
    ({ conditioning: { kind, init } }) =>
      kind === "none" &&
      init !== "official" &&
      "conditioning.init: only a conditioned model has modulation weights",
  ),
  rule(
    ["norm"],
    ({ norm: { kind, bias } }) => kind === "rms" && bias && "norm.bias: only LayerNorm has a bias",
  ),
  rule(["vocab", "width"], ({ vocab, width }) => tooLarge("vocab", "embedding", vocab * width)),
  rule(["width", "conditioning"], ({ width, conditioning: { kind } }) =>
    kind === "none"
      ? tooLarge("width", "attention", 3 * width ** 2)
      : tooLarge("width", "modulation", 4 * width ** 2),
  ),
  rule(["context", "width"], ({ context, width }) => tooLarge("context", "positions", context * width)),
  rule(["width", "mlp"], ({ width, mlp }) =>
    tooLarge("mlp.width", "feed-forward network", mlp.width * width),
  ),
  rule(
    ["attention"],
    ({ attention: { heads, keyValueHeads } }) =>
      heads % keyValueHeads !== 0 &&
      `attention.keyValueHeads: ${keyValueHeads} does not divide heads ${heads}`,
  ),
  rule(
    ["width", "attention", "positions"],
    ({ width, attention: { heads }, positions }) =>
      positions.kind === "rotary" &&
      width % heads === 0 &&
      (width / heads) % 2 !== 0 &&
      `positions.kind: rotary positions turn pairs, and a head has ${width / heads} coordinates`,
  ),
  rule(
    ["norm", "conditioning"],
    ({ norm: { placement }, conditioning: { kind } }) =>
      kind !== "none" &&
      placement !== "pre" &&
      `norm.placement: ${placement}, where conditioning scales what blocks read; only pre goes with it`,
  ),
  rule(
    ["norm"],
    ({ norm: { epsilon } }) => Math.fround(epsilon) === 0 && `norm.epsilon: ${epsilon} is zero in float32`,
  ),
];

function contradictions(valid: Partial<Spec>): string[] {
  const canJudge = ({ fields }: Rule) => fields.every((field) => valid[field] !== undefined);
  return rules.filter(canJudge).flatMap(({ problem }) => problem(valid as Spec) || []);
}

/** The width of one head. */
export const headWidth = ({ width, attention }: Spec): number => width / attention.heads;

/** Whether a family has no loops to choose. */
export const runsOnce = (family: Spec["family"]): boolean => family === "gpt" || family === "transformer";

/** Whether tokens are vectors, and no vocabulary has them. */
export const hasVectors = ({ readout }: Spec): boolean => readout.kind === "vectors";

/** The uniform trajectory of M steps. */
export const uniformTrajectory = (loops: number): number[] => new Array<number>(loops).fill(1 / loops);

/** A budget: a number of loops, or the step sizes of a trajectory. */
export type Budget = number | readonly number[];

/**
 * What each loop is told: `t` [M] (the loop's start time or index) and `dt` [M] (its step size).
 * Throws TRAJECTORY or LOOPS for a budget that the model does not have.
 */
export function conditions(spec: Spec, budget: Budget): { loops: number; t: Float32Array; dt: Float32Array } {
  const trajectory = typeof budget === "number" ? undefined : budget;
  const loops = trajectory?.length ?? (budget as number);
  if (!Number.isInteger(loops) || loops < 1)
    throw badLoops(loops, spec.family, "a whole number of at least 1");
  if (runsOnce(spec.family) && loops !== 1) throw badLoops(loops, spec.family, "1: its layers run once");
  if (loops > most.loops) throw badLoops(loops, spec.family, `at most ${most.loops}`);
  const dt = Float32Array.from(trajectory ?? uniformTrajectory(loops));
  if (trajectory) checkTrajectory(spec, trajectory, dt);
  const t = new Float32Array(loops);
  for (let loop = 0, start = 0; loop < loops; loop++) {
    t[loop] = spec.conditioning.kind === "loop" ? loop : start;
    start += dt[loop] as number;
  }
  return { loops, t, dt };
}

/** Throws TRAJECTORY; a step that float32 cannot tell from zero is no positive one. */
function checkTrajectory(spec: Spec, trajectory: readonly number[], steps: Float32Array): void {
  if (spec.conditioning.kind !== "time")
    throw badTrajectory(trajectory, "a number of loops: only loopformer has step sizes");
  if (!steps.every((dt) => dt > 0)) throw badTrajectory(trajectory, "positive step sizes, in float32 too");
  const sum = trajectory.reduce((total, dt) => total + dt, 0);
  if (Math.abs(sum - 1) > 1e-4)
    throw badTrajectory(trajectory, `step sizes that sum to 1 (these sum to ${sum})`);
}
