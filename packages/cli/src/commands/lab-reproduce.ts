import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { figuresNamed, type LabReport, labFigure, labMarkdown, numberText } from "gyre/lab";
import { openOnnxRuntime, writeFileAtomic } from "gyre/node";
import { badOutput } from "../errors.ts";
import { interruptSignal } from "../interrupt.ts";
import { commandLine, commitOfGyre, machineText } from "../provenance.ts";
import { StatusLine } from "../render/status-line.ts";

export interface LabReproduceOptions {
  readonly out: string;
  /** The first of two seeds. */
  readonly seed: number;
}

/** `gyre lab reproduce`: measures figures, prints their claims, and writes FIGURE.json, .svg and .md of each. */
export async function labReproduceCommand(name: string, { out, seed }: LabReproduceOptions): Promise<number> {
  const chosen = figuresNamed(name);
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw badOutput(out, cause);
  });
  const status = new StatusLine();
  const commit = await commitOfGyre();
  const seeds = [seed, seed + 1];
  const signal = interruptSignal();
  try {
    for (const figure of chosen) {
      const result = await figure.measure({
        seeds,
        openRuntime: (precision) => openOnnxRuntime({ precision, threads: 1 }),
        onProgress: (text) => status.update(`${figure.name}: ${text}`, false),
        signal,
      });
      const report: LabReport = {
        version: 1,
        figure: figure.name,
        createdAt: new Date().toISOString(),
        command: commandLine(),
        ...(commit ? { commit } : {}),
        machine: machineText(),
        seeds,
        ...result,
      };
      status.clear();
      print(report);
      await writeFileAtomic(join(out, `${figure.name}.json`), `${JSON.stringify(report, null, 1)}\n`);
      await writeFileAtomic(join(out, `${figure.name}.svg`), labFigure(report));
      await writeFileAtomic(join(out, `${figure.name}.md`), labMarkdown(report));
      console.log(join(out, `${figure.name}.md`));
    }
    return 0;
  } finally {
    status.clear();
  }
}

function print({ title, claims }: LabReport): void {
  console.log(title);
  for (const { text, measured, limit, holds } of claims)
    console.log(`  ${holds ? "holds " : "FAILS "} ${text}: ${numberText(measured)} <= ${numberText(limit)}`);
}
