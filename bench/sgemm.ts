import { join } from "node:path";
import { median } from "../packages/gyre/src/util/statistics.ts";
import { repositoryRoot } from "./harness.ts";
import { LineProcess } from "./line-process.ts";
import { peerEnvironment } from "./peers/python.ts";

/** float32 2048 x 2048 x 2048 products of one library, in GFLOP/s. */
export interface SgemmRate {
  readonly library: string;
  readonly gflops: number;
  readonly median: number;
}

interface Answer {
  readonly gflops: number;
  readonly median: number;
  readonly blas?: string;
}

/** Matrix product rates of torch (MKL) and numpy (OpenBLAS), measured in turn; a python without numpy gives torch's. */
export async function sgemmRates(
  python: string,
  threads: number,
  print: (text: string) => void,
  rounds = 3,
): Promise<SgemmRate[]> {
  const answers = new Map<string, Answer[]>();
  const add = (library: string, answer: Answer) =>
    answers.set(library, [...(answers.get(library) ?? []), answer]);
  for (let round = 0; round < rounds; round++) {
    add("torch", await ask(python, ["loopformer.py", "--threads", String(threads)], threads));
    try {
      const answer = await ask(python, ["sgemm_numpy.py"], threads);
      add(`numpy, ${answer.blas ?? "unknown BLAS"}`, answer);
    } catch (error) {
      print(`numpy's matrix product is left out: ${error instanceof Error ? error.message : String(error)}`);
      break;
    }
  }
  return [...answers].map(([library, all]) => ({
    library,
    gflops: Math.max(...all.map((answer) => answer.gflops)),
    median: median(all.map((answer) => answer.median)),
  }));
}

async function ask(python: string, args: readonly [string, ...string[]], threads: number): Promise<Answer> {
  const [script, ...rest] = args;
  await using side = new LineProcess({
    name: script,
    command: python,
    args: [join(repositoryRoot, "bench/peers", script), ...rest],
    env: peerEnvironment(threads),
  });
  return await side.ask<Answer>("sgemm");
}
