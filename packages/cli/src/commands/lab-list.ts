import { baselines, figures, labRecipes, vectorTasks } from "gyre/lab";

/** `gyre lab list`: what the laboratory has. */
export async function labListCommand(): Promise<number> {
  const table = (title: string, rows: readonly { readonly name: string; readonly text: string }[]) => {
    const width = Math.max(...rows.map(({ name }) => name.length));
    return [`${title}:`, ...rows.map(({ name, text }) => `  ${name.padEnd(width)}  ${text}`)].join("\n");
  };
  const lines = [
    table(
      "tasks",
      vectorTasks.map(({ name, summary }) => ({ name, text: summary })),
    ),
    table(
      "baselines",
      baselines.map(({ name, description }) => ({ name, text: description })),
    ),
    table(
      "recipes",
      labRecipes.map(({ name, summary }) => ({ name, text: summary })),
    ),
    table(
      "figures",
      figures.map(({ name, summary }) => ({ name, text: summary })),
    ),
  ];
  console.log(lines.join("\n\n"));
  return 0;
}
