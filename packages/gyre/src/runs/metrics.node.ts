import { Buffer } from "node:buffer";
import { appendFile, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { cannotRead, cannotWrite } from "../checkpoint/errors.ts";
import { writeFileAtomic } from "../checkpoint/files.node.ts";
import { jsonText } from "../checkpoint/json.ts";
import { openRegular } from "../util/files.node.ts";
import { type Spike, SpikeWatch } from "../util/spikes.ts";
import { checkpointOption } from "./errors.ts";

/** One line of metrics.jsonl; numbers that are not finite are written as null. */
export interface MetricsRecord {
  /** Optimizer steps done when the record was made. */
  readonly step: number;
  readonly [key: string]: unknown;
}

/** What held-out data of text, of tasks and of prompts is measured by. */
const heldOutMeasures = ["bitsPerByte", "accuracy", "squaredError"] as const;

/** Quality on held-out data at some numbers of loops, in ascending order: the last is full depth. */
export interface HeldOutValues {
  readonly measure: (typeof heldOutMeasures)[number];
  readonly points: readonly { readonly loops: number; readonly value: number }[];
}

/** What was best on held-out data while a run trained, at full depth. */
export interface BestHeldOut {
  readonly measure: HeldOutValues["measure"];
  readonly value: number;
  readonly step: number;
}

const file = "metrics.jsonl";
const asideFile = "metrics.damaged.jsonl";

/** The metrics of a run: one record a line, appended step by step. */
export class MetricsFile {
  readonly #path: string;
  readonly #asidePath: string;
  #isTailWhole = false;

  constructor(run: string) {
    this.#path = join(run, file);
    this.#asidePath = join(run, asideFile);
  }

  /** Adds one line. Throws CHECKPOINT_OPTION, RUN_JSON, CHECKPOINT_WRITE. */
  async append(record: MetricsRecord): Promise<void> {
    requireStep("step", record.step);
    const line = jsonText(record, "a metrics record");
    if (!this.#isTailWhole) await this.#dropTornTail();
    await appendFile(this.#path, `${line}\n`).catch((cause: unknown) => {
      throw cannotWrite(this.#path, cause);
    });
  }

  /**
   * All records in today's form, oldest first, and how many lines were damaged and left out; a last line that a crash
   * cut short is no damage. Throws CHECKPOINT_READ.
   */
  async read(): Promise<{ readonly records: MetricsRecord[]; readonly damaged: number }> {
    const records: MetricsRecord[] = [];
    let damaged = 0;
    for await (const { record, isWhole } of linesOf(this.#path)) {
      if (record) records.push(record);
      else if (isWhole) damaged++;
    }
    return { records, damaged };
  }

  /**
   * Drops the records of later optimizer steps than `afterStep`, as a run that resumes there must. Damaged lines move to
   * metrics.damaged.jsonl; returns how many. Throws CHECKPOINT_OPTION, CHECKPOINT_READ, CHECKPOINT_WRITE.
   */
  async truncate(afterStep: number): Promise<number> {
    requireStep("afterStep", afterStep);
    const kept: Uint8Array[] = [];
    const damaged: Uint8Array[] = [];
    let isChanged = false;
    for await (const { bytes, record, isWhole } of linesOf(this.#path)) {
      if (!record && isWhole) damaged.push(bytes);
      if (record && record.step <= afterStep && isWhole) kept.push(bytes);
      else isChanged = true;
    }
    if (damaged.length > 0)
      await appendFile(this.#asidePath, joined(damaged)).catch((cause: unknown) => {
        throw cannotWrite(this.#asidePath, cause);
      });
    if (isChanged) await writeFileAtomic(this.#path, joined(kept));
    this.#isTailWhole = true;
    return damaged.length;
  }

  /** Waits until what was appended is on the disk. Throws CHECKPOINT_WRITE. */
  async sync(): Promise<void> {
    const handle = await open(this.#path, "a").catch((cause: unknown) => {
      throw cannotWrite(this.#path, cause);
    });
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** A line that a crash cut short would otherwise swallow the next one. */
  async #dropTornTail(): Promise<void> {
    let [whole, isTorn] = [0, false];
    for await (const { bytes, isWhole } of linesOf(this.#path)) {
      if (isWhole) whole += bytes.length + 1;
      else isTorn = true;
    }
    if (isTorn) await truncate(this.#path, whole);
    this.#isTailWhole = true;
  }
}

/** What a record says of held-out data; undefined where its step measured nothing. */
export function heldOutIn({ heldOut }: MetricsRecord): HeldOutValues | undefined {
  if (typeof heldOut !== "object" || heldOut === null) return undefined;
  const [name, values] = Object.entries(heldOut)[0] ?? [];
  const measure = heldOutMeasures.find((known) => known === name);
  if (measure === undefined) return undefined;
  // JSON keeps keys that are whole numbers in ascending order
  const points = Object.entries(values as object).flatMap(([loops, value]) =>
    typeof value === "number" ? [{ loops: Number(loops), value }] : [],
  );
  return points.length === 0 ? undefined : { measure, points };
}

const usualMeasurements = 10;
const leastSteps = 100;

/** Steps between measurements on held-out data of a run of so many steps, where nothing is said: a tenth of it, and 100 at least. */
export const usualEvalEvery = (steps: number): number =>
  Math.max(leastSteps, Math.ceil(steps / usualMeasurements));

/** Whether a value on held-out data is better than another one of the same measure. */
export const isBetter = (measure: HeldOutValues["measure"], value: number, than: number): boolean =>
  measure === "accuracy" ? value > than : value < than;

/** The first step that was best on held-out data at full depth; undefined where nothing was measured. */
export function bestIn(records: readonly MetricsRecord[]): BestHeldOut | undefined {
  let best: BestHeldOut | undefined;
  for (const record of records) {
    const { measure, points } = heldOutIn(record) ?? { measure: "bitsPerByte", points: [] };
    const value = points.at(-1)?.value;
    if (value === undefined || (best && !isBetter(measure, value, best.value))) continue;
    best = { measure, value, step: record.step };
  }
  return best;
}

/** The part of a record's loss that evaluation would measure: the first, or the loss itself where it has none. */
export function lossIn(record: MetricsRecord | undefined): number | undefined {
  const [first] = Object.values((record?.["parts"] ?? {}) as Record<string, unknown>);
  const loss = first ?? record?.["loss"];
  return typeof loss === "number" ? loss : undefined;
}

/** The spikes of a training, oldest first; of steps in a row that are spikes the first. */
export function spikesIn(records: readonly MetricsRecord[]): (Spike & { readonly step: number })[] {
  const watch = new SpikeWatch();
  let isSpike = false;
  return records.flatMap((record) => {
    const [loss, gradientNorm, tokens] = [lossIn(record), record["gradientNorm"], record["tokens"]];
    if (loss === undefined || typeof gradientNorm !== "number" || typeof tokens !== "number") return [];
    const spike = watch.look({ loss, gradientNorm, tokens });
    const isFirst = !isSpike;
    isSpike = spike !== undefined;
    return spike && isFirst ? [{ step: record.step, ...spike }] : [];
  });
}

/** What a model wrote at one moment of its training: what followed a prompt, by numbers of loops. */
export interface WrittenSamples {
  readonly prompt: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** The samples of a record; undefined where its step wrote none. */
export function samplesIn({ samples }: MetricsRecord): WrittenSamples | undefined {
  const { prompt, texts } = (samples ?? {}) as Partial<WrittenSamples>;
  return typeof prompt === "string" && typeof texts === "object" ? { prompt, texts } : undefined;
}

interface Line {
  readonly bytes: Uint8Array;
  /** What it says; undefined where it is damaged. */
  readonly record: MetricsRecord | undefined;
  /** Whether it ends as lines do; the last one may not. */
  readonly isWhole: boolean;
}

const newline = 0x0a;

/** The lines of a file of any length; none where there is no file. */
async function* linesOf(path: string): AsyncGenerator<Line> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  const line = (bytes: Buffer, isWhole: boolean): Line => ({ bytes, record: recordIn(bytes), isWhole });
  let rest = Buffer.alloc(0);
  try {
    const file = await openRegular(path);
    for await (const chunk of file.createReadStream()) {
      const all = Buffer.concat([rest, chunk as Buffer]);
      let from = 0;
      for (let end = all.indexOf(newline); end >= 0; end = all.indexOf(newline, from)) {
        yield line(all.subarray(from, end), true);
        from = end + 1;
      }
      rest = all.subarray(from);
    }
  } catch (cause) {
    throw cannotRead(path, cause);
  }
  if (rest.length > 0) yield line(rest, false);
}

const joined = (lines: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(lines.flatMap((line) => [line, Uint8Array.of(newline)]));

function recordIn(line: Buffer): MetricsRecord | undefined {
  try {
    const json: unknown = JSON.parse(line.toString("utf8"));
    if (typeof json !== "object" || json === null || !("step" in json)) return undefined;
    return typeof json.step === "number" ? inTodaysForm(json as MetricsRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Records of runs of format 1 named the parts of one objective, and said the curriculum apart. */
function inTodaysForm(record: MetricsRecord): MetricsRecord {
  if (!("lossLong" in record)) return record;
  const { lossLong, lossShort, consistency, shortLoops, curriculum, ...others } = record;
  const isShort = Array.isArray(shortLoops) && shortLoops.length > 0;
  const long = curriculum === undefined ? { long: lossLong } : {};
  const parts = isShort ? { ...long, short: lossShort, consistency } : long;
  const at = Object.entries((curriculum ?? {}) as Record<string, number>);
  const noted = {
    ...(isShort ? { shortLoops } : {}),
    ...Object.fromEntries(at.map(([name, value]) => [name, [value]])),
  };
  return { ...others, parts, noted } as MetricsRecord;
}

function requireStep(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw checkpointOption(name, value, "a whole number from 0 on");
}
