import * as z from "zod";

/** One field of a schema, as flags and tables show it. */
export interface Field {
  /** With the names of what it is nested in before it, like `layers.core`. */
  readonly name: string;
  readonly about: string;
  readonly kind: "whole" | "number" | "word" | "switch" | "text";
  readonly least?: number;
  /** The least value itself is not allowed. */
  readonly isOpen?: boolean;
  readonly most?: number;
  readonly words?: readonly string[];
  /** Of a text: a list, an object, or one of several forms. */
  readonly isJson?: boolean;
  readonly fallback?: string | number | boolean;
}

type Json = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly oneOf?: readonly Json[];
  readonly anyOf?: readonly Json[];
};

/**
 * The fields of a schema of objects, one by one: nested objects by dotted names, and of a union that is told apart by
 * `kind` that word first, then the fields of each of its members.
 */
export function fieldsOf(schema: z.ZodType): Field[] {
  return below(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json, "");
}

function below({ properties = {} }: Json, prefix: string): Field[] {
  return Object.entries(properties).flatMap(([key, json]) => fieldsAt(`${prefix}${key}`, json));
}

function fieldsAt(name: string, json: Json): Field[] {
  const members = json.oneOf ?? json.anyOf ?? [];
  if (json.properties) return below(json, `${name}.`);
  if (members.some(({ properties }) => properties?.["kind"])) return unionFields(name, json, members);
  return [field(name, json)];
}

function unionFields(name: string, json: Json, members: readonly Json[]): Field[] {
  const kinds = members.map(({ properties }) => String(properties?.["kind"]?.const));
  const { kind: usual } = (json.default ?? {}) as { kind?: string };
  const meanings = members.flatMap(({ description }, index) =>
    description ? [`${kinds[index]}: ${description}`] : [],
  );
  const own: Field = {
    name: `${name}.kind`,
    about: [json.description, ...meanings].filter(Boolean).join("; "),
    kind: "word",
    words: kinds,
    ...(usual === undefined ? {} : { fallback: usual }),
  };
  const rest = members.flatMap(({ properties = {} }, index) =>
    Object.entries(properties)
      .filter(([key]) => key !== "kind")
      .map(([key, inner]) => {
        const found = field(`${name}.${key}`, inner);
        return { ...found, about: `${kinds[index]}: ${found.about}` };
      }),
  );
  return [own, ...rest];
}

function field(name: string, json: Json): Field {
  const { description = "", default: fallback, enum: words, minimum, exclusiveMinimum, maximum } = json;
  const isWhole = json.type === "integer";
  const bounds = isWhole
    ? { least: exclusiveMinimum === undefined ? (minimum ?? 0) : exclusiveMinimum + 1 }
    : { least: exclusiveMinimum ?? minimum ?? 0, isOpen: exclusiveMinimum !== undefined };
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { most: maximum };
  const usual = ["string", "number", "boolean"].includes(typeof fallback)
    ? { fallback: fallback as string | number | boolean }
    : {};
  const common = { name, about: description, ...usual };
  if (words) return { ...common, kind: "word", words };
  if (json.type === "boolean") return { ...common, kind: "switch" };
  if (isWhole || json.type === "number")
    return { ...common, kind: isWhole ? "whole" : "number", ...bounds, ...most };
  return { ...common, kind: "text", ...(json.type === "string" ? {} : { isJson: true }) };
}

/** A Markdown table of fields: name, what it may be, what it is when left out, what it means. */
export function markdownTable(fields: readonly Field[]): string {
  const rows = fields.map((one) => [`\`${one.name}\``, legal(one), usualText(one), one.about]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |");
  return [
    line(["field", "values", "default", "meaning"]),
    line(["---", "---", "---", "---"]),
    ...rows.map(line),
  ].join("\n");
}

const usualText = ({ fallback }: Field): string => (fallback === undefined ? "" : `\`${fallback}\``);

/** The values that a field may have, in words. */
function legal({ kind, words = [], least = 0, isOpen, isJson, most }: Field): string {
  if (kind === "word") return words.map((word) => `\`${word}\``).join(", ");
  if (kind === "switch") return "true, false";
  if (kind === "text") return isJson ? "JSON" : "text";
  const from = isOpen ? `above ${least}` : `from ${least}`;
  return `${kind === "whole" ? "whole, " : ""}${from}${most === undefined ? "" : ` to ${most}`}`;
}
