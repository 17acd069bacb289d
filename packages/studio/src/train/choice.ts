import { type AnswerTrainingInput, loopformer, type Spec, tokenTaskNamed } from "gyre";
import type { CreateRequest } from "gyre/web";

/** What a reader chooses before training: data, size and how long. */
export interface Choice {
  readonly data:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "task"; readonly task: TaskName };
  readonly width: number;
  readonly loops: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
}

export type TaskName = keyof typeof tasks;

/** Tasks that a small model learns in minutes: their difficulty here, and what they ask in plain words. */
export const tasks = {
  shuffle: {
    name: "words",
    variant: "S3",
    difficulty: 8,
    title: "Follow the ball",
    summary: "Three cups are shuffled eight times; after every swap the model says where each of them is.",
  },
  parity: {
    name: "prefix-sum",
    variant: undefined,
    difficulty: 16,
    title: "Odd or even",
    summary:
      "Sixteen bits arrive one by one; after each the model says whether the number of ones so far is odd.",
  },
  brackets: {
    name: "dyck",
    variant: "2",
    difficulty: 24,
    title: "Close the bracket",
    summary: "Two kinds of brackets open and close; after each the model says which kind has to close next.",
  },
} as const;

export const usualChoice: Choice = {
  data: { kind: "text", text: "" },
  width: 64,
  loops: 4,
  steps: 800,
  learningRate: 3e-3,
  seed: 1,
};

/** Wider than usual, as in the recipe of the shipped model: small models find such algorithms sooner. */
const initStd = 0.06;
const textContext = 64;
const byteVocabulary = 257;

/** The model of a choice: one core layer that loops. */
export function specOf({ data, width, loops }: Choice): Spec {
  const size = { width, heads: width / 16, mlp: 4 * width, layers: 1, loops };
  if (data.kind === "text") return loopformer({ ...size, vocab: byteVocabulary, context: textContext });
  const { name, variant, difficulty } = tasks[data.task];
  const task = tokenTaskNamed(name, variant);
  const context = task.maxLength(difficulty);
  return loopformer({ ...size, vocab: task.vocabulary.length, context }, { readout: "untied" });
}

/** How a choice is trained. */
export function trainingOf({ data, steps, learningRate, seed }: Choice): AnswerTrainingInput {
  const common = {
    steps,
    learningRate,
    learningRateFloor: learningRate / 10,
    warmupSteps: Math.min(20, Math.floor(steps / 10)),
    weightDecay: 0.1,
    seed,
  };
  if (data.kind === "text") return { ...common, batch: 8 };
  const { difficulty } = tasks[data.task];
  return { ...common, batch: 32, weightDecay: 0.05, initStd, easiest: difficulty, hardest: difficulty };
}

/** The request that draws the model of a choice. */
export function requestOf(choice: Choice): Omit<CreateRequest, "threads" | "wasmPaths"> {
  const common = { spec: specOf(choice), seed: choice.seed };
  if (choice.data.kind === "text") return common;
  const { name, variant } = tasks[choice.data.task];
  return { ...common, initStd, task: { name, variant }, training: trainingOf(choice) };
}
