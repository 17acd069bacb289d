import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkCase } from "../../../scripts/conformance-case.ts";
import { interpreterRuntime } from "../src/runtime/interpreter.ts";
import { openOnnxRuntime } from "../src/runtime/onnx.node.ts";

const runtimes = {
  "onnxruntime, float32": () => openOnnxRuntime({ threads: 2 }),
  "interpreter, float64": async () => interpreterRuntime(),
} as const;

for (const [name, open] of Object.entries(runtimes)) {
  describe(`what the official code computed, on ${name}`, () => {
    test.each(["base", "base_loop", "tmlt", "loopformer", "greedy", "looped_icl"])("%s", async (file) => {
      await using runtime = await open();
      const path = fileURLToPath(new URL(`../../../golden/oracle/${file}.safetensors`, import.meta.url));
      const quantities = await checkCase(readFileSync(path), file, runtime);
      expect(quantities.length).toBeGreaterThan(7);
      expect(quantities.filter(({ ok }) => !ok)).toEqual([]);
    });
  });
}
