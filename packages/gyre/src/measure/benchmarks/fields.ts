import { shown } from "../../util/issues.ts";
import { badField } from "./errors.ts";
import type { Place } from "./question.ts";

/** One line of a file of questions. Names may be paths: `choices.text`. Every error names file, line and field. */
export class Fields {
  readonly place: Place;
  readonly #value: unknown;

  constructor(value: unknown, place: Place) {
    this.#value = value;
    this.place = place;
  }

  /** Throws BENCHMARK_FIELD where a field is missing. */
  value(name: string): unknown {
    let value = this.#value;
    for (const [depth, key] of name.split(".").entries()) {
      const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, key);
      value = isObject ? (value as Record<string, unknown>)[key] : undefined;
      if (value === undefined || value === null)
        throw badField(
          this.place,
          name
            .split(".")
            .slice(0, depth + 1)
            .join("."),
          "is missing",
        );
    }
    return value;
  }

  /** A string, or a number as text. Throws BENCHMARK_FIELD. */
  text(name: string): string {
    const value = this.value(name);
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
    throw badField(this.place, name, `must be a string or a number, not ${shown(value)}`);
  }

  /** A list of strings. Throws BENCHMARK_FIELD. */
  texts(name: string): string[] {
    const value = this.value(name);
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
    throw badField(this.place, name, `must be a list of strings, not ${shown(value)}`);
  }

  /** A word that stands for something. Throws BENCHMARK_FIELD. */
  word<Meaning>(name: string, meanings: Readonly<Record<string, Meaning>>): Meaning {
    const word = this.text(name);
    const meaning = Object.hasOwn(meanings, word) ? meanings[word] : undefined;
    if (meaning !== undefined) return meaning;
    const words = Object.keys(meanings).map((one) => JSON.stringify(one));
    throw badField(this.place, name, `must be ${words.join(" or ")}, not ${shown(word)}`);
  }
}

/** The lines of a JSONL file that are not empty. Throws BENCHMARK_FIELD where one is no JSON object. */
export function fieldsOf(text: string, path: string): Fields[] {
  return text.split("\n").flatMap((row, index) => {
    if (row.trim() === "") return [];
    const place = { path, line: index + 1 };
    let value: unknown;
    try {
      value = JSON.parse(row);
    } catch (cause) {
      throw badField(place, "the line", `is no JSON (${cause instanceof Error ? cause.message : cause})`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw badField(place, "the line", `must be an object, not ${shown(value)}`);
    return [new Fields(value, place)];
  });
}
