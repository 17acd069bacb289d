// What the report under docs/results/spam says of AlgoFormer's claim on classifying text, written into its report.json:
//   gyre eval runs/spam/* --out docs/results/spam --name report && node scripts/ts.mjs scripts/text-claims.ts
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type AnswerClaim, type AnswerModel, type ReportOf, readReport, reportFiles } from "gyre";

const folder = fileURLToPath(new URL("../docs/results/spam/", import.meta.url));

/** The report on the recipes of recipes/text-classification. */
export function textReport(): ReportOf<"answers"> {
  const path = join(folder, "report.json");
  const report = readReport(JSON.parse(readFileSync(path, "utf8")), path);
  if (report.kind !== "answers") throw new Error(`${path}: a report on ${report.kind}`);
  return report;
}

/** What is claimed of AlgoFormer on text; claims whose runs are missing stay open. */
export function textClaims({ models, baselines = [] }: ReportOf<"answers">): AnswerClaim[] {
  const of = (name: string) => models.find((model) => model.name === name);
  const right = (model: AnswerModel | undefined) =>
    model?.points.find(({ loops }) => loops === model.trainedLoops)?.accuracy;
  const [algoformer, deep, looped] = [of("algoformer"), of("gpt-deep"), of("looped")];
  const bayes = baselines.find(({ name }) => name.endsWith("what the model reads"))?.accuracy;
  const minus = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? {} : { measured: a - b };
  return [
    {
      id: "T1",
      text: "AlgoFormer less a standard transformer that is as deep as it computes, at its trained loops",
      ...minus(right(algoformer), right(deep)),
      is: "at least",
      limit: -0.01,
    },
    {
      id: "T1",
      text: "its parameters over those of the standard transformer",
      ...(algoformer && deep ? { measured: algoformer.parameters / deep.parameters } : {}),
      is: "at most",
      limit: 0.5,
    },
    {
      id: "T2",
      text: "AlgoFormer less the Looped Transformer, each at its trained loops",
      ...minus(right(algoformer), right(looped)),
      is: "at least",
      limit: 0,
    },
    {
      id: "T3",
      text: "AlgoFormer less naive Bayes on the same beginnings of mails",
      ...minus(right(algoformer), bayes),
      is: "at least",
      limit: 0,
    },
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const report = textReport();
  for (const [file, text] of reportFiles({ ...report, claims: textClaims(report) }, "report"))
    writeFileSync(join(folder, file), text);
}
