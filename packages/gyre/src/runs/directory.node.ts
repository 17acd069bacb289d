import { appendFile, mkdir, open, readdir, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { cannotWrite } from "../checkpoint/errors.ts";
import { readBytes, writeFileAtomic } from "../checkpoint/files.node.ts";
import { jsonText } from "../checkpoint/json.ts";
import type { Tensor } from "../util/tensor.ts";
import { type LoadedCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoints.node.ts";
import {
  checkpointOption,
  runDamaged,
  runExists,
  runFileMissing,
  runFileName,
  runMissing,
  runNoCheckpoint,
  runNotEmpty,
} from "./errors.ts";

/** One line of metrics.jsonl; numbers that are not finite are written as null. */
export interface MetricsRecord {
  /** Optimizer steps done when the record was made. */
  readonly step: number;
  readonly [key: string]: unknown;
}

/** What `saveCheckpoint` stores, and how many checkpoints stay (`keep`, 2 unless told). */
export interface SaveCheckpointOptions {
  readonly step: number;
  readonly model: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly optimizer: ReadonlyMap<string, Tensor<Float32Array>>;
  readonly keep?: number;
}

const ownEntries = ["config.json", "metrics.jsonl", "latest", "checkpoints", "reports", "extra"];

/**
 * A run on disk: config.json, metrics.jsonl, checkpoints/step-NNNNNN with `latest` pointing to one of them,
 * reports/ and extra/. One process may write at a time. Every replacement of a file is atomic.
 */
export class RunDirectory {
  readonly path: string;
  readonly #metricsPath: string;
  readonly #good = new Set<string>();
  #isMetricsTailChecked = false;

  private constructor(path: string) {
    this.path = path;
    this.#metricsPath = join(path, "metrics.jsonl");
  }

  /**
   * Makes a new run in a new or empty directory; `config` is anything JSON. Throws RUN_EXISTS where a run is
   * (`force` deletes that run first) and RUN_NOT_EMPTY where something else is, which `force` never deletes.
   */
  static async create(
    path: string,
    config: unknown,
    options: { readonly force?: boolean } = {},
  ): Promise<RunDirectory> {
    const text = jsonText(config, "a run's config", 2);
    const kind = await kindOf(path);
    if (kind === "other") throw runNotEmpty(path);
    if (kind === "run") {
      if (options.force !== true) throw runExists(path);
      for (const entry of ownEntries) await rm(join(path, entry), { recursive: true, force: true });
    }
    await mkdir(join(path, "checkpoints"), { recursive: true }).catch((cause: unknown) => {
      throw cannotWrite(path, cause);
    });
    await writeFileAtomic(join(path, "metrics.jsonl"), "");
    await writeFileAtomic(join(path, "config.json"), `${text}\n`);
    return new RunDirectory(path);
  }

  /** Opens an existing run. Throws RUN_MISSING. */
  static async open(path: string): Promise<RunDirectory> {
    if ((await kindOf(path)) !== "run") throw runMissing(path, ["config.json", "checkpoints/"]);
    return new RunDirectory(path);
  }

  /** The config that the run was created with. Throws RUN_DAMAGED. */
  async readConfig(): Promise<unknown> {
    const path = join(this.path, "config.json");
    return parseLine(new TextDecoder().decode(await readBytes(path)), path, "not JSON");
  }

  /** Adds one line to metrics.jsonl. */
  async appendMetrics(record: MetricsRecord): Promise<void> {
    checkStep("step", record.step);
    const line = jsonText(record, "a metrics record");
    if (!this.#isMetricsTailChecked) await this.#dropTornTail();
    await appendFile(this.#metricsPath, `${line}\n`).catch((cause: unknown) => {
      throw cannotWrite(this.#metricsPath, cause);
    });
  }

  /** All metrics, oldest first. A last line that a crash cut short is left out; RUN_DAMAGED for any other. */
  async readMetrics(): Promise<MetricsRecord[]> {
    return (await this.#metricsLines()).map(({ record }) => record);
  }

  /** Drops the metrics of later optimizer steps than `afterStep`, as a run that resumes there must. */
  async truncateMetrics(afterStep: number): Promise<void> {
    checkStep("afterStep", afterStep);
    const kept = (await this.#metricsLines()).filter(({ record }) => record.step <= afterStep);
    await writeFileAtomic(this.#metricsPath, kept.map(({ line }) => `${line}\n`).join(""));
  }

  /**
   * Saves a checkpoint, then deletes all but the newest `keep` good ones. Throws CHECKPOINT_OPTION,
   * SAFETENSORS_* or CHECKPOINT_WRITE; the checkpoints that were there are still whole then.
   */
  async saveCheckpoint(options: SaveCheckpointOptions): Promise<void> {
    const { keep = 2, ...checkpoint } = options;
    await this.#syncMetrics();
    await saveCheckpoint(this.path, checkpoint, keep, this.#good);
  }

  /**
   * The newest good checkpoint, with `warnings` about damaged ones that were passed over; undefined when none
   * was saved yet. Throws CHECKPOINT_CORRUPT when all are damaged.
   */
  async loadCheckpoint(): Promise<LoadedCheckpoint | undefined> {
    return loadCheckpoint(this.path);
  }

  /** As `loadCheckpoint`, but throws RUN_NO_CHECKPOINT when none was saved yet. */
  async requireCheckpoint(): Promise<LoadedCheckpoint> {
    const checkpoint = await this.loadCheckpoint();
    if (checkpoint === undefined) throw runNoCheckpoint(this.path);
    return checkpoint;
  }

  /** Writes reports/NAME and returns its path. Throws RUN_FILE_NAME or CHECKPOINT_WRITE. */
  async saveReport(name: string, text: string): Promise<string> {
    return this.#writeInside("reports", name, text);
  }

  /** Writes a further file of the run, such as tokenizer.json, and returns its path. */
  async writeExtra(name: string, content: string | Uint8Array): Promise<string> {
    return this.#writeInside("extra", name, content);
  }

  /** The bytes of a file written by `writeExtra`. Throws RUN_FILE_MISSING. */
  async readExtra(name: string): Promise<Uint8Array> {
    const path = this.extraPath(name);
    if ((await stat(path).catch(() => undefined)) === undefined) throw runFileMissing(path);
    return readBytes(path);
  }

  /** Where `writeExtra` puts a file. Throws RUN_FILE_NAME. */
  extraPath(name: string): string {
    return this.#inside("extra", name);
  }

  #inside(folder: string, name: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw runFileName(name);
    return join(this.path, folder, name);
  }

  async #writeInside(folder: string, name: string, content: string | Uint8Array): Promise<string> {
    const path = this.#inside(folder, name);
    await mkdir(join(this.path, folder), { recursive: true }).catch((cause: unknown) => {
      throw cannotWrite(path, cause);
    });
    await writeFileAtomic(path, content);
    return path;
  }

  async #metricsLines(): Promise<{ line: string; record: MetricsRecord }[]> {
    const lines = (await this.#metricsText()).split("\n").slice(0, -1);
    return lines.map((line, index) => {
      const record = parseLine(line, this.#metricsPath, `line ${index + 1} is not JSON`);
      if (isMetricsRecord(record)) return { line, record };
      throw runDamaged(this.#metricsPath, `line ${index + 1} has no step`);
    });
  }

  async #metricsText(): Promise<string> {
    const isThere = await stat(this.#metricsPath).catch(() => undefined);
    return isThere === undefined ? "" : new TextDecoder().decode(await readBytes(this.#metricsPath));
  }

  /** A line that a crash cut short would otherwise swallow the next one. */
  async #dropTornTail(): Promise<void> {
    const text = await this.#metricsText();
    if (text !== "" && !text.endsWith("\n")) {
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      await truncate(this.#metricsPath, new TextEncoder().encode(whole).length);
    }
    this.#isMetricsTailChecked = true;
  }

  async #syncMetrics(): Promise<void> {
    const file = await open(this.#metricsPath, "a").catch((cause: unknown) => {
      throw cannotWrite(this.#metricsPath, cause);
    });
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function kindOf(path: string): Promise<"free" | "run" | "other"> {
  const there = await stat(path).catch(() => undefined);
  if (there === undefined) return "free";
  if (!there.isDirectory()) return "other";
  const entries = await readdir(path);
  if (entries.length === 0) return "free";
  return entries.includes("config.json") && entries.includes("checkpoints") ? "run" : "other";
}

function parseLine(text: string, path: string, problem: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw runDamaged(path, problem, cause);
  }
}

function isMetricsRecord(value: unknown): value is MetricsRecord {
  return typeof value === "object" && value !== null && "step" in value && typeof value.step === "number";
}

function checkStep(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw checkpointOption(name, value, "a whole number from 0 on");
}
