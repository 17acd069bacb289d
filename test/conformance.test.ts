import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  toFloat32,
} from "../packages/gyre/src/checkpoint/safetensors.ts";

const repository = fileURLToPath(new URL("../", import.meta.url));
const golden = (name: string) => join(repository, `golden/oracle/${name}.safetensors`);
const folder = mkdtempSync(join(tmpdir(), "gyre-conformance-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function conformance(...files: string[]) {
  const node = ["--import", import.meta.resolve("tsx"), "--conditions", "@gyre/source"];
  const script = join(repository, "scripts/conformance.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, script, ...files], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("a case that is met: a line for each quantity on both runtimes, and exit code 0", () => {
  const { status, stdout } = conformance(golden("base"));
  expect(status).toBe(0);
  expect(stdout).toMatch(/base\.safetensors on onnxruntime-node[\s\S]*base\.safetensors on interpreter/);
  const line = /^ {2}ok {6}out\/logits_long +\d\.\d\de-\d+ {2}\(tolerance \de-\d\)$/gm;
  expect(stdout.match(line)).toHaveLength(2);
  expect(stdout).toMatch(/^ {2}ok {6}grad\/transformer\.wte\.weight /m);
  expect(stdout).toMatch(/^ {2}ok {6}stepped\/transformer\.wte\.weight /m);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("all ok");
});

test("a case with prompts: every prediction, the loss and every gradient on both runtimes", () => {
  const { status, stdout } = conformance(golden("looped_icl"));
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("all ok");
  expect(status).toBe(0);
  expect(stdout.match(/^ {2}ok {6}out\/pred_[5-9] /gm)).toHaveLength(10);
  expect(stdout.match(/^ {2}ok {6}grad\/_/gm)).toHaveLength(2 * 19);
});

test("one wrong weight is found, and exit code 1", () => {
  const file = decodeSafetensors(readFileSync(golden("loopformer")), "loopformer");
  const name = "param/transformer.h.blocks.1.mlp.c_fc.weight";
  const stored = file.tensors.get(name)!;
  const weights = toFloat32(stored, name).slice();
  weights[0] = weights[0]! + 0.01;
  const tensors = new Map(file.tensors).set(name, { ...stored, bytes: new Uint8Array(weights.buffer) });
  const path = join(folder, "tampered.safetensors");
  writeFileSync(path, encodeSafetensors({ ...file, tensors }));
  const { status, stdout } = conformance(path);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^ {2}NOT ok {2}out\/hidden_long/m);
  expect(stdout).toMatch(/^\d+ NOT ok$/m);
});

test("a file of another kind and one that is not there are refused with what was expected", () => {
  const other = join(folder, "other.safetensors");
  writeFileSync(other, encodeSafetensors({ tensors: new Map(), metadata: { model: "other" } }));
  const { status, stdout } = conformance(other, join(folder, "none.safetensors"));
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /NOT ok {2}CASE: .*"other".*\n {2}expected: base, base_loop, tmlt, loopformer or looped/,
  );
  expect(stdout).toMatch(/NOT ok .*none\.safetensors/);
});

test("without files it says how it is used, and exits 2", () => {
  const { status, stdout } = conformance();
  expect([status, stdout]).toEqual([2, expect.stringContaining("npm run conformance -- FILE...")]);
});
