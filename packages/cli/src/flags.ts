import { type Command, Option } from "commander";
import { flagTables } from "./flags.generated.ts";
import { fileName, number, whole, word } from "./options.ts";

type TableName = keyof typeof flagTables;
/** The names of a schema's fields, which are those of its flags in camel case. */
export type FieldName<Table extends TableName> = (typeof flagTables)[Table][number]["name"];

interface FlagRow {
  readonly name: string;
  readonly about: string;
  readonly kind: string;
  readonly least?: number;
  readonly isOpen?: boolean;
  readonly most?: number;
  readonly words?: readonly string[];
  readonly fallback?: string | number | boolean;
}

export interface FlagsOptions<Name extends string> {
  /** Only these fields. */
  readonly only?: readonly Name[];
  /** What a field's flag is called where it is not its own name. */
  readonly called?: Readonly<Partial<Record<Name, string>>>;
  /** What a field means to this command, in other words than its schema's. */
  readonly about?: Readonly<Partial<Record<Name, string>>>;
}

/** The flag that sets a field: `--micro-batches` sets microBatches. */
export const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The names of a schema's fields, in order. */
export const fieldsOf = <Table extends TableName>(table: Table): readonly FieldName<Table>[] =>
  flagTables[table].map(({ name }) => name);

/**
 * The flags of a schema's fields. They have no value of their own: what is left out, a recipe or the schema's default
 * decides, which the description names.
 */
export function flagsOf<Table extends TableName>(
  table: Table,
  { only, called, about }: FlagsOptions<FieldName<Table>> = {},
): Option[] {
  const rows: readonly (FlagRow & { readonly name: FieldName<Table> })[] = flagTables[table];
  const own = only ? rows.filter(({ name }) => only.includes(name)) : rows;
  return own.map((row) =>
    option({ ...row, about: about?.[row.name] ?? row.about }, called?.[row.name] ?? row.name),
  );
}

function option(row: FlagRow, name: string): Option {
  const flag = flagOf(name);
  const { kind, words = [], fallback } = row;
  const notes = [
    ...(kind === "word" ? [listOf(words)] : []),
    ...(fallback === undefined || fallback === false ? [] : [`default: ${fallback}`]),
  ];
  const about = notes.length === 0 ? row.about : `${row.about} (${notes.join("; ")})`;
  if (kind === "switch") return new Option(flag, about);
  return new Option(`${flag} <${valueNames[kind] ?? "text"}>`, about).argParser(parserOf(row));
}

const valueNames: Readonly<Record<string, string>> = { whole: "n", number: "x", word: "word" };

const listOf = (words: readonly string[]): string => `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

function parserOf({ kind, least = 0, isOpen = false, most, words = [] }: FlagRow): (text: string) => unknown {
  if (kind === "whole") return whole(least, most);
  if (kind === "number") return number(least, isOpen, most);
  if (kind === "word") return word(...words);
  return (text) => text;
}

export const threadsFlag = (): Option =>
  new Option("--threads <n>", "threads within one operation (default: all cores)").argParser(whole(1));

/** For commands that compute with a model; opened before they do anything. */
export const deviceFlag = (): Option =>
  new Option(
    "--device <name>",
    "cpu, webgpu, cuda, or auto: the best that passes its self-test (default: cpu, or the device that a run began on)",
  ).argParser(word("cpu", "webgpu", "cuda", "auto"));

/** For commands whose work several processes share. */
export const ranksFlag = (): Option =>
  new Option("--ranks <n>", "run this command as n processes of MPI, which share its work").argParser(
    whole(1, 4096),
  );

/** Which of a run's checkpoints a command reads. */
export const checkpointFlag = (): Option =>
  new Option(
    "--checkpoint <which>",
    "latest, best on held-out data, or the step of one that is there (default: latest)",
  ).argParser((text) => (/^\d+$/.test(text) ? whole(0)(text) : word("latest", "best")(text)));

/** Which weights of a checkpoint a command reads. */
export const weightsFlag = (): Option =>
  new Option(
    "--weights <which>",
    "ema, the moving averages that a run with --ema-decay keeps, or last (default: ema if there are any)",
  ).argParser(word("ema", "last"));

/** Adds when a training measures, and when it stops. */
export const withHeldOutFlags = (command: Command): Command =>
  command
    .option(
      "--eval-every <steps>",
      "optimizer steps between measurements on held-out data at every number of loops; the best checkpoint is kept " +
        "beside the last (default: a tenth of the run, but at least 100; 0: never)",
      whole(0),
    )
    .option("--stop-at <step>", "save and stop after this step; --resume continues", whole(1))
    .option("--patience <n>", "stop after n measurements in a row that were no better", whole(1));

/** Where a training also writes its numbers. */
export const tensorboardFlag = (): Option =>
  new Option(
    "--tensorboard <dir>",
    "also write each step's numbers as event files of TensorBoard, in a folder of the run's name",
  );

export const nameFlag = (): Option =>
  new Option("--name <name>", "name of the report's files (default: by what was measured)").argParser(
    fileName,
  );
