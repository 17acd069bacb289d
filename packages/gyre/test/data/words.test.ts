import { Tokenizer as Native } from "tokenizers";
import { describe, expect, it } from "vitest";
import { tokenizerFromJson } from "../../src/data/tokenizer-json.ts";
import { wordsJson, wordsTokenizer } from "../../src/data/words.ts";
import { tokenTasks } from "../../src/tasks/tokens/index.ts";
import { errorOf } from "../checkpoint/helpers.ts";

const json = wordsJson(["_", "123", "132", "("]);
const tokenizer = wordsTokenizer(json);

describe("wordsTokenizer", () => {
  it("has an id for each word, whatever the white space", () => {
    expect([...tokenizer.encode(" 132 123\n(")]).toEqual([2, 1, 3]);
    expect(tokenizer.decode([2, 1, 3])).toBe("132 123 ( ");
    expect([tokenizer.vocab, tokenizer.endOfText, tokenizer.byteLength(0)]).toEqual([4, 0, 0]);
    expect([...tokenizer.encode("123<|endoftext|>132")]).toEqual([1, 0, 2]);
  });

  it("reads as the Hugging Face library does, for every task", async () => {
    for (const { name, vocabulary } of tokenTasks) {
      const [, ...words] = vocabulary;
      const file = wordsJson(vocabulary);
      const ids = (await Native.fromString(file).encode(words.join(" "))).getIds();
      expect([...tokenizerFromJson(file).encode(words.join(" "))], name).toEqual([...ids]);
      expect([...ids], name).toEqual(words.map((_, at) => at + 1));
    }
  });

  it("names a word that the vocabulary lacks, and what is wrong with a file", () => {
    expect(errorOf(() => tokenizer.encode("123 321")).message).toMatchInlineSnapshot(`
      "DATA_WORD: the word "321", which the vocabulary lacks
        expected: words of the model's task, between spaces: 132 <|endoftext|> (
        fix: see the words of a task with \`gyre tasks show TASK --vocabulary\`"
    `);
    const broken = (change: object) => () =>
      tokenizerFromJson(JSON.stringify({ ...JSON.parse(json), ...change }), "t.json");
    expect(errorOf(broken({ pre_tokenizer: { type: "Whitespace" } })).code).toBe("DATA_TOKENIZER");
    const model = { type: "WordLevel", vocab: { "<|endoftext|>": 0, a: 2 } };
    expect(errorOf(broken({ model })).message).toContain("t.json: ids that do not run from 0");
    expect(errorOf(() => tokenizerFromJson("{", "t.json")).message).toContain("t.json: not JSON");
  });
});
