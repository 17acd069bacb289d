/** A question of our own in each published format, with the fields of the Hugging Face Hub's data sets. */
export const records = {
  copa: {
    premise: "The lamp went out. ",
    choice1: "The oil was spent.",
    choice2: "The Sun rose.",
    question: "cause",
    label: 0,
  },
  hellaswag: {
    activity_label: "Baking bread",
    ctx_a: "Knead well [title] Step [substeps] A baker waits.",
    ctx_b: "he Then",
    endings: ["opens the  oven.", " sings [title] Loudly.", "leaves [step]it.", "eats."],
    label: "2",
  },
  lambada_openai: { text: "she called for her dog" },
  openbookqa: {
    question_stem: "Ice is",
    choices: { text: ["warm", "frozen water"], label: ["A", "B"] },
    answerKey: "B",
  },
  piqa: { goal: "Cut paper", sol1: "use scissors", sol2: "use water", label: 0 },
  race: {
    article: "Tom's cat sat.",
    problems:
      "[{'question': 'Who sat?', 'answer': 'B', 'options': ['Tom', 'The cat', 'Ann', 'A dog']}, " +
      "{'question': 'It was  _  .', 'answer': 'A', 'options': [\"Tom's\", 'B', 'C', 'D']}, " +
      "{'question': 'Where did it sit?', 'answer': 'D', 'options': ['mat', 'the \"hat\"', 'sea', 'sky']}]",
  },
  sciq: {
    support: " Plants breathe.",
    question: "What do plants do?",
    distractor1: "sleep",
    distractor2: "walk",
    distractor3: "bark",
    correct_answer: "breathe",
  },
  arc_easy: {
    question: "What falls?",
    choices: { text: ["rain", "light", "time"], label: ["1", "2", "3"] },
    answerKey: "2",
  },
  social_iqa: {
    context: "Kai left.",
    question: "Why did Kai leave?",
    answerA: "to rest",
    answerB: "to stay",
    answerC: "to sing",
    label: "2",
  },
  winogrande: {
    sentence: "The cup missed the shelf as _ was low.",
    option1: "the cup",
    option2: "the shelf",
    answer: "2",
  },
} as const;

export type Published = keyof typeof records;

/** The file of a format. */
export const lines = (name: Published): string => `${JSON.stringify(records[name])}\n`;
