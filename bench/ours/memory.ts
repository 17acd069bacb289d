import { readFileSync } from "node:fs";
import { memorySplit } from "../../packages/gyre/src/data/windows.ts";
import { loopedTransformer, presets } from "../../packages/gyre/src/models/presets.ts";
import { openOnnxRuntime } from "../../packages/gyre/src/runtime/onnx.node.ts";
import { vectorTaskNamed } from "../../packages/gyre/src/tasks/vectors/index.ts";
import { promptNeeds, type TrainingNeeds, textNeeds } from "../../packages/gyre/src/train/needs.ts";
import type { TrainEvent } from "../../packages/gyre/src/train/optimise.ts";
import { parseTraining } from "../../packages/gyre/src/train/options.ts";
import { parsePromptTraining } from "../../packages/gyre/src/train/prompt-options.ts";
import { trainPrompts } from "../../packages/gyre/src/train/prompts.ts";
import { train } from "../../packages/gyre/src/train/text.ts";
import type { MemoryCase } from "../memory.ts";

// memory.ts CASE THREADS: trains for a few steps, and prints the estimate of its memory beside the peak of this process.

const steps = 3;
const [words = "{}", threads = "1"] = process.argv.slice(2);
const given = JSON.parse(words) as MemoryCase;
await using runtime = await openOnnxRuntime({ threads: Number(threads), keep: 1 });
const { needs, events } = given.trained === "text" ? text(given) : prompts(given);
for await (const _ of events);
const estimated = needs.fixedBytes + needs.stepBytes;
const kib = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0);
console.log(JSON.stringify({ estimatedMiB: estimated / 2 ** 20, peakMiB: kib / 1024 }));

interface Going {
  readonly needs: TrainingNeeds;
  readonly events: AsyncIterable<TrainEvent>;
}

function text({ family, size, batch, recompute }: Extract<MemoryCase, { trained: "text" }>): Going {
  const spec = presets[family](size);
  const kind = family === "loopformer" ? "elastic" : "final";
  const training = parseTraining({ objective: { kind }, steps, batch, recompute }, spec);
  const ids = Uint16Array.from({ length: 4 * batch * size.context }, (_, at) => (7 * at * at) % size.vocab);
  const events = train({ spec, training, runtime, data: memorySplit(ids) });
  return { needs: textNeeds(spec, training), events };
}

function prompts({ size, batch, window, recompute }: Extract<MemoryCase, { trained: "prompts" }>): Going {
  const task = vectorTaskNamed("linear");
  const { tokenWidth: inputs, points } = task;
  const spec = loopedTransformer({ ...size, inputs, context: 2 * points + 1 });
  const training = parsePromptTraining({ steps, batch, window, recompute }, spec, task);
  return {
    needs: promptNeeds(spec, training, task),
    events: trainPrompts({ spec, training, task, runtime }),
  };
}
