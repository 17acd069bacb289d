import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GyreError } from "gyre";
import { loadWeights, openRun, readSafetensorsFile } from "gyre/node";
import type { Rng } from "../../packages/gyre/src/util/rng.ts";
import type { FaultPart } from "./part.ts";
import { pick, randomOf, sharedOut } from "./part.ts";
import { tinyData, tinyRun } from "./tiny.ts";

type Mutation = (bytes: Uint8Array, random: Rng) => Uint8Array;

const headerEnd = (bytes: Uint8Array) => 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

/** Changes one number or word of the header's text, and writes it with the right length. */
function editHeader(bytes: Uint8Array, random: Rng): Uint8Array {
  const text = new TextDecoder().decode(bytes.subarray(8, headerEnd(bytes)));
  const found = [...text.matchAll(/\d+|"F32"|"dtype"|"shape"|"data_offsets"|[[\]{}:,]/g)];
  const spot = pick(found, random);
  const hostile = [
    "-1",
    "0",
    "1e309",
    "9007199254740993",
    "4294967296",
    '"F64"',
    "null",
    "[]",
    "{}",
    '"',
    "\\u0000",
  ];
  const edited = text.slice(0, spot.index) + pick(hostile, random) + text.slice(spot.index + spot[0].length);
  const header = new TextEncoder().encode(edited);
  const data = bytes.subarray(headerEnd(bytes));
  const all = new Uint8Array(8 + header.length + data.length);
  new DataView(all.buffer).setBigUint64(0, BigInt(header.length), true);
  all.set(header, 8);
  all.set(data, 8 + header.length);
  return all;
}

const mutations: Readonly<Record<string, Mutation>> = {
  "a bit of the header": (bytes, random) => flipped(bytes, random.below(headerEnd(bytes)), random),
  "a bit anywhere": (bytes, random) => flipped(bytes, random.below(bytes.length), random),
  "cut short": (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  "more at the end": (bytes, random) => Uint8Array.from([...bytes, ...noise(1 + random.below(64), random)]),
  "a hole": (bytes, random) =>
    bytes.map((byte, at, { length }) => (at > length / 2 && random.below(4) === 0 ? 0 : byte)),
  "another length of the header": (bytes, random) => {
    const changed = bytes.slice();
    new DataView(changed.buffer).setBigUint64(
      0,
      BigInt(random.below(2 ** 32)) * BigInt(1 + random.below(2 ** 16)),
      true,
    );
    return changed;
  },
  "a word of the header": editHeader,
  "two words of the header": (bytes, random) => {
    const once = editHeader(bytes, random);
    return editHeader(once, random);
  },
  noise: (_, random) => noise(random.below(4096), random),
};

function flipped(bytes: Uint8Array, at: number, random: Rng): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] as number) ^ (1 << random.below(8));
  return changed;
}

function noise(length: number, random: Rng): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** What a file says in the plainest reading of the format: every tensor's type, shape and bytes. */
function plainReading(bytes: Uint8Array): Map<string, string> {
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, headerEnd(bytes)))) as Record<
    string,
    Entry
  >;
  const data = bytes.subarray(headerEnd(bytes));
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(([name, { dtype, shape, data_offsets }]) => [
        name,
        describe({ dtype, shape, bytes: data.subarray(...data_offsets) }),
      ]),
  );
}

function describe({ dtype, shape, bytes }: { dtype: string; shape: readonly number[]; bytes: Uint8Array }) {
  return `${dtype} ${shape.join("x")} ${Buffer.from(bytes).toString("base64")}`;
}

/** Undefined, or what a reader did with a file that it should have refused or read as it is. */
async function fault(
  read: () => Promise<"same" | "other">,
  isUnchanged: boolean,
): Promise<string | undefined> {
  try {
    const outcome = await read();
    return outcome === "same" || isUnchanged ? undefined : "was read as something else";
  } catch (error) {
    return error instanceof GyreError ? undefined : `threw ${(error as Error).stack}`;
  }
}

/** Damaged safetensors files, alone and as the weights of a run, whose checksums know them. */
export const safetensors: FaultPart = {
  name: "safetensors",
  summary: "mutated safetensors files: refused in plain words, or read as they are",
  async run(context) {
    const run = join(context.folder, "run");
    await tinyRun(run, await tinyData(context.folder), context.seed);
    const weightsPath = join(run, "checkpoints", "step-000002", "model.safetensors");
    const good = new Uint8Array(await readFile(weightsPath));
    const loaded = await loadWeights(await openRun(run));
    const alone = join(context.folder, "alone.safetensors");
    const attacks = sharedOut(8000, context);
    const broken: string[] = [];
    for (let attack = 0; attack < attacks; attack++) {
      const random = randomOf(context, "safetensors", attack);
      const kind = pick(Object.keys(mutations), random);
      const bytes = mutations[kind]?.(good, random) ?? good;
      const isRun = attack % 2 === 1;
      await writeFile(isRun ? weightsPath : alone, bytes);
      const isUnchanged = Buffer.compare(bytes, good) === 0;
      const problem = await fault(async () => {
        if (isRun) {
          // a damaged newest checkpoint is passed over for the one before
          const { step } = await loadWeights(await openRun(run));
          return step === (isUnchanged ? loaded.step : loaded.step - 1) ? "same" : "other";
        }
        const { tensors } = await readSafetensorsFile(alone);
        const expected = plainReading(bytes);
        const isSame = [...tensors].every(([name, tensor]) => describe(tensor) === expected.get(name));
        return isSame && tensors.size === expected.size ? "same" : "other";
      }, isUnchanged);
      if (problem) broken.push(`attack ${attack}, ${kind}${isRun ? " in a run" : ""}: ${problem}`);
      if (attack % 500 === 499) context.note(`${attack + 1} of ${attacks}`);
    }
    return { attacks, broken, measured: `${Object.keys(mutations).length} kinds` };
  },
};
