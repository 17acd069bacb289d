import { mkdir } from "node:fs/promises";
import { figuresNamed } from "gyre/lab";
import { openOnnxRuntime } from "gyre/node";
import { badOutput } from "../errors.ts";
import { interruptSignal } from "../interrupt.ts";
import { labText, saveLabReport } from "../lab-reports.ts";
import { trainedModels } from "../lab-runs.ts";
import { StatusLine } from "../render/status-line.ts";

export interface LabReproduceOptions {
  readonly out: string;
  /** Where trained models are kept, and looked for. */
  readonly runs: string;
  /** The first seed. */
  readonly seed: number;
}

/** `gyre lab reproduce`: measures figures, prints their claims, and writes FIGURE.json, .svg and .md of each. */
export async function labReproduceCommand(name: string, options: LabReproduceOptions): Promise<number> {
  const { out, runs, seed } = options;
  const chosen = figuresNamed(name);
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw badOutput(out, cause);
  });
  const status = new StatusLine();
  const signal = interruptSignal();
  try {
    for (const figure of chosen) {
      const onProgress = (text: string) => status.update(`${figure.name}: ${text}`, false);
      const seeds = Array.from({ length: figure.seeds ?? 2 }, (_, index) => seed + index);
      const result = await figure.measure({
        seeds,
        openRuntime: (precision) => openOnnxRuntime({ precision, threads: 1 }),
        trained: trainedModels(runs, { onProgress, signal }),
        onProgress,
        signal,
      });
      status.clear();
      console.log(labText(result));
      console.log(await saveLabReport(out, figure.name, seeds, result));
    }
    return 0;
  } finally {
    status.clear();
  }
}
