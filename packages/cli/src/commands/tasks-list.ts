import { formsOf, tableText, textTable, tokenTasks } from "gyre";
import { vectorTasks } from "gyre/lab";

/** `gyre tasks list`: every task with its forms and difficulties. */
export async function tasksListCommand(): Promise<number> {
  const rows = tokenTasks.map(({ name, summary, difficulty, maxLength }) => {
    const { least, most, usual, counts } = difficulty;
    const forms = formsOf(name).flatMap(({ variant }) => variant ?? []);
    const range = ({ from, to }: { from: number; to: number }) =>
      from === to ? `${from}` : `${from}..${to}`;
    return [
      name,
      forms.join(" "),
      `${range({ from: least, to: most })} ${counts}`,
      range(usual),
      String(maxLength(usual.to)),
      summary,
    ];
  });
  const heading = ["task", "forms", "difficulty", "usual", "tokens", "what is asked"];
  const width = Math.max(...vectorTasks.map(({ name }) => name.length));
  const vectors = vectorTasks.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}`);
  console.log("Tasks of tokens (gyre tasks show, write, grade); the first form is the usual one:\n");
  console.log(tableText(textTable(heading, rows, [0, 1, 2, 3, 5])));
  console.log("\nTasks of labelled texts (gyre tasks prepare, then gyre train FOLDER): classify");
  console.log(`\nTasks of vectors (gyre lab train):\n\n${vectors.join("\n")}`);
  return 0;
}
