export { type BpeTokenizer, bpeTokenizer } from "./bpe.ts";
export { type Document, type DocumentSplit, dateRange, splitDocuments } from "./document.ts";
export { type DatasetManifest, manifestSchema, type SplitManifest } from "./manifest.ts";
export {
  bytesTokenizer,
  type DecodeStream,
  END_OF_TEXT,
  type Tokenizer,
  type TokenizerKind,
} from "./tokenizer.ts";
export {
  type Batch,
  type BatchOptions,
  batch,
  type EvaluationWindow,
  evaluationWindows,
  type TokenSplit,
  windowCount,
} from "./windows.ts";
