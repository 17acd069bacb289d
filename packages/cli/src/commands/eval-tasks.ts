import { join } from "node:path";
import { firstQuestions } from "gyre";
import { evaluateBenchmarks, openRun, readBenchmarks } from "gyre/node";
import { type BudgetOptions, budgetsFor } from "../budgets.ts";
import { interruptSignal } from "../interrupt.ts";
import { UsageError } from "../options.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { StatusLine } from "../render/status-line.ts";
import { makeOutput, presentReport } from "../reports.ts";

export interface EvalTasksOptions extends BudgetOptions {
  /** Task files, files of questions, or folders of them. */
  readonly tasks: readonly string[];
  /** Ask the first questions of each only. */
  readonly limit?: number;
  readonly batch?: number;
  readonly out?: string;
  readonly name?: string;
  readonly threads?: number;
  readonly data?: string;
  readonly stride?: number;
  readonly maxTokens?: number;
}

/** `gyre eval --tasks`: asks runs the questions of benchmarks at each budget, prints the table and writes the report. */
export async function evalTasksCommand(paths: readonly string[], options: EvalTasksOptions): Promise<number> {
  const { tasks, limit, batch, threads, out, name } = options;
  for (const [flag, value] of Object.entries({
    "--data": options.data,
    "--stride": options.stride,
    "--max-tokens": options.maxTokens,
  }))
    if (value !== undefined)
      throw new UsageError(`${flag} is about validation text; leave it out with --tasks.`);
  const benchmarks = (await readBenchmarks(tasks)).map((benchmark) => firstQuestions(benchmark, limit));
  const { directory } = await openRun(paths[0] as string);
  await makeOutput(out);
  const status = new StatusLine();
  try {
    const report = await evaluateBenchmarks(paths, {
      benchmarks,
      budgets: (spec, isCompared) => budgetsFor(spec, options, isCompared),
      ...(batch === undefined ? {} : { batch }),
      ...(threads === undefined ? {} : { threads }),
      command: commandLine(),
      machine: machineText(),
      commit: await commitOfGyre(),
      onProgress: ({ model, benchmark, budget, done, total }) =>
        status.update(`${model}  ${benchmark}  loops ${budget}  ${done} of ${total}`, done === total),
      onWarning: (text) => status.print(`warning: ${text}`),
      signal: interruptSignal(),
    });
    status.clear();
    const folder = out ?? join(directory.path, "reports");
    await presentReport(report, { folder, ...(name === undefined ? {} : { name }) });
    return 0;
  } finally {
    status.clear();
  }
}
