import type { Tokenizer } from "../data/tokenizer.ts";
import { exitRule } from "../decode/exits.ts";
import type { GeneratedToken } from "../decode/stream.ts";
import type { Job, JobEvent, TokenChance } from "./protocol.ts";
import type { Scheduler, Task } from "./scheduler.ts";
import { TextAssembler } from "./text.ts";

/** Runs a job and reports what comes of it; what it returns cancels it. */
export function runJob(
  scheduler: Scheduler,
  tokenizer: Tokenizer,
  job: Job,
  report: (event: JobEvent) => void,
): () => void {
  const text = new TextAssembler(tokenizer.decodeStream(), job.stops, job.dropsSpace);
  const loops: number[] = [];
  let blockPasses = 0;
  let draftsAccepted = 0;
  return scheduler.submit({
    prompt: job.prompt,
    options: streamOptions(job, tokenizer.endOfText),
    onToken(token) {
      loops.push(token.loops);
      blockPasses += token.blockPasses;
      draftsAccepted += token.drafts?.kept ?? 0;
      if (token.token === tokenizer.endOfText) return true;
      const chosen = job.logprobs === undefined ? undefined : chosenToken(tokenizer, token, job.logprobs);
      // A model's vocabulary may be padded beyond its tokenizer's.
      const isText = token.token < tokenizer.vocab;
      const piece = text.push(isText ? token.token : undefined, chosen);
      if (piece.text !== "" || piece.tokens.length > 0) report({ type: "piece", ...piece });
      return text.isStopped;
    },
    onEnd(finish) {
      const piece = text.end();
      const isStop = finish === "stop" || text.isStopped;
      report({
        type: "end",
        ...piece,
        finish: isStop ? "stop" : "length",
        loops,
        blockPasses,
        draftsAccepted,
      });
    },
    onError: (error) => report({ type: "failure", isGone: false, reason: String(error) }),
  });
}

function streamOptions(job: Job, stop: number): Task["options"] {
  const { maxTokens, temperature, topP, seed, budget, exit, draft } = job;
  const most = typeof budget === "number" ? budget : budget.length;
  const loops = exit === undefined ? budget : exitRule(exit, most);
  return { maxTokens, temperature, topP, seed, stop, window: "stop", loops, ...(draft ? { draft } : {}) };
}

function chosenToken(tokenizer: Tokenizer, { token, logits }: GeneratedToken, count: number) {
  const logTotal = logSumExp(logits);
  const chance = (id: number): TokenChance => ({
    ...tokenText(tokenizer, id),
    logprob: (logits[id] as number) - logTotal,
  });
  return { ...chance(token), alternatives: largest(logits, count).map(chance) };
}

function tokenText(tokenizer: Tokenizer, id: number): Omit<TokenChance, "logprob"> {
  const text = id < tokenizer.vocab ? tokenizer.decode([id]) : "\ufffd";
  if (text.includes("\ufffd")) return { token: `token_id:${id}`, bytes: null };
  return { token: text, bytes: [...new TextEncoder().encode(text)] };
}

function logSumExp(logits: ArrayLike<number>): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) best = Math.max(best, logits[id] as number);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += Math.exp((logits[id] as number) - best);
  return best + Math.log(total);
}

/** Indices of the largest values, largest first; ties go to the lower index. */
function largest(values: ArrayLike<number>, count: number): number[] {
  const kept: number[] = [];
  for (let id = 0; id < values.length && count > 0; id++) {
    const value = values[id] as number;
    if (kept.length === count && value <= (values[kept[count - 1] as number] as number)) continue;
    const place = kept.findIndex((other) => value > (values[other] as number));
    kept.splice(place < 0 ? kept.length : place, 0, id);
    kept.length = Math.min(kept.length, count);
  }
  return kept;
}
