import { expect, test } from "vitest";
import { algoformer, baseLoop, loopedTransformer, modelSpec } from "../../src/models/presets.ts";
import { errorOf } from "../checkpoint/helpers.ts";

// Models in few words, over a vocabulary.

const size = { context: 24, width: 32, heads: 4, mlp: 128, layers: 1, loops: 8 };
const vectors = { ...size, inputs: 5, outputs: 3 };

test.each([
  ["loopedTransformer", loopedTransformer(vectors)],
  ["algoformer", algoformer(vectors)],
] as const)(
  "%s over a vocabulary is the paper's model but for what goes in and comes out",
  (family, spec) => {
    const readout = { kind: "tokens", tied: true };
    expect(modelSpec({ ...size, family }, 7)).toEqual({ ...spec, vocab: 7, readout });
  },
);

test("injection, layers around the core and a head of its own are options of every model", () => {
  const plain = baseLoop({ ...size, vocab: 7 });
  expect(modelSpec({ ...size, family: "baseLoop" }, 7)).toEqual(plain);
  const options = { inject: "add", prelude: 1, coda: 2, readout: "untied" } as const;
  expect(modelSpec({ ...size, family: "baseLoop", ...options }, 7)).toEqual({
    ...plain,
    inject: "add",
    layers: { prelude: 1, core: 1, coda: 2 },
    readout: { kind: "tokens", tied: false },
  });
  expect(modelSpec({ ...size, family: "loopedTransformer", inject: "multiply" }, 7)).toMatchObject({
    inject: "multiply",
    start: "ones",
  });
});

test("a core that starts from zeros needs its input", () => {
  const error = errorOf(() => modelSpec({ ...size, family: "algoformer", inject: "none" }, 7));
  expect([error.code, error.message]).toEqual(["SPEC_INVALID", expect.stringContaining("start: from zeros")]);
});
