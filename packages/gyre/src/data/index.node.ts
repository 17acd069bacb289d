export { loadBpe, saveBpe, trainBpe } from "./bpe.node.ts";
export { loadCorpus } from "./corpus.node.ts";
export { gpt2Tokenizer } from "./gpt2.node.ts";
export {
  type Dataset,
  openDataset,
  type PrepareOptions,
  prepareDataset,
  type TokenizerChoice,
} from "./shards.node.ts";
