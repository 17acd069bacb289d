import { GyreError } from "gyre";

/** What to say of an error: one sentence, and what to do about it where that is known. */
export interface PlainProblem {
  readonly title: string;
  readonly advice: string;
}

/** What the page itself finds wrong, said in plain words already. */
export class PlainError extends Error implements PlainProblem {
  override readonly name = "PlainError";
  readonly title: string;
  readonly advice: string;

  constructor(title: string, advice: string, options?: ErrorOptions) {
    super(`${title} ${advice}`, options);
    this.title = title;
    this.advice = advice;
  }
}

const words: Readonly<Record<string, PlainProblem>> = {
  DATA_TOO_SHORT: {
    title: "The text is too short to train on.",
    advice: "Paste at least a few paragraphs: some thousand characters.",
  },
  DATA_EMPTY: { title: "There is no text.", advice: "Paste a text, or open a file." },
  TRAIN_NOT_FINITE: {
    title: "Training ran away: the numbers grew beyond all bounds.",
    advice: "Start again with a lower learning rate.",
  },
  FETCH_UNREACHABLE: {
    title: "The model could not be reached.",
    advice: "Check the address and the network. What was loaded before still works without one.",
  },
  FETCH_STATUS: {
    title: "There is no model at this address.",
    advice: "Pass the folder of a run or of an export.",
  },
  FETCH_BROKEN: { title: "The download broke off.", advice: "Try again; nothing of it was kept." },
  FETCH_CHECKSUM: {
    title: "A file arrived damaged: its checksum is not the one that was promised.",
    advice: "Load it again. If that does not help, the file is damaged where it lies.",
  },
  FETCH_TOO_LARGE: {
    title: "This model is too large for a tab.",
    advice: "Choose a smaller one. Nothing was downloaded.",
  },
  FETCH_MEMORY: {
    title: "The tab has no memory left for this model.",
    advice: "Close other tabs, or choose a smaller one.",
  },
  FETCH_TOKENIZER: {
    title: "The model came without a tokenizer that runs in a page.",
    advice: "Put its tokenizer.json beside it.",
  },
  CHECKPOINT_CONFIG: {
    title: "This checkpoint is of a family that gyre does not know.",
    advice: "The guide lists the families that can be read.",
  },
  RUNTIME_MEMORY: {
    title: "The tab ran out of memory.",
    advice: "Choose a smaller model, or close other tabs. What was kept is still there.",
  },
  WORKER_OTHER_TEXT: {
    title: "This is not the text that the run was trained on.",
    advice: "Choose the folder that was named to gyre train.",
  },
  WORKER_FAILED: {
    title: "The worker that computes has ended.",
    advice: "Reload the page to start it again.",
  },
};

const otherFields: PlainProblem = {
  title: "The model's config.json is not whole.",
  advice: "Export the model again, or correct the fields that are named below.",
};

/** An error in plain words; its own message stands behind it for who wants to know more. */
export function plainProblem(error: unknown): PlainProblem & { readonly detail: string } {
  if (error instanceof PlainError) return { title: error.title, advice: error.advice, detail: "" };
  const detail = error instanceof Error ? error.message : String(error);
  const isMemory = /out of memory|memory access|Array buffer allocation/i.test(detail);
  const code = isMemory ? "RUNTIME_MEMORY" : error instanceof GyreError ? error.code : "";
  const isFields = code === "CHECKPOINT_CONFIG" && !detail.includes("model_type");
  const known = isFields ? otherFields : words[code];
  if (known) return { ...known, detail };
  if (error instanceof GyreError) {
    const { given, expected, fix } = error.detail;
    return { title: `${given}.`, advice: `Expected: ${expected}. ${fix}.`, detail };
  }
  return { title: "Something went wrong.", advice: "Reload the page and try again.", detail };
}
