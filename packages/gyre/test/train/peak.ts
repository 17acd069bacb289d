import process from "node:process";
import { memorySplit } from "../../src/data/windows.ts";
import type { Spec } from "../../src/models/spec.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { TrainingInput } from "../../src/train/options.ts";
import { train } from "../../src/train/text.ts";

// A process that trains as argv says and writes the most memory that it had, in bytes.

const { spec, training } = JSON.parse(process.argv[2] as string) as { spec: Spec; training: TrainingInput };
const tokens = Uint16Array.from({ length: 20_000 }, (_, index) => (index * 7919) % spec.vocab);
const runtime = await openOnnxRuntime({ threads: 2 });
for await (const _ of train({ spec, training, runtime, data: memorySplit(tokens) }));
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
