import { jobFailed, modelGone } from "./errors.ts";
import type { ServedModel } from "./plan.ts";
import type { Job, JobEvent, JobFailure } from "./protocol.ts";

/** What came of one choice of a request. */
export interface ChoiceEvent {
  readonly choice: number;
  readonly event: Exclude<JobEvent, JobFailure>;
}

/**
 * Runs jobs together and yields what comes of them. When the signal aborts, or the caller stops listening, their
 * slots are free at once. Throws the signal's reason, or a refusal when a job fails.
 */
export async function* runJobs(
  { id, engine }: ServedModel,
  jobs: readonly Job[],
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void> {
  const arrived: { choice: number; event: JobEvent }[] = [];
  let wake = () => {};
  const cancels: (() => void)[] = [];
  const cancel = () => {
    for (const cancelJob of cancels) cancelJob();
    wake();
  };
  signal.addEventListener("abort", cancel);
  try {
    for (const [choice, job] of jobs.entries()) {
      const onEvent = (event: JobEvent) => {
        arrived.push({ choice, event });
        wake();
      };
      cancels.push(engine.start(job, onEvent));
    }
    for (let open = jobs.length; open > 0; ) {
      signal.throwIfAborted();
      const next = arrived.shift();
      if (next) {
        if (next.event.type === "failure") throw failed(id, next.event);
        if (next.event.type === "end") open--;
        yield { choice: next.choice, event: next.event };
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function failed(model: string, { isGone, reason }: JobFailure): Error {
  return isGone ? modelGone(model) : jobFailed(model, reason);
}
