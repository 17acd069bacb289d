import { readFileSync } from "node:fs";
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
// Linux hands a process's highest resident size on to its children, in resourceUsage but not in VmHWM
const kilobytes =
  process.platform === "linux"
    ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1])
    : process.resourceUsage().maxRSS;
process.stdout.write(String(kilobytes * 1024));
