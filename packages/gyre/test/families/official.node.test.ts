import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readOfficialFolder, writeOfficialFolder } from "../../src/families/official.node.ts";
import { readOfficial, writeOfficial } from "../../src/families/official.ts";
import { initialWeights } from "../../src/models/parameters.ts";
import { loopformer } from "../../src/models/presets.ts";
import { rejectionOf } from "../checkpoint/helpers.ts";

const spec = loopformer({ vocab: 9, context: 4, width: 4, heads: 2, mlp: 6, layers: 1, loops: 3 });
const files = writeOfficial({ spec, weights: initialWeights(spec, 1), dtype: "BF16" });
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyre-official-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("folders come back byte for byte", async () => {
  const [first, second] = [join(folder, "a", "b"), join(folder, "c")];
  await writeOfficialFolder(first, files);
  await writeOfficialFolder(second, writeOfficial(readOfficial(await readOfficialFolder(first))));
  for (const name of ["config.json", "model.safetensors"]) {
    expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)));
  }
});

it("a model that is there is replaced only by force", async () => {
  await writeOfficialFolder(folder, files);
  expect((await rejectionOf(writeOfficialFolder(folder, files))).message).toContain(
    `OFFICIAL_EXISTS: ${join(folder, "config.json")} exists`,
  );
  const other = writeOfficial({ spec, weights: initialWeights(spec, 2) });
  await writeOfficialFolder(folder, other, { force: true });
  expect(readOfficial(await readOfficialFolder(folder)).weights).toEqual(initialWeights(spec, 2));
});

it("what is missing or in another form is named, with the way out", async () => {
  const codeOf = async () => (await rejectionOf(readOfficialFolder(folder))).message;
  expect(await codeOf()).toContain(`OFFICIAL_FOLDER: ${folder}: no config.json and no model.safetensors`);
  await writeFile(join(folder, "config.json"), files.config);
  expect(await codeOf()).toContain(`${folder}: no model.safetensors`);
  await writeFile(join(folder, "ckpt.pt"), "");
  expect(await codeOf()).toContain(`CHECKPOINT_TORCH: ${join(folder, "ckpt.pt")}`);
  await writeFile(join(folder, "model.safetensors.index.json"), "{}");
  expect(await codeOf()).toMatch(
    /CHECKPOINT_SHARDED.*weights in several files.*safetensors\.torch\.save_file/s,
  );
  await rm(folder, { recursive: true });
  expect(await codeOf()).toContain(`${folder}: no folder that can be read`);
  await mkdir(folder);
});

it("a path that cannot be a folder is refused", async () => {
  await writeFile(join(folder, "file"), "");
  expect((await rejectionOf(writeOfficialFolder(join(folder, "file"), files))).code).toBe("CHECKPOINT_WRITE");
});
