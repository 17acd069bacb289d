import { loopedTransformer, type PromptSize } from "../../src/models/presets.ts";
import { interleave } from "../../src/tasks/interleave.ts";
import type { PromptTask } from "../../src/tasks/task.ts";
import { rng } from "../../src/util/rng.ts";

/** y = w . x with w and x normal, in the least code that trains something. */
export const linearTask: PromptTask = {
  name: "linear",
  dims: 2,
  outputs: 1,
  tokenWidth: 2,
  points: 5,
  draw({ seed, stream, batch, points, dims, noise = 0 }) {
    const width = 2;
    const random = rng(seed, "linear", stream);
    const normals = (count: number) =>
      Float32Array.from({ length: count }, (_, index) => (index % width < dims ? random.normal() : 0));
    const problem = normals(batch * width);
    const inputs = normals(batch * points * width);
    const labels = Float32Array.from({ length: batch * points }, (_, row) => {
      const prompt = Math.floor(row / points);
      let sum = noise > 0 ? noise * random.normal() : 0;
      for (let d = 0; d < width; d++)
        sum += (problem[prompt * width + d] as number) * (inputs[row * width + d] as number);
      return sum;
    });
    return { problem, ...interleave({ batch, points, dims: width, outputs: 1, inputs, labels }) };
  },
};

export const tinyPrompts: PromptSize = { inputs: 2, context: 11, width: 8, heads: 2, mlp: 12, loops: 4 };
export const tinyLooped = loopedTransformer(tinyPrompts);
