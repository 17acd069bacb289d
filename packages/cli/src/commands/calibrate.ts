import { type Calibration, calibrate, type Draft, WORTHWHILE } from "gyre";
import {
  loadTokenizer,
  loadWeights,
  openOnnxRuntime,
  openRun,
  openRunData,
  type Run,
  saveCalibration,
} from "gyre/node";
import { machineText } from "../provenance.ts";
import { StatusLine } from "../render/status-line.ts";

export interface CalibrateOptions {
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly data?: string;
}

const PROMPTS = 4;
const PROMPT_TOKENS = 16;

/** Finds the draft that decodes fastest on this machine, and keeps it with the run for `gyre generate`. */
export async function calibrateCommand(path: string, options: CalibrateOptions): Promise<number> {
  const run = await openRun(path);
  const { weights } = await loadWeights(run);
  const prompts = await promptsOf(run, options.data);
  const status = new StatusLine();
  await using runtime = await openOnnxRuntime(
    options.threads === undefined ? {} : { threads: options.threads },
  );
  try {
    const model = { spec: run.config.spec, weights, runtime };
    const calibration = await calibrate(model, {
      prompts,
      machine: machineText(),
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      onProgress: ({ done, total, draft }) =>
        status.update(`draft ${done + 1} of ${total}: ${draftText(draft)}`, false),
    });
    status.clear();
    print(calibration);
    console.log(await saveCalibration(run, calibration));
    return 0;
  } finally {
    status.clear();
  }
}

/** Beginnings from the validation split; an imported checkpoint has none and starts a new text. */
async function promptsOf(run: Run, data: string | undefined): Promise<number[][]> {
  if (!run.config.data && data === undefined) return [[(await loadTokenizer(run)).endOfText]];
  const { validation } = await openRunData(run, data);
  const stride = Math.floor((validation.length - PROMPT_TOKENS) / PROMPTS);
  return Array.from({ length: PROMPTS }, (_, index) => [
    ...validation.tokens.subarray(index * stride, index * stride + PROMPT_TOKENS),
  ]);
}

const draftText = ({ kind, loops, tokens }: Draft) => `${kind}:${loops}:${tokens}`;

function print({ plainTokensPerSecond, loops, drafts, best, tokens }: Calibration): void {
  console.log(
    `plain: ${plainTokensPerSecond.toFixed(0)} tokens/s at ${loops} loops, ${tokens} tokens a turn`,
  );
  console.log("draft         tokens/s  speed-up  kept   blocks/token");
  for (const row of drafts.toSorted((a, b) => b.speedup - a.speedup)) {
    const cells = [
      draftText(row.draft).padEnd(12),
      row.tokensPerSecond.toFixed(0).padStart(9),
      `${row.speedup.toFixed(2)}x`.padStart(9),
      `${(100 * row.acceptance).toFixed(0)} %`.padStart(6),
      row.blockPassesPerToken.toFixed(2).padStart(13),
    ];
    console.log(cells.join(" "));
  }
  const verdict = best
    ? `gyre generate will draft with ${draftText(best)} at ${loops} loops`
    : `no draft is faster than plain decoding by ${Math.round(100 * (WORTHWHILE - 1))} %: none will be used`;
  console.log(verdict);
}
