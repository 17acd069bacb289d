import { tableText, textTable } from "gyre";
import { type BestHeldOut, listRuns, type RunSummary } from "gyre/node";
import { bytesText, counted, duration, short } from "../render/format.ts";

export interface RunsOptions {
  readonly json?: boolean;
}

/** `gyre runs [FOLDER]`: the runs in a folder, with what is known of them. */
export async function runsCommand(folder: string, { json }: RunsOptions): Promise<number> {
  const found = await listRuns(folder);
  if (json) {
    console.log(JSON.stringify(found, null, 2));
    return 0;
  }
  const runs = found.filter((run): run is RunSummary => !("problem" in run));
  const now = Date.now();
  if (runs.length > 0) {
    const heading = [
      "run",
      "family",
      "layers x loops",
      "parameters",
      "steps",
      "loss",
      "best held out",
      "disk",
      "changed",
    ];
    console.log(
      tableText(
        textTable(
          heading,
          runs.map((run) => row(run, now)),
          [0, 1],
        ),
      ),
    );
  }
  for (const { path, spikes } of runs)
    if (spikes.length > 0)
      console.log(`\n${path}: ${counted(spikes.length, "spike")}, the last at step ${spikes.at(-1)}`);
  for (const run of found) if ("problem" in run) console.error(`${run.path}: ${run.problem}`);
  if (found.length === 0) console.log(`no runs in ${folder}`);
  else console.log(`\n${counted(runs.length, "run")}, ${bytesText(sum(runs.map(({ bytes }) => bytes)))}`);
  return 0;
}

function row(run: RunSummary, now: number): string[] {
  const steps = run.steps === undefined ? run.kind : `${run.step}/${run.steps}`;
  return [
    run.path,
    run.family,
    `${run.layers} x ${run.loops}`,
    short(run.parameters),
    run.isHeld ? `${steps} running` : steps,
    run.loss?.toFixed(4) ?? "",
    run.heldOut ? heldOutText(run.heldOut) : "",
    bytesText(run.bytes),
    `${duration((now - run.changedAtMs) / 1000)} ago`,
  ];
}

const heldOutText = ({ measure, value }: BestHeldOut): string =>
  ({
    accuracy: `${(100 * value).toFixed(1)} % right`,
    bitsPerByte: `${value.toFixed(3)} bits/byte`,
    squaredError: `squared error ${value.toPrecision(3)}`,
  })[measure];

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
