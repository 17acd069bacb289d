import { figuresNamed } from "gyre/lab";
import { openOnnxRuntime } from "gyre/node";
import { interruptSignal } from "../interrupt.ts";
import { trainedModels } from "../lab-runs.ts";
import { StatusLine } from "../render/status-line.ts";
import { presentReport, provenanceNow, requireOutput } from "../reports.ts";

export interface LabReproduceOptions {
  readonly out: string;
  /** Where trained models are kept, and looked for. */
  readonly runs: string;
  /** The first seed. */
  readonly seed: number;
}

/** The first seed of the published figures: those of others have it in their files' names. */
const USUAL_SEED = 1;

/** `gyre lab reproduce`: measures figures, prints their claims, and writes FIGURE.json, .svg and .md of each. */
export async function labReproduceCommand(name: string, options: LabReproduceOptions): Promise<number> {
  const { out, runs, seed } = options;
  const chosen = figuresNamed(name);
  await requireOutput(out);
  const status = new StatusLine();
  const signal = interruptSignal();
  try {
    for (const figure of chosen) {
      const onProgress = (text: string) => status.update(`${figure.name}: ${text}`, false);
      const seeds = Array.from({ length: figure.seeds ?? 2 }, (_, index) => seed + index);
      const findings = await figure.measure({
        seeds,
        openRuntime: (precision) => openOnnxRuntime({ precision, threads: 1 }),
        trained: trainedModels(runs, { onProgress, signal }),
        onProgress,
        signal,
      });
      status.clear();
      await presentReport(
        { version: 2, kind: "lab", provenance: await provenanceNow({ seeds }), findings },
        { folder: out, name: seed === USUAL_SEED ? figure.name : `${figure.name}-seed${seed}` },
      );
    }
    return 0;
  } finally {
    status.clear();
  }
}
