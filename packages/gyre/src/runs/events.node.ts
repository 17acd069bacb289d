import { Buffer } from "node:buffer";
import { appendFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { cannotWrite } from "../checkpoint/errors.ts";
import { writeFileAtomic } from "../checkpoint/files.node.ts";
import { headerRecord, startRecord, valuesRecord } from "../report/events.ts";
import { runKinds } from "./config.ts";
import { runName } from "./curves.node.ts";
import { runNoMetrics } from "./errors.ts";
import { heldOutIn, MetricsFile, type MetricsRecord, samplesIn } from "./metrics.node.ts";
import { requireWritable } from "./place.node.ts";
import { openRun } from "./run.node.ts";

/** TensorBoard reads every file of a folder with this in its name, in the order of names. */
const prefix = "events.out.tfevents";

/** What a step's record has to draw, by TensorBoard's tags: a tag's beginning up to a slash is its group. */
function valuesIn(record: MetricsRecord): (readonly [tag: string, value: number | string])[] {
  const { loss, parts = {}, learningRate, gradientNorm, tokens, elapsedMs } = record;
  const { prompt, texts = {} } = samplesIn(record) ?? {};
  const { measure = "", points } = heldOutIn(record) ?? { points: [] };
  const name = measure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const found: readonly (readonly [string, unknown])[] = [
    ["loss", loss],
    ...Object.entries(parts as object).map(([part, value]) => [`loss/${part}`, value] as const),
    ["learning_rate", learningRate],
    ["gradient_norm", gradientNorm],
    ["tokens_per_second", (1e3 * Number(tokens)) / Number(elapsedMs)],
    ...points.map(({ loops, value }) => [`held_out/${name}/${loops}_loops`, value] as const),
  ];
  return [
    ...found.filter((one): one is readonly [string, number] => Number.isFinite(one[1])),
    ...Object.entries(texts).map(
      ([loops, text]) => [`samples/${loops}_loops`, quoted(`${prompt}${text}`)] as const,
    ),
  ];
}

/** A block of Markdown in which nothing has a meaning of its own. */
const quoted = (text: string): string => `    ${text.replaceAll("\n", "\n    ")}`;

/** What a run writes down while it trains, as TensorBoard's event file in a folder; each process that goes on with a run has a file of its own. */
export class EventsFile {
  readonly #folder: string;
  #path: string | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Nothing is written before the first step. Throws CHECKPOINT_WRITE where nothing can be. */
  static async open(folder: string): Promise<EventsFile> {
    await requireWritable(folder);
    return new EventsFile(folder);
  }

  /** Adds the numbers of a step. Throws CHECKPOINT_WRITE. */
  async append(record: MetricsRecord): Promise<void> {
    const time = { step: record.step, seconds: Date.now() / 1e3 };
    const isFirst = this.#path === undefined;
    this.#path ??= join(this.#folder, `${prefix}.${Math.floor(time.seconds)}.${process.pid}.gyre`);
    const path = this.#path;
    const begun = isFirst ? [headerRecord(time), startRecord(time)] : [];
    try {
      if (isFirst) await mkdir(this.#folder, { recursive: true });
      await appendFile(path, Buffer.concat([...begun, valuesRecord(time, valuesIn(record))]));
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }
}

/**
 * Writes what runs wrote down while they trained as TensorBoard's event files, one folder for each run in `folder`, and returns the files' paths.
 * Written again, they replace the earlier ones. Times are those of the steps, counted back from the last. Throws RUN_NO_METRICS,
 * CHECKPOINT_READ, CHECKPOINT_WRITE, and what `openRun` throws; nothing is written then.
 */
export async function writeEvents(paths: readonly string[], folder: string): Promise<string[]> {
  const files = new Map<string, Uint8Array[]>();
  for (const path of paths) {
    await openRun(path, runKinds);
    const { records } = await new MetricsFile(path).read();
    if (records.length === 0) throw runNoMetrics(path);
    const name = runName(path, paths).replaceAll(/[\\/]+/g, "-");
    const { mtimeMs } = await stat(join(path, "metrics.jsonl"));
    files.set(join(folder, name, `${prefix}.gyre`), eventsOf(records, mtimeMs));
  }
  await requireWritable(folder);
  for (const [path, events] of files) {
    await mkdir(join(path, ".."), { recursive: true }).catch((cause: unknown) => {
      throw cannotWrite(path, cause);
    });
    await writeFileAtomic(path, events);
  }
  return [...files.keys()];
}

function eventsOf(records: readonly MetricsRecord[], endedAtMs: number): Uint8Array[] {
  const lengthOf = ({ elapsedMs }: MetricsRecord) => (typeof elapsedMs === "number" ? elapsedMs : 0);
  let atMs = endedAtMs - records.reduce((sum, record) => sum + lengthOf(record), 0);
  const events = [headerRecord({ seconds: atMs / 1e3 })];
  for (const record of records) {
    atMs += lengthOf(record);
    events.push(valuesRecord({ step: record.step, seconds: atMs / 1e3 }, valuesIn(record)));
  }
  return events;
}
