import * as z from "zod";
import type { Fields } from "./fields.ts";

/** Text in which `{{field}}` stands for a field of the line; `{{choices.text}}` for one inside another. */
const place = /\{\{\s*([^{}]*?)\s*\}\}/g;
const fieldName = /^\w+(?:\.\w+)*$/;

export const template = z.string().superRefine((given, { addIssue }) => {
  const names = [...given.matchAll(place)].map(([, name = ""]) => name);
  const wrong = names.find((name) => !fieldName.test(name));
  if (wrong !== undefined)
    addIssue(`holds {{${wrong}}}; between the braces goes a field's name, like goal or choices.text`);
  if (/\{\{|\}\}/.test(given.replace(place, ""))) addIssue("has braces {{ or }} that are not closed");
});

/** A template for each entry, or one field that is a list. */
export const templateList = z.union([
  z.array(template).min(1),
  template.refine((given) => listField(given) !== undefined, {
    error: "must be a list of templates, or one field that is a list, like {{choices.text}}",
  }),
]);

/** A template with the fields of a line in it. Throws BENCHMARK_FIELD. */
export function filled(given: string, fields: Fields): string {
  return given.replace(place, (_, name: string) => fields.text(name));
}

/** A list of templates with the fields of a line in them. Throws BENCHMARK_FIELD. */
export function filledList(given: string | readonly string[], fields: Fields): string[] {
  if (typeof given !== "string") return given.map((one) => filled(one, fields));
  return fields.texts(listField(given) as string);
}

const listField = (given: string): string | undefined => /^\{\{\s*(\w+(?:\.\w+)*)\s*\}\}$/.exec(given)?.[1];
