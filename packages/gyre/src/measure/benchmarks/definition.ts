import * as z from "zod";
import { inWords } from "../../util/issues.ts";
import { badBenchmarkFile, badField, emptyContinuation } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { choicesAfter, formatNames, formats, goldAmong } from "./formats.ts";
import { type Benchmark, metricsOf, type Question, type QuestionKind } from "./question.ts";
import { filled, filledList, template, templateList } from "./template.ts";

const text = z.string().min(1);
const common = {
  name: text.optional(),
  /** The questions, seen from the task file. */
  file: text,
};
const delimiter = z.string().default(" ");
const metrics = <Kind extends QuestionKind>(kind: Kind) =>
  z
    .array(z.enum(metricsOf[kind] as readonly string[] as [string, ...string[]]))
    .min(1)
    .optional();

const formSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    ...common,
    kind: z.literal("choices"),
    context: template,
    choices: templateList,
    gold: template,
    /** What `gold` names a choice by; its index, from 0, by default. */
    labels: templateList.optional(),
    delimiter,
    metrics: metrics("choices"),
  }),
  z.strictObject({
    ...common,
    kind: z.literal("last-word"),
    context: template,
    word: template,
    delimiter,
    metrics: metrics("last-word"),
  }),
  z.strictObject({ ...common, kind: z.literal("rolling"), text: template, metrics: metrics("rolling") }),
  z.strictObject({
    ...common,
    kind: z.literal("generation"),
    context: template,
    answers: templateList,
    stop: z.array(text).default(["\n"]),
    maxTokens: z.int().min(1).default(32),
    ignoreCase: z.boolean().default(false),
    ignorePunctuation: z.boolean().default(false),
    metrics: metrics("generation"),
  }),
]);
type Form = z.output<typeof formSchema>;

const publishedSchema = z.strictObject({ ...common, format: z.enum(formatNames as [string, ...string[]]) });

/** A task file as it was read: how its questions become a benchmark. */
export interface Definition {
  readonly name: string | undefined;
  readonly file: string;
  readonly benchmark: (lines: readonly Fields[], where: { name: string; path: string }) => Benchmark;
}

/** A task file's value, with the line of each of its fields. */
export interface TaskFile {
  readonly path: string;
  readonly value: unknown;
  /** The line of a field, or of what should hold it. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
}

/** Checks a task file. Throws BENCHMARK_FIELD, which names file, line and field. */
export function parseDefinition({ path, value, lineOf }: TaskFile): Definition {
  const isPublished = typeof value === "object" && value !== null && "format" in value;
  const schema = isPublished ? publishedSchema : formSchema;
  const parsed = schema.safeParse(value, { error: inWords });
  if (!parsed.success) {
    const [issue] = parsed.error.issues as [z.core.$ZodIssue];
    const field = issue.path.map(String).join(".") || "the task file";
    throw badField({ path, line: lineOf(issue.path) }, field, issue.message);
  }
  const { name, file } = parsed.data;
  const { data } = parsed;
  return {
    name,
    file,
    benchmark: (lines, where) =>
      "format" in data ? published(data.format, lines, where) : formed(data, lines, where),
  };
}

/** A published benchmark in its file. Throws BENCHMARK_FIELD, BENCHMARK_GOLD, BENCHMARK_CHOICES or BENCHMARK_EMPTY. */
export function published(
  format: string,
  lines: readonly Fields[],
  where: { readonly name: string; readonly path: string },
): Benchmark {
  const { kind, metrics, read } = formats[format] as (typeof formats)[string];
  return { ...where, kind, metrics, questions: questionsOf(lines, where.path, read) };
}

function formed(form: Form, lines: readonly Fields[], where: { name: string; path: string }): Benchmark {
  const metrics = (form.metrics ?? defaultMetrics[form.kind]) as Benchmark["metrics"];
  const questions = questionsOf(lines, where.path, (fields) => questionOf(form, fields));
  const writing = form.kind === "generation" ? { writing: form } : {};
  return { ...where, kind: form.kind, metrics, questions, ...writing };
}

const defaultMetrics: Readonly<Record<QuestionKind, Benchmark["metrics"]>> = {
  ...metricsOf,
  choices: ["acc", "acc_norm"],
};

function questionsOf(lines: readonly Fields[], path: string, read: (fields: Fields) => Question): Question[] {
  if (lines.length === 0) throw badBenchmarkFile(path, "no question");
  return lines.map(read);
}

function questionOf(form: Form, fields: Fields): Question {
  const { place } = fields;
  switch (form.kind) {
    case "choices": {
      const choices = filledList(form.choices, fields);
      const labels = form.labels ? filledList(form.labels, fields) : choices.map((_, index) => String(index));
      if (labels.length !== choices.length)
        throw badField(place, "labels", `has ${labels.length} entries, choices ${choices.length}`);
      const gold = goldAmong(fields, labels, filled(form.gold, fields).trim());
      return choicesAfter(fields, filled(form.context, fields), { ...form, choices, gold });
    }
    case "last-word": {
      const continuation = form.delimiter + filled(form.word, fields);
      if (continuation.trim() === "") throw emptyContinuation(place, continuation);
      return { kind: form.kind, place, request: { context: filled(form.context, fields), continuation } };
    }
    case "rolling":
      return { kind: form.kind, place, text: filled(form.text, fields) };
    case "generation":
      return {
        kind: form.kind,
        place,
        context: filled(form.context, fields),
        answers: filledList(form.answers, fields),
      };
  }
}
