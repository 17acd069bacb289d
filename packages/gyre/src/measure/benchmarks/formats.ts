import { shown } from "../../util/issues.ts";
import { badField, emptyContinuation, goldOutside, sameChoices } from "./errors.ts";
import { Fields } from "./fields.ts";
import { parsePythonLiteral } from "./python-literal.ts";
import type {
  BenchmarkMetric,
  ChoiceQuestion,
  LastWordQuestion,
  Question,
  QuestionKind,
} from "./question.ts";

/** A published benchmark: how a line of its file becomes a question. */
export interface Format {
  readonly kind: QuestionKind;
  readonly metrics: readonly BenchmarkMetric[];
  readonly read: (fields: Fields) => Question;
}

const accuracy: readonly BenchmarkMetric[] = ["acc"];
const bothAccuracies: readonly BenchmarkMetric[] = ["acc", "acc_norm"];

/**
 * The zero-shot benchmarks of the LoopFormer paper. Fields are those of the Hugging Face Hub's data sets; contexts and
 * continuations are those of lm-evaluation-harness 0.4 (lm_eval/tasks/NAME).
 */
export const formats: Readonly<Record<string, Format>> = {
  copa: { kind: "choices", metrics: accuracy, read: copa },
  hellaswag: { kind: "choices", metrics: bothAccuracies, read: hellaswag },
  lambada_openai: { kind: "last-word", metrics: ["acc", "perplexity"], read: lambada },
  openbookqa: {
    kind: "choices",
    metrics: bothAccuracies,
    read: (fields) => labelled(fields, fields.text("question_stem")),
  },
  piqa: {
    kind: "choices",
    metrics: bothAccuracies,
    read: (fields) => {
      const choices = [fields.text("sol1"), fields.text("sol2")];
      const context = `Question: ${fields.text("goal")}\nAnswer:`;
      return choicesAfter(fields, context, { choices, gold: indexAmong(fields, choices) });
    },
  },
  race: { kind: "choices", metrics: accuracy, read: race },
  sciq: { kind: "choices", metrics: bothAccuracies, read: sciq },
  arc_easy: { kind: "choices", metrics: bothAccuracies, read: arc },
  arc_challenge: { kind: "choices", metrics: bothAccuracies, read: arc },
  social_iqa: {
    kind: "choices",
    metrics: accuracy,
    read: (fields) =>
      choicesAfter(fields, `Q: ${fields.text("context")} ${fields.text("question")}\nA:`, {
        choices: ["answerA", "answerB", "answerC"].map((name) => fields.text(name)),
        gold: goldAmong(fields, ["1", "2", "3"], fields.text("label")),
      }),
  },
  winogrande: { kind: "choices", metrics: accuracy, read: winogrande },
};

/** The formats of benchmark files that `gyre eval --tasks` reads. */
export const formatNames: readonly string[] = Object.keys(formats);

interface Choices {
  readonly choices: readonly string[];
  readonly gold: number;
  /** Between context and choice; one space by default. */
  readonly delimiter?: string;
}

/** One context, several continuations. Throws BENCHMARK_CHOICES or BENCHMARK_EMPTY. */
export function choicesAfter(
  { place }: Fields,
  context: string,
  { choices, gold, delimiter = " " }: Choices,
): ChoiceQuestion {
  const requests = choices.map((choice) => ({ context, continuation: delimiter + choice }));
  return checked({ kind: "choices", place, requests, choices, gold });
}

function checked(question: ChoiceQuestion): ChoiceQuestion {
  const { place, choices, requests } = question;
  const empty = requests.find(({ continuation }) => continuation.trim() === "");
  if (empty) throw emptyContinuation(place, empty.continuation);
  const texts = requests.map(({ context, continuation }) => JSON.stringify([context, continuation]));
  const twice = texts.findIndex((text, index) => texts.indexOf(text) < index);
  if (twice >= 0) throw sameChoices(place, choices[twice] as string);
  return question;
}

/** The index of the label that a field names. Throws BENCHMARK_GOLD. */
export function goldAmong({ place }: Fields, labels: readonly string[], given: string): number {
  const gold = labels.indexOf(given);
  if (gold < 0) throw goldOutside(place, JSON.stringify(given), labels.length);
  return gold;
}

/** The field `label` as an index from 0. Throws BENCHMARK_GOLD. */
const indexAmong = (fields: Fields, choices: readonly string[]): number =>
  goldAmong(
    fields,
    choices.map((_, index) => String(index)),
    fields.text("label"),
  );

/** `choices.text` and `choices.label`, of which `answerKey` is one. */
function labelled(fields: Fields, context: string): ChoiceQuestion {
  const [choices, labels] = [fields.texts("choices.text"), fields.texts("choices.label")];
  if (labels.length !== choices.length)
    throw badField(
      fields.place,
      "choices.label",
      `has ${labels.length} entries, choices.text ${choices.length}`,
    );
  const gold = goldAmong(fields, labels, fields.text("answerKey").trimStart());
  return choicesAfter(fields, context, { choices, gold });
}

function arc(fields: Fields): ChoiceQuestion {
  return labelled(fields, `Question: ${fields.text("question")}\nAnswer:`);
}

/** The choices begin with a space of their own, so two spaces stand before them. */
function copa(fields: Fields): ChoiceQuestion {
  const connector = fields.word("question", { cause: "because", effect: "therefore" });
  const choices = ["choice1", "choice2"].map((name) => {
    const [first = "", ...rest] = fields.text(name);
    if (first === "") throw emptyContinuation(fields.place, "");
    return ` ${first.toLowerCase()}${rest.join("")}`;
  });
  const premise = fields.text("premise").trim();
  return choicesAfter(fields, `${[...premise].slice(0, -1).join("")} ${connector}`, {
    choices,
    gold: indexAmong(fields, choices),
  });
}

function hellaswag(fields: Fields): ChoiceQuestion {
  const [first = "", ...rest] = fields.text("ctx_b");
  const context = `${fields.text("ctx_a")} ${first.toUpperCase()}${rest.join("").toLowerCase()}`;
  const choices = fields.texts("endings").map(cleaned);
  return choicesAfter(fields, cleaned(`${fields.text("activity_label")}: ${context}`), {
    choices,
    gold: indexAmong(fields, choices),
  });
}

/** Without the marks that WikiHow left. */
const cleaned = (text: string): string =>
  text
    .trim()
    .replaceAll(" [title]", ". ")
    .replace(/\[.*?\]/g, "")
    .replaceAll("  ", " ");

function lambada(fields: Fields): LastWordQuestion {
  const words = fields.text("text").split(" ");
  const continuation = ` ${words.pop()}`;
  if (continuation.trim() === "") throw emptyContinuation(fields.place, continuation);
  return { kind: "last-word", place: fields.place, request: { context: words.join(" "), continuation } };
}

interface RaceProblem {
  readonly question: string;
  readonly options: readonly string[];
  readonly gold: number;
}

/** The article with its earlier questions answered, then the last question. */
function race(fields: Fields): ChoiceQuestion {
  const problems = raceProblems(fields);
  const last = problems.at(-1) as RaceProblem;
  const earlier = problems.slice(0, -1).map(({ question, options, gold }) => {
    const answer = options[gold] as string;
    // a gap at the end of a sentence is filled; version 3 of lm-eval's task, earlier ones dropped the sentence
    return question.endsWith("  _  .")
      ? `${question.slice(0, -5)}${answer}\n`
      : `Question: ${question}\nAnswer: ${answer}\n`;
  });
  const context = `Article: ${fields.text("article")}\n\n${earlier.join("")}${last.question}`;
  return choicesAfter(fields, context, { choices: last.options, gold: last.gold });
}

/** A list of problems; the Hub's file has it as the text of a Python list. */
function raceProblems(fields: Fields): RaceProblem[] {
  let list = fields.value("problems");
  if (typeof list === "string") {
    try {
      list = parsePythonLiteral(list);
    } catch (cause) {
      throw badField(fields.place, "problems", `cannot be read: ${(cause as Error).message}`);
    }
  }
  if (!Array.isArray(list) || list.length === 0)
    throw badField(fields.place, "problems", `must be a list that is not empty, not ${shown(list)}`);
  const whole = new Fields({ problems: list }, fields.place);
  return list.map((_, index) => {
    const at = (name: string) => `problems.${index}.${name}`;
    const options = whole.texts(at("options"));
    const gold = goldAmong(fields, ["A", "B", "C", "D"].slice(0, options.length), whole.text(at("answer")));
    return { question: whole.text(at("question")), options, gold };
  });
}

function sciq(fields: Fields): ChoiceQuestion {
  const context = `${fields.text("support").trimStart()}\nQuestion: ${fields.text("question")}\nAnswer:`;
  const choices = ["distractor1", "distractor2", "distractor3", "correct_answer"].map((name) =>
    fields.text(name),
  );
  return choicesAfter(fields, context, { choices, gold: 3 });
}

/** A context for each option, and one continuation. */
function winogrande(fields: Fields): ChoiceQuestion {
  const sentence = fields.text("sentence");
  const gap = sentence.indexOf("_");
  if (gap < 0) throw badField(fields.place, "sentence", "has no gap: _");
  const continuation = ` ${sentence.slice(gap + 1).trim()}`;
  const choices = [fields.text("option1"), fields.text("option2")];
  const requests = choices.map((option) => ({ context: sentence.slice(0, gap) + option, continuation }));
  const gold = goldAmong(fields, ["1", "2"], fields.text("answer"));
  return checked({ kind: "choices", place: fields.place, requests, choices, gold });
}
