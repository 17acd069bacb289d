import type { Tokenizer } from "../data/tokenizer.ts";
import { exitRule } from "../decode/exits.ts";
import type { Reading } from "../decode/read.ts";
import { sampleToken } from "../decode/sampling.ts";
import type { Finish, GeneratedToken, Loops } from "../decode/stream.ts";
import { rng } from "../util/rng.ts";
import { chanceOf, firstChance } from "./chances.ts";
import type { ChosenToken, Job, JobEvent, Piece } from "./protocol.ts";
import type { Scheduler } from "./scheduler.ts";
import { TextAssembler } from "./text.ts";

/** Runs a job and reports what comes of it; what it returns cancels it. */
export function runJob(
  scheduler: Scheduler,
  tokenizer: Tokenizer,
  job: Job,
  report: (event: JobEvent) => void,
): () => void {
  const run = new JobRun(scheduler, tokenizer, job, report);
  return () => run.cancel();
}

class JobRun {
  /** Cancels what goes on now. */
  cancel: () => void;
  readonly #scheduler: Scheduler;
  readonly #tokenizer: Tokenizer;
  readonly #job: Job;
  readonly #report: (event: JobEvent) => void;
  readonly #text: TextAssembler;
  readonly #depth: Loops;
  readonly #loops: number[] = [];
  readonly #promptLoops: number[] = [];
  #blockPasses = 0;
  #draftsAccepted = 0;

  constructor(scheduler: Scheduler, tokenizer: Tokenizer, job: Job, report: (event: JobEvent) => void) {
    const { budget, exit } = job;
    const most = typeof budget === "number" ? budget : budget.length;
    this.#scheduler = scheduler;
    this.#tokenizer = tokenizer;
    this.#job = job;
    this.#report = report;
    this.#text = new TextAssembler(tokenizer.decodeStream(), job.stops, job.dropsSpace);
    this.#depth = exit === undefined ? budget : exitRule(exit, most);
    if (job.echo && job.logprobs === undefined) this.#echo();
    this.cancel = job.echo && job.logprobs !== undefined ? this.#read(job.logprobs) : this.#write();
  }

  /** Reads the prompt, together with others; its last logits choose the first token where no more are wanted. */
  #read(alternatives: number): () => void {
    const { prompt, maxTokens } = this.#job;
    const chances = [firstChance(this.#tokenizer, prompt[0] as number)];
    let last: Reading | undefined;
    return this.#scheduler.read({
      text: prompt,
      loops: this.#depth,
      vocab: this.#tokenizer.vocab,
      onReading: (reading) => {
        const next = prompt[reading.position + 1];
        this.#blockPasses += reading.blockPasses;
        if (next === undefined) last = reading;
        else {
          this.#promptLoops.push(reading.loops);
          chances[reading.position + 1] = chanceOf(this.#tokenizer, next, reading.logits, alternatives);
        }
      },
      onEnd: () => {
        this.#echo(chances);
        if (maxTokens > 1) this.cancel = this.#write();
        else this.#end(maxTokens === 1 && this.#take(this.#choose(last as Reading)) ? "stop" : "length");
      },
      onError: (error) => this.#fail(error),
    });
  }

  /** The token that a stream would begin with. */
  #choose({ logits, loops }: Reading): GeneratedToken {
    const token = sampleToken(logits, this.#job, rng(this.#job.seed, "sample"));
    return { token, logits, loops, blockPasses: 0 };
  }

  /** Gives out the prompt. */
  #echo(chances?: readonly Omit<ChosenToken, "offset">[]): void {
    this.#tell(
      this.#text.echo(
        this.#job.prompt.map((id) => this.#textId(id)),
        chances,
      ),
    );
  }

  /** Writes what follows the prompt. */
  #write(): () => void {
    const { prompt, maxTokens, temperature, topP, seed, draft } = this.#job;
    const { vocab, endOfText: stop } = this.#tokenizer;
    const sampling = { maxTokens, temperature, topP, seed, vocab, stop };
    return this.#scheduler.submit({
      prompt,
      options: { ...sampling, window: "stop", loops: this.#depth, ...(draft ? { draft } : {}) },
      onToken: (token) => this.#take(token),
      onEnd: (finish) => this.#end(finish),
      onError: (error) => this.#fail(error),
    });
  }

  /** Takes a token; true where the text ends with it. */
  #take({ token, logits, loops, blockPasses, drafts }: GeneratedToken): boolean {
    const { logprobs } = this.#job;
    const isEnd = token === this.#tokenizer.endOfText;
    this.#loops.push(loops);
    this.#blockPasses += blockPasses;
    this.#draftsAccepted += drafts?.kept ?? 0;
    const chance = logprobs === undefined ? undefined : chanceOf(this.#tokenizer, token, logits, logprobs);
    this.#tell(this.#text.push(isEnd ? undefined : this.#textId(token), chance));
    return isEnd || this.#text.isStopped;
  }

  #tell(piece: Piece): void {
    if (piece.text !== "" || piece.tokens.length > 0) this.#report({ type: "piece", ...piece });
  }

  #end(finish: Finish): void {
    const piece = this.#text.end();
    this.#report({
      type: "end",
      ...piece,
      finish: finish === "stop" || this.#text.isStopped ? "stop" : "length",
      loops: this.#loops,
      promptLoops: this.#promptLoops,
      blockPasses: this.#blockPasses,
      draftsAccepted: this.#draftsAccepted,
    });
  }

  #fail(error: unknown): void {
    this.#report({ type: "failure", isGone: false, reason: String(error) });
  }

  /** A model's vocabulary may be padded beyond its tokenizer's: such a token stands for no text. */
  #textId(token: number): number | undefined {
    return token < this.#tokenizer.vocab ? token : undefined;
  }
}
