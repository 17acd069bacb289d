import { readFileSync } from "node:fs";
import { openCorpus } from "../../packages/gyre/src/data/corpus.node.ts";
import { prepareDataset } from "../../packages/gyre/src/data/prepare.node.ts";

// prepare.ts SOURCE OUT THREADS: prepares a corpus of files, and prints its times and the peak memory of this process.

const [source = "", out = "", threads = "1"] = process.argv.slice(2);
const start = performance.now();
const documents = await openCorpus({ source });
const { manifest } = await prepareDataset({
  documents,
  source,
  tokenizer: { kind: "bpe", vocab: 4096 },
  out,
  threads: Number(threads),
});
const seconds = (performance.now() - start) / 1000;
const kib = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0);
const tokens = manifest.train.tokens + manifest.validation.tokens;
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMiB: kib / 1024, tokens }));
